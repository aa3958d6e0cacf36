//! What the transaction of an import records besides the list: a row in the audit, and the end of its job.

use std::net::IpAddr;

use serde_json::json;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::changes::audit::{self, AuditEntry};
use crate::changes::jobs::{FINISH, JobEnd};
use crate::db::error::Error;
use crate::lists::import_rows::{ImportCounts, ListOrigin};

/// Records of an import, committed with the list.
#[derive(Clone, Debug)]
pub enum ImportRecord {
    /// A row in the audit, with the actor and the client.
    Audit {
        /// The kind of the actor, as in the audit.
        actor_kind: &'static str,
        /// The name of the actor, as in the audit.
        actor: String,
        /// Network address of the request.
        address: Option<IpAddr>,
        /// Program of the request.
        user_agent: Option<String>,
        /// Id of the request.
        request_id: Option<Uuid>,
    },
    /// The end of this job, which this worker executes. If the worker has lost the job, nothing is imported.
    Job {
        /// The job.
        id: i64,
        /// The worker.
        worker: String,
    },
}

impl ImportRecord {
    /// Writes the record in the transaction of this connection.
    pub(crate) async fn write(
        &self,
        client: &Client,
        campaign: i64,
        counts: &ImportCounts,
        (import, origin): (i64, &ListOrigin),
    ) -> Result<(), Error> {
        let left_out = counts.left_out;
        let mut numbers = json!({
            "uploaded": counts.uploaded,
            "imported": counts.imported,
            "duplicates": left_out.duplicates,
            "suppressed": left_out.suppressed,
            "excluded": left_out.excluded,
            "rejected": left_out.rejected,
        });
        match self {
            Self::Audit { actor_kind, actor, address, user_agent, request_id } => {
                let entry = AuditEntry {
                    actor_kind,
                    actor,
                    action: "campaign.import",
                    object_kind: "campaign",
                    object: Some(&campaign.to_string()),
                    outcome: "done",
                    details: &numbers,
                    address: *address,
                    user_agent: user_agent.as_deref(),
                    request_id: *request_id,
                };
                client.execute(audit::INSERT, &audit::values(&entry)).await?;
            }
            Self::Job { id, worker } => {
                let reasons = origin.reasons.iter().map(|(reason, n)| json!({ "reason": reason, "rows": n }));
                let list = "select count(*) from import where campaign_id = $1 and id <= $2";
                numbers["list"] =
                    client.query_one(list, &[&campaign, &import]).await?.get::<_, i64>(0).into();
                numbers["hidden"] = origin.hidden.into();
                numbers["header"] = origin.header.as_str().into();
                numbers["reasons"] = reasons.collect();
                let (state, result, problem, detail) = JobEnd::Done(&numbers).columns();
                let ended = client.execute(FINISH, &[id, worker, &state, &result, &problem, &detail]).await?;
                if ended == 0 {
                    return Err(Error::Conflict(format!(
                        "job {id} was given up meanwhile, by a person or because this process did not reach PostgreSQL; nothing was \
                         imported; upload the list again"
                    )));
                }
            }
        }
        Ok(())
    }
}
