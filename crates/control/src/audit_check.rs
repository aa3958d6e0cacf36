//! Verifying the audit.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control};
use crate::error::Error;

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
