//! A request for a claim, and its transaction.

use campaign::{CampaignId, SenderId};
use tokio::time::Instant;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};
use uuid::Uuid;

use crate::db::pool::Connection;

/// The claim lock of a sender: claims of a sender wait for each other before they read. A claim that waited for the row of the
/// gate would be evaluated a second time by PostgreSQL, with all its look-ups. The claim lock only saves time; the row lock of
/// the gate enforces the rate.
pub(crate) const CLAIM_LOCK: &str = "select from claim_lock where sender_id = $1 for update";

/// The recipients that a worker wants to claim.
pub(crate) struct ClaimRequest {
    pub(crate) sender: SenderId,
    pub(crate) campaign: CampaignId,
    pub(crate) seqs: Vec<i32>,
    pub(crate) worker: Uuid,
    pub(crate) lease_ms: f64,
}

impl ClaimRequest {
    /// Takes the claim lock of the sender and executes this statement, in one transaction. All four statements are sent at once
    /// and answered in order, so the transaction is one round trip. Returns when the request was sent, and the row.
    pub(crate) async fn ask(
        &self,
        client: &Connection,
        statement: &Statement,
    ) -> Result<(Instant, Option<Row>), tokio_postgres::Error> {
        let take_lock = client.prepare_cached(CLAIM_LOCK).await?;
        let of_sender: [&(dyn ToSql + Sync); 1] = [&self.sender.0];
        let wanted: [&(dyn ToSql + Sync); 5] =
            [&self.seqs, &self.sender.0, &self.worker, &self.lease_ms, &self.campaign.0];
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
