//! Reading and verifying the audit.

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

    /// The first row of the audit that was changed or does not follow the row before; `None` if the chain is whole. Reads all rows.
    pub async fn first_broken_audit_row(&self, caller: &Caller) -> Result<Option<i64>, Error> {
        let attempt = Attempt::new(caller, Action::ViewAudit, Object::Installation);
        self.act(attempt, async { Ok((self.store.first_broken_audit_row().await?, json!({}))) }).await
    }
}
