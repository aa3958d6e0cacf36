//! Verifying the audit.

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control};
use crate::error::Error;

/// The result of a check of the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditCheck {
    /// The last row; `None` if there are no rows. Keep its number and its hash elsewhere: rows that are removed at the end break no chain.
    #[schema(required)]
    pub last: Option<LastAuditRow>,
    /// The first row that was changed or does not follow the row before; `None` if the chain is whole.
    #[schema(required)]
    pub first_broken: Option<i64>,
}

/// The last row of the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LastAuditRow {
    /// The number of the row, which is also the number of rows.
    pub audit_id: i64,
    /// The hash of the row, in hexadecimal.
    pub hash: String,
}

impl Control {
    /// Checks the hashes of all rows.
    pub async fn verify_audit(&self, caller: &Caller) -> Result<AuditCheck, Error> {
        let attempt = Attempt::new(caller, Action::ViewAudit, Object::Installation);
        self.act(attempt, async {
            let last = self.store.last_audit_row().await?;
            let last = last.map(|(audit_id, hash)| LastAuditRow { audit_id, hash });
            let first_broken = self.store.first_broken_audit_row().await?;
            Ok((AuditCheck { last, first_broken }, json!({})))
        })
        .await
    }
}
