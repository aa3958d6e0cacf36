//! Records outcomes in batches. There is no timer: while one batch is committed, the next one gathers.
//!
//! **Invariant.** An outcome that cannot be committed is kept and retried, for each campaign separately. If the worker stops before, its
//! recipient becomes `unknown` when the lease of its claim ends. Each outcome holds a permit of the recipients in flight, so the
//! number of kept outcomes is bounded.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use campaign::{CampaignId, ClaimId, SenderId, Seq};
use failpoint::Place;
use futures::FutureExt;
use store::{Backoff, RecordedOutcome, Store};
use telemetry::Stage;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use crate::journal::Journal;
use crate::recent_outcomes::RecentOutcomes;
use crate::sender_metrics::SenderMetrics;
use crate::spans;

/// Most outcomes of one commit.
const MOST: usize = 500;
/// Longest pause between two attempts at an outcome that PostgreSQL refused on its own.
const REFUSED_PAUSE: Duration = Duration::from_mins(1);

/// The outcome of one recipient.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The campaign.
    pub(crate) campaign: CampaignId,
    /// The outcome.
    pub(crate) outcome: RecordedOutcome,
    /// How many recipients the claim holds.
    pub(crate) claim_size: usize,
    /// Its permit of the recipients in flight, released when the outcome is recorded.
    pub(crate) permit: Option<OwnedSemaphorePermit>,
    /// The span of its batch.
    pub(crate) span: Span,
}

impl Borrow<RecordedOutcome> for Finished {
    fn borrow(&self) -> &RecordedOutcome {
        &self.outcome
    }
}

/// Records what sender workers send to it.
pub(crate) struct Recorder {
    pub(crate) store: Store,
    pub(crate) sender: SenderId,
    pub(crate) metrics: Arc<SenderMetrics>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) recent: Arc<RecentOutcomes>,
    /// Cancelled when the drain time is over: stop waiting for PostgreSQL.
    pub(crate) give_up: CancellationToken,
}

/// Outcomes that are committed together: those of a campaign, or one that was refused on its own.
type Key = (CampaignId, Option<(ClaimId, Seq)>);

/// Outcomes that are not recorded yet.
struct Kept {
    finished: Vec<Finished>,
    backoff: Backoff,
    /// When to try again; `None` means at once.
    retry_at: Option<Instant>,
}

/// Outcomes that are not recorded yet, and how many outcomes each claim still lacks.
#[derive(Default)]
struct Open {
    kept: BTreeMap<Key, Kept>,
    claims: HashMap<ClaimId, usize>,
}

impl Recorder {
    /// Records until all senders of outcomes are dropped and all outcomes are recorded, or until `give_up`.
    pub(crate) async fn run(self, mut finished: mpsc::Receiver<Finished>) {
        let mut open = Open::default();
        let mut batch = Vec::with_capacity(MOST);
        let mut is_open = true;
        while is_open || !open.kept.is_empty() {
            let retry_at = open.next_retry();
            tokio::select! {
                biased;
                n = finished.recv_many(&mut batch, MOST), if is_open => {
                    is_open = n > 0;
                    gather(&mut finished, &mut batch).await;
                    batch.drain(..).for_each(|finished| open.keep(finished));
                }
                () = self.give_up.cancelled() => break,
                () = tokio::time::sleep_until(retry_at.unwrap_or_else(Instant::now)), if retry_at.is_some() => {}
            }
            for key in open.due(Instant::now()) {
                self.record(key, &mut open).await;
            }
            self.metrics.waiting.set(open.len());
        }
        finished.close();
        while let Ok(finished) = finished.try_recv() {
            open.keep(finished);
        }
        self.give_up_on(open);
    }

