//! Recording outcomes in batches, and settling the messages after the commit. The order is visible here and nowhere
//! else: record, commit, acknowledge.
//!
//! There is no timer: while one batch is being committed the next one gathers, and what finishes in the same moment comes too.

use std::collections::{BTreeMap, HashMap};

use broker::{Receipt, Settlement, Settler};
use campaign::{CampaignId, ClaimId, SenderId};
use failpoint::Place;
use futures::FutureExt;
use store::{RecordedOutcome, Store};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;

use crate::waiting::Waiting;

/// Most outcomes of one commit.
const MOST: usize = 500;

/// What became of one recipient, and the messages to settle when that is committed.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The campaign.
    pub(crate) campaign: CampaignId,
    /// What became of the recipient.
    pub(crate) outcome: RecordedOutcome,
    /// The messages that brought it.
    pub(crate) receipts: Vec<Receipt>,
    /// How many recipients its claim holds.
    pub(crate) claim_size: usize,
    /// Its place among those under way, given up when it is recorded: what a worker that dies leaves open is bounded.
    pub(crate) place: Option<OwnedSemaphorePermit>,
}

/// Records what lanes push to it.
pub(crate) struct Recorder {
    pub(crate) store: Store,
    pub(crate) sender: SenderId,
    pub(crate) settler: Settler,
    /// Gives up waiting for Postgres; cancelled when the time to drain is over.
    pub(crate) give_up: CancellationToken,
}

impl Recorder {
    /// Works until every pushing end is dropped and all was recorded.
    pub(crate) async fn run(self, mut finished: mpsc::Receiver<Finished>) {
        let mut open_claims = HashMap::new();
        let mut batch = Vec::with_capacity(MOST);
        while finished.recv_many(&mut batch, MOST).await > 0 {
            gather(&mut finished, &mut batch).await;
            let mut campaigns: BTreeMap<CampaignId, Vec<Finished>> = BTreeMap::new();
            for finished in batch.drain(..) {
                campaigns.entry(finished.campaign).or_default().push(finished);
            }
            for (campaign, finished) in campaigns {
                self.record(campaign, finished, &mut open_claims).await;
            }
        }
    }

    async fn record(
        &self,
        campaign: CampaignId,
        finished: Vec<Finished>,
        open_claims: &mut HashMap<ClaimId, usize>,
    ) {
        let closed = closed_by(&finished, open_claims);
        let (mut outcomes, mut receipts, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for Finished { outcome, receipts: its, place, .. } in finished {
            outcomes.push(outcome);
            receipts.extend(its);
            places.push(place);
        }
        let settlement = self.commit(campaign, &outcomes, &closed).await;
        failpoint::pass(Place::AfterRecord);
        drop(places);
        self.settler.settle_many(receipts.into_iter().map(|receipt| (receipt, settlement)).collect());
    }

    /// Commits these outcomes, and says what that means for their messages.
    async fn commit(
        &self,
        campaign: CampaignId,
        outcomes: &[RecordedOutcome],
        closed: &[ClaimId],
    ) -> Settlement {
        let mut waiting = Waiting::new(&self.give_up, "recording");
        let recorded = loop {
            let recorded = self.store.record(self.sender, campaign, outcomes, closed).await;
            if let Err(error) = &recorded
                && waiting.again(error).await
            {
                continue;
            }
            break recorded;
        };
        match recorded {
            Ok(changed) => {
                let late = outcomes.len().saturating_sub(usize::try_from(changed).unwrap_or(usize::MAX));
                if late > 0 {
                    tracing::warn!(campaign.id = %campaign, late, "{late} outcomes came too late to count");
                }
                Settlement::Done
            }
            // The claim stands and its lease will end; the messages are stale by then.
            Err(error) if error.is_transient() => Settlement::Return,
            Err(_) if outcomes.len() > 1 => self.commit_singly(campaign, outcomes, closed).await,
            Err(error) => {
                let seqs: Vec<i32> = outcomes.iter().map(|outcome| outcome.seq.0).collect();
                tracing::error!(
                    error = &error as &dyn std::error::Error, campaign.id = %campaign, ?seqs,
                    "an outcome cannot be recorded and stays open until its lease ends: {error}"
                );
                Settlement::Done
            }
        }
    }

    /// One by one, so that one outcome the database refuses does not keep the others from being recorded.
    async fn commit_singly(
        &self,
        campaign: CampaignId,
        outcomes: &[RecordedOutcome],
        closed: &[ClaimId],
    ) -> Settlement {
        for outcome in outcomes {
            let _settled_together = Box::pin(self.commit(campaign, std::slice::from_ref(outcome), &[])).await;
        }
        Box::pin(self.commit(campaign, &[], closed)).await
    }
}

/// Lets those come too that are about to finish: as long as each turn of the runtime brings some, up to a full commit. A
/// turn that has nothing to do is over at once, so nobody waits for anybody who is not there.
async fn gather<T>(finished: &mut mpsc::Receiver<T>, batch: &mut Vec<T>) {
    while batch.len() < MOST {
        tokio::task::yield_now().await;
        let more = finished.recv_many(batch, MOST - batch.len()).now_or_never();
        if more.is_none_or(|n| n == 0) {
            return;
        }
    }
}

/// The claims whose last outcome is among these.
fn closed_by(finished: &[Finished], open_claims: &mut HashMap<ClaimId, usize>) -> Vec<ClaimId> {
    let mut closed = Vec::new();
    for Finished { outcome, claim_size, .. } in finished {
        let left = open_claims.entry(outcome.claim).or_insert(*claim_size);
        *left = left.saturating_sub(1);
        if *left == 0 {
            open_claims.remove(&outcome.claim);
            closed.push(outcome.claim);
        }
    }
    closed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_finishes_turn_by_turn_is_recorded_together_and_nobody_is_waited_for() {
        let (done, mut finished) = mpsc::channel(MOST);
        tokio::spawn(async move {
            for n in 0..10 {
                done.send(n).await.unwrap();
                tokio::task::yield_now().await;
            }
            std::future::pending::<()>().await;
        });
        let mut batch = vec![-1];
        gather(&mut finished, &mut batch).await;
        assert_eq!(batch, (-1..10).collect::<Vec<_>>());
        gather(&mut finished, &mut batch).await;
        assert_eq!(batch.len(), 11);
    }

    #[tokio::test]
    async fn no_more_than_one_commit_takes_is_gathered() {
        let (done, mut finished) = mpsc::channel(2 * MOST);
        (0..2 * MOST).for_each(|n| done.try_send(n).unwrap());
        let mut batch = vec![0];
        gather(&mut finished, &mut batch).await;
        assert_eq!(batch.len(), MOST);
    }
}
