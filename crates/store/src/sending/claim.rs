//! Claims a batch of recipients: one statement, in one transaction and one round trip with the claim lock.
//!
//! Nearly all recipients are `pending` and are claimed by the shorter statement of `claim_pending.rs`. This statement handles
//! all others.
//!
//! The statement locks the rows that are due, takes permits for exactly that many, and then marks the rows as `sending`. If it
//! is refused, nothing is claimed. The permits are the last step that can be refused, so the row lock of the gate is held only
//! for the update and the commit. The answer is one row with the recipients in arrays, so that common values are computed and
//! sent once. Rows are locked in their physical order (`ctid`), and only waiting rows are locked. So a claim may block
//! another claim or a cancellation for a moment, but cannot deadlock with a record.
//!
//! Before permits are taken, recipients that must not be written to become `skipped`: suppressed recipients, and recipients
//! whose 24-hour window is closed in a campaign without a template. They become `skipped` even if the rest is refused. That
//! costs two look-ups by key per recipient. The joins are lateral with a limit, so that PostgreSQL looks up each recipient by
//! key whatever the statistics are.

use std::sync::LazyLock;
use std::time::Duration;

use campaign::{CampaignId, ClaimId, SenderId, Seq};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::metrics;
use crate::db::sql::expand;
use crate::db::volume::{of_campaign, written_for};
use crate::sending::claim_answer::{Claim, ClaimAnswer, ClaimRefusal, read_refusal};
use crate::sending::claim_request::{CLAIM_LOCK, ClaimRequest};
use crate::sending::fragments::{FRAGMENTS, OF_CLAIM};

pub(crate) static STATEMENT: LazyLock<String> =
    LazyLock::new(|| of_campaign(5, &expand(&expand(include_str!("claim.sql"), FRAGMENTS), OF_CLAIM)));

impl Store {
    /// Claims the recipients among `seqs` that are due, with one permit each, for the time `lease`.
    pub async fn claim(
        &self,
        sender: SenderId,
        campaign: CampaignId,
        seqs: &[Seq],
        (worker, lease): (Uuid, Duration),
    ) -> Result<ClaimAnswer, Error> {
        let seqs: Vec<i32> = seqs.iter().map(|seq| seq.0).collect();
        let lease_ms = f64::from(u32::try_from(lease.as_millis()).unwrap_or(u32::MAX));
        let request = ClaimRequest { sender, campaign, seqs, worker, lease_ms };
        match self.claim_pending(&request).await? {
            Some(claimed) => Ok(claimed),
            None => self.claim_any(&request).await,
        }
    }

    /// The claims of this worker after its claim `after`, with their recipients. If the answer to a claim is lost, the claim may
    /// exist all the same; the worker finds it here. The call waits for a claim that is still being made.
    pub async fn claims_after(
        &self,
        sender: SenderId,
        worker: Uuid,
        after: ClaimId,
    ) -> Result<Vec<(CampaignId, ClaimId, Vec<Seq>)>, Error> {
        let select = "
            select campaign_id, id, seqs from claim where sender_id = $1 and worker = $2 and id > $3 order by id";
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        tx.execute(&tx.prepare_cached(CLAIM_LOCK).await?, &[&sender.0]).await?;
        let rows = tx.query(&tx.prepare_cached(select).await?, &[&sender.0, &worker, &after.0]).await?;
        tx.commit().await?;
        let read = |row: &Row| {
            let seqs: Vec<i32> = row.get(2);
            (CampaignId(row.get(0)), ClaimId(row.get(1)), seqs.into_iter().map(Seq).collect())
        };
        Ok(rows.iter().map(read).collect())
    }

    /// Claims pending recipients and retries that are due, at any gate.
    async fn claim_any(&self, request: &ClaimRequest) -> Result<ClaimAnswer, Error> {
        let client = self.client().await?;
        let prepared = client.prepare_cached(&written_for(request.campaign, &STATEMENT)).await?;
        let (asked, answer) = metrics::CLAIM.time(request.ask(&client, &prepared)).await?;
        let Some(answer) = answer else {
            // The campaign or the sender was deleted: the message is outdated.
            return Ok(ClaimAnswer::Refused(ClaimRefusal::NothingDue));
        };
        if answer.get::<_, Option<i64>>("claim_id").is_none() {
            return Ok(ClaimAnswer::Refused(read_refusal(&answer)));
        }
        let claim = self.read_claim(&answer, asked)?;
        Ok(ClaimAnswer::Granted(Claim { may_be_cut: answer.get("may_be_cut"), ..claim }))
    }
}