    /// Commits the outcomes kept under this key. Outcomes that fail are kept.
    async fn record(&self, key: Key, open: &mut Open) {
        let Some(mut kept) = open.kept.remove(&key) else { return };
        let mut at_most = MOST;
        while !kept.finished.is_empty() {
            let n = kept.finished.len().min(at_most);
            let (these, _) = kept.finished.split_at(n);
            match self.commit(key.0, these, &open.claims).await {
                Ok(()) => {
                    open.note_recorded(these);
                    self.keep(kept.finished.drain(..n));
                    if kept.backoff.has_waited() {
                        tracing::info!(campaign.id = %key.0, "outcomes are recorded again");
                        kept.backoff = backoff(key);
                        open.hurry();
                    }
                }
                // The row of one outcome may be at fault: record the others without it.
                Err(error) if error.may_be_of_one_row() && n > 1 => at_most = n / 2,
                Err(error) if error.may_be_of_one_row() && key.1.is_none() => {
                    for refused in kept.finished.drain(..n) {
                        self.metrics.refused.inc();
                        open.refuse(refused, &error);
                    }
                    at_most = MOST;
                }
                Err(error) => {
                    kept.wait_after(&error);
                    open.kept.insert(key, kept);
                    return;
                }
            }
        }
    }

    async fn commit(
        &self,
        campaign: CampaignId,
        finished: &[Finished],
        claims: &HashMap<ClaimId, usize>,
    ) -> Result<(), store::Error> {
        let closed = closed_by(finished, claims);
        let spans = spans::record(campaign, finished);
        let (step, begun) = (telemetry::step(Stage::Record), Instant::now());
        let recorded = self.store.record(self.sender, campaign, finished, &closed).await;
        drop((step, spans));
        self.metrics.count_record(begun.elapsed());
        let recorded = recorded?;
        for claim in closed {
            self.journal.close(claim);
        }
        self.metrics.late.inc_by(recorded.late);
        failpoint::pass(Place::AfterRecord);
        if recorded.late > 0 {
            let late = recorded.late;
            tracing::warn!(campaign.id = %campaign, late, "{late} outcomes are not counted, because their recipients were resolved or claimed again meanwhile");
        }
        Ok(())
    }

    /// Reports outcomes that could not be recorded before the worker stopped.
    fn give_up_on(&self, open: Open) {
        for ((campaign, _), Kept { finished, .. }) in open.kept {
            let outcomes = finished.len();
            tracing::error!(
                campaign.id = %campaign, outcomes,
                "{outcomes} outcomes could not be recorded before the worker stopped; their recipients become unknown"
            );
            self.metrics.dropped.inc_by(outcomes as u64);
            self.keep(finished);
        }
    }

    /// Keeps outcomes in case that their commit is lost, and then releases their permits.
    fn keep(&self, finished: impl IntoIterator<Item = Finished>) {
        let mut permits = Vec::new();
        let outcomes = finished.into_iter().map(|Finished { campaign, outcome, permit, .. }| {
            permits.push(permit);
            (campaign, outcome)
        });
        self.recent.keep(Instant::now(), self.sender, outcomes);
    }
}

fn backoff((_, refused): Key) -> Backoff {
    let backoff = Backoff::new("recording");
    if refused.is_some() { backoff.up_to(REFUSED_PAUSE) } else { backoff }
}

impl Kept {
    fn new(key: Key) -> Self {
        Self { finished: Vec::new(), backoff: backoff(key), retry_at: None }
    }

    fn wait_after(&mut self, error: &store::Error) {
        self.retry_at = Some(Instant::now() + self.backoff.pause_after(error));
    }
}

impl Open {
    /// The number of outcomes that are not recorded.
    fn len(&self) -> f64 {
        let outcomes = self.kept.values().map(|kept| kept.finished.len()).sum::<usize>();
        f64::from(u32::try_from(outcomes).unwrap_or(u32::MAX))
    }

    fn keep(&mut self, finished: Finished) {
        let key = (finished.campaign, None);
        self.kept.entry(key).or_insert_with(|| Kept::new(key)).finished.push(finished);
    }

    /// Separates an outcome that PostgreSQL refuses on its own from the other outcomes of its campaign.
    fn refuse(&mut self, finished: Finished, error: &store::Error) {
        let RecordedOutcome { claim, seq, .. } = finished.outcome;
        let campaign = finished.campaign;
        tracing::error!(
            error = error as &dyn std::error::Error, campaign.id = %campaign, seq = seq.0,
            "an outcome cannot be recorded; it is kept and tried again: {error}"
        );
        let key = (campaign, Some((claim, seq)));
        let mut kept = Kept { finished: vec![finished], ..Kept::new(key) };
        kept.wait_after(error);
        self.kept.insert(key, kept);
    }

