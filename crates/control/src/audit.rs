//! Reading and verifying the audit.

use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{AuditFilter, AuditRow};

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control};
use crate::error::Error;

/// Which rows of the audit are read; an empty field selects all.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Rows of this actor.
    pub actor: Option<String>,
    /// Rows of this action, such as `campaign.start`.
    pub action: Option<String>,
    /// Rows of this kind of object, such as `campaign`.
    pub object_kind: Option<String>,
    /// Rows of this object.
    pub object: Option<String>,
    /// Rows before this row.
    pub before: Option<i64>,
    /// The maximum number of rows.
    pub most: u32,
}

/// The result of a check of the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditCheck {
    /// The number of the last row, which is also the number of rows, and its hash in hexadecimal; `None` if there are no rows.
    /// Keep both elsewhere: rows that are removed at the end break no chain.
    pub last: Option<(i64, String)>,
    /// The first row that was changed or does not follow the row before; `None` if the chain is whole.
    pub first_broken: Option<i64>,
}

impl Control {
    /// Rows of the audit, newest first.
    pub async fn audit(&self, caller: &Caller, query: &AuditQuery) -> Result<Vec<AuditRow>, Error> {
        let attempt = Attempt::new(caller, Action::ViewAudit, Object::Installation);
        let filter = AuditFilter {
            actor: query.actor.as_deref(),
            action: query.action.as_deref(),
            object_kind: query.object_kind.as_deref(),
            object: query.object.as_deref(),
            before: query.before,
        };
        self.act(attempt, async { Ok((self.store.audit(filter, query.most).await?, json!({}))) }).await
    }

    /// Checks the hashes of all rows.
    pub async fn verify_audit(&self, caller: &Caller) -> Result<AuditCheck, Error> {
        let attempt = Attempt::new(caller, Action::ViewAudit, Object::Installation);
        self.act(attempt, async {
            let last = self.store.last_audit_row().await?;
            let first_broken = self.store.first_broken_audit_row().await?;
            Ok((AuditCheck { last, first_broken }, json!({})))
        })
        .await
    }
}
