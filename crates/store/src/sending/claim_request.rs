//! A request for a claim, and the transaction that carries it out.

use campaign::{CampaignId, SenderId};
use tokio::time::Instant;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};
use uuid::Uuid;

use crate::db::pool::Pooled;

/// The claim lock of a sender: its claims wait for each other before they look. One that waited for the gate's row would be
/// evaluated a second time by Postgres, with all that it looks up. The lock saves time only; the gate's row lock is what keeps
/// the rate.
pub(crate) const CLAIM_LOCK: &str = "select from claim_lock where sender_id = $1 for update";

/// Whom a worker wants to claim.
pub(crate) struct Wish {
    pub(crate) sender: SenderId,
    pub(crate) campaign: CampaignId,
    pub(crate) seqs: Vec<i32>,
    pub(crate) worker: Uuid,
    pub(crate) lease_ms: f64,
}

impl Wish {
    /// Takes the sender's claim lock and asks with this statement, in one transaction: all four are written at once and answered
    /// in this order, so it is one round trip. With the answer comes when it was asked for.
    pub(crate) async fn ask(
        &self,
        client: &Pooled,
        statement: &Statement,
    ) -> Result<(Instant, Option<Row>), tokio_postgres::Error> {
        let take_lock = client.prepare_cached(CLAIM_LOCK).await?;
        let of_sender: [&(dyn ToSql + Sync); 1] = [&self.sender.0];
        let wanted: [&(dyn ToSql + Sync); 4] = [&self.seqs, &self.sender.0, &self.worker, &self.lease_ms];
        let asked = Instant::now();
        let (begun, locked, answer, committed) = tokio::join!(
            client.batch_execute("begin"),
            client.execute(&take_lock, &of_sender),
            client.query_opt(statement, &wanted),
            client.batch_execute("commit"),
        );
        begun?;
        locked?;
        let answer = answer?;
        committed?;
        Ok((asked, answer))
    }
}