    fn due(&self, now: Instant) -> Vec<Key> {
        let is_due = |kept: &Kept| kept.retry_at.is_none_or(|at| at <= now);
        self.kept.iter().filter(|(_, kept)| is_due(kept)).map(|(key, _)| *key).collect()
    }

    fn next_retry(&self) -> Option<Instant> {
        self.kept.values().filter_map(|kept| kept.retry_at).min()
    }

    /// PostgreSQL records outcomes again: retry those of all campaigns now.
    fn hurry(&mut self) {
        let of_campaigns = self.kept.iter_mut().filter(|((_, refused), _)| refused.is_none());
        of_campaigns.for_each(|(_, kept)| kept.retry_at = kept.retry_at.map(|_| Instant::now()));
    }

    fn note_recorded(&mut self, finished: &[Finished]) {
        for Finished { outcome, claim_size, .. } in finished {
            let left = self.claims.entry(outcome.claim).or_insert(*claim_size);
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.claims.remove(&outcome.claim);
            }
        }
    }
}

/// Adds outcomes that are about to arrive: yields to the runtime as long as each turn brings some, up to a full commit. A turn
/// without work ends at once, so an outcome never waits for one that is not there.
async fn gather<T>(finished: &mut mpsc::Receiver<T>, batch: &mut Vec<T>) {
    while batch.len() < MOST {
        tokio::task::yield_now().await;
        let more = finished.recv_many(batch, MOST - batch.len()).now_or_never();
        if more.is_none_or(|n| n == 0) {
            return;
        }
    }
}

/// The claims whose last outcome is among `finished`.
fn closed_by(finished: &[Finished], claims: &HashMap<ClaimId, usize>) -> Vec<ClaimId> {
    let mut counts: BTreeMap<ClaimId, (usize, usize)> = BTreeMap::new();
    for Finished { outcome, claim_size, .. } in finished {
        let left = || claims.get(&outcome.claim).copied().unwrap_or(*claim_size);
        counts.entry(outcome.claim).or_insert_with(|| (0, left())).0 += 1;
    }
    counts.into_iter().filter(|(_, (n, left))| n >= left).map(|(claim, _)| claim).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn outcomes_that_arrive_turn_by_turn_are_recorded_together_without_waiting() {
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

    fn finished(claim: i64, seq: i32) -> Finished {
        let reason = campaign::Reason { code: "test".into(), text: "test".into() };
        let outcome = campaign::Outcome::Failed { reason };
        let outcome = RecordedOutcome { claim: ClaimId(claim), seq: Seq(seq), outcome, request: None };
        Finished { campaign: CampaignId(1), outcome, claim_size: 3, permit: None, span: Span::none() }
    }

    #[test]
    fn a_claim_is_closed_with_its_last_outcome_and_not_by_a_batch_that_failed() {
        let mut open = Open::default();
        let first = [finished(1, 1), finished(1, 2), finished(2, 1)];
        assert_eq!(closed_by(&first, &open.claims), []);
        open.note_recorded(&first);
        let last = [finished(1, 3), finished(2, 2)];
        // It is asked again after each failure.
        assert_eq!(closed_by(&last, &open.claims), [ClaimId(1)]);
        assert_eq!(closed_by(&last, &open.claims), [ClaimId(1)]);
        open.note_recorded(&last);
        assert_eq!(closed_by(&[finished(2, 3)], &open.claims), [ClaimId(2)]);
        open.note_recorded(&[finished(2, 3)]);
        assert!(open.claims.is_empty());
    }

    #[tokio::test]
    async fn at_most_one_full_commit_is_gathered() {
        let (done, mut finished) = mpsc::channel(2 * MOST);
        (0..2 * MOST).for_each(|n| done.try_send(n).unwrap());
        let mut batch = vec![0];
        gather(&mut finished, &mut batch).await;
        assert_eq!(batch.len(), MOST);
    }
}
