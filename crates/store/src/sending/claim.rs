//! Claiming a batch of recipients: one statement, in one transaction and one round trip with the claim lock it takes before.
//!
//! Those who are pending, nearly all, are claimed a shorter way (`claim_pending.rs`); who is left over there comes here.
//!
//! It locks the rows that are still due, takes permits for exactly that many, and only then marks them as being sent.
//! Refused means nothing was claimed. The permits come last of what can be refused, and the gate's row lock is held over
//! the update and the commit only. The answer is one row, with the recipients in arrays: what is the same for all of them is
//! worked out and sent once. Rows are locked in the order of their places in the table, and only rows that wait are
//! locked, so a claim can block another claim or a cancellation for a moment but never deadlock with a recording.
//!
//! Before anything is counted, those who must not be written to become `skipped`: who is suppressed for the sender or for all, and
//! whose 24-hour window is known to be closed in a campaign that has no template for them. That holds even when the rest is
//! refused. Each costs two look-ups by key. The joins are lateral with a limit, so that each recipient is looked up by key
//! whatever the planner thinks of the tables.

use std::sync::LazyLock;
use std::time::Duration;

use campaign::{CampaignId, ClaimId, SenderId, Seq};
use tokio_postgres::Row;
use uuid::Uuid;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::sql::expand;
use crate::db::volume::written_for;
use crate::sending::claim_answer::{Claim, ClaimAnswer, ClaimRefusal, read_refusal};
use crate::sending::claim_request::{CLAIM_LOCK, Wish};
use crate::sending::fragments::{FRAGMENTS, OF_CLAIM};

pub(crate) static STATEMENT: LazyLock<String> =
    LazyLock::new(|| expand(&expand(include_str!("claim.sql"), FRAGMENTS), OF_CLAIM));

impl Store {
    /// Claims those of these recipients that are due, with as many permits of the sender's rate, for `lease` long.
    pub async fn claim(
        &self,
        sender: SenderId,
        campaign: CampaignId,
        seqs: &[Seq],
        (worker, lease): (Uuid, Duration),
    ) -> Result<ClaimAnswer, Error> {
        let seqs: Vec<i32> = seqs.iter().map(|seq| seq.0).collect();
        let lease_ms = f64::from(u32::try_from(lease.as_millis()).unwrap_or(u32::MAX));
        let wish = Wish { sender, campaign, seqs, worker, lease_ms };
        match self.claim_pending(&wish).await? {
            Some(claimed) => Ok(claimed),
            None => self.claim_any(&wish).await,
        }
    }

    /// The claims of this worker behind its claim `after`, with their recipients. When an answer to a claim does not come,
    /// the claim may have been made all the same; the worker then finds it here. A claim that is still being made is
    /// waited for.
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

    /// Whatever they are.
    async fn claim_any(&self, wish: &Wish) -> Result<ClaimAnswer, Error> {
        let client = self.client().await?;
        let prepared = client.prepare_cached(&written_for(wish.campaign, &STATEMENT)).await?;
        let (asked, answer) = wish.ask(&client, &prepared).await?;
        let Some(answer) = answer else {
            // The campaign or the sender was deleted: the message is stale.
            return Ok(ClaimAnswer::Refused(ClaimRefusal::NothingDue));
        };
        if answer.get::<_, Option<i64>>("claim_id").is_none() {
            return Ok(ClaimAnswer::Refused(read_refusal(&answer)));
        }
        let claim = self.read_claim(&answer, asked)?;
        Ok(ClaimAnswer::Granted(Claim { may_be_cut: answer.get("may_be_cut"), ..claim }))
    }
}
