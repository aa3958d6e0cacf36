//! What the pipeline of one sender shares inside a worker: claims, departure slots, campaigns and acknowledgements.
//!
//! **Invariants.** One claim at a time asks PostgreSQL for permits. A claim whose answer did not arrive is taken back before
//! the next one is made. A block is acknowledged when each of its recipients is in a committed claim or was not due: from then on the
//! lease of the claim, not the queue, keeps a recipient from being lost (ADR 17).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use broker::{Acknowledgement, Acknowledger, DeliveryTag};
use campaign::{CampaignId, ClaimId, Outcome, Rate, ReferenceKey, Refusal, SenderId, Seq};
use store::{
    Backoff, Claim, ClaimAnswer, ClaimRefusal, LeaseAnswer, LeaseRequest, RecordedOutcome, SenderRow, Store,
    TimedLease, permits_per_lease,
};
use telemetry::Stage;
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};
use uuid::Uuid;

use crate::batch::{Batch, close};
use crate::campaigns::{Campaign, Campaigns};
use crate::capacity::{Permits, REQUEST_STEP};
use crate::config::{Config, RECORDING};
use crate::departures::Pacer;
use crate::gate::Gate;
use crate::gate_mirror::GateMirror;
use crate::journal::Journal;
use crate::live_channel::LiveChannel;
use crate::open_block::{OpenBlock, Unclaimed};
use crate::recent_outcomes::RecentOutcomes;
use crate::recorder::Finished;
use crate::sender_metrics::SenderMetrics;
use crate::spans;

const UNANSWERED: Refusal = Refusal::own("claim_unanswered");

/// Everything the pipeline needs for one sender.
pub(crate) struct SenderWorker {
    pub(crate) config: Config,
    pub(crate) request_timeout: Duration,
    pub(crate) channel: LiveChannel,
    pub(crate) references: ReferenceKey,
    pub(crate) pacer: Pacer,
    pub(crate) gate: Gate,
    pub(crate) mirror: Arc<GateMirror>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) metrics: Arc<SenderMetrics>,
    pub(crate) store: Store,
    pub(crate) sender: SenderId,
    pub(crate) journal: Arc<Journal>,
    /// The worker in claims.
    claims_as: Uuid,
    campaigns: Campaigns,
    acknowledger: Acknowledger,
    finished: mpsc::Sender<Finished>,
    /// Held during each request for departure slots, so that the next request waits here and not in PostgreSQL.
    last_claim: Mutex<LastClaim>,
    /// Held by the batch that claims next. So at most one batch waits for `last_claim`, and a request that lost its slot waits for
    /// one claim at most.
    claim_turn: Arc<Mutex<()>>,
    /// See [`SenderWorker::claim_size`].
    claim_size: AtomicUsize,
}

/// What the last claim tells the next one.
struct LastClaim {
    /// The id of the last claim that was granted. Claims of this worker in PostgreSQL with a greater id are claims whose answers did
    /// not arrive.
    id: ClaimId,
    /// When PostgreSQL grants the next permits at the earliest; it is not asked before.
    next_at: Option<Instant>,
}

/// The right to claim next.
pub(crate) type ClaimTurn = OwnedMutexGuard<()>;

/// What a sender worker is made of.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) request_timeout: Duration,
    pub(crate) store: Store,
    pub(crate) mirror: Arc<GateMirror>,
    pub(crate) channel: LiveChannel,
    pub(crate) references: ReferenceKey,
    pub(crate) sender: SenderRow,
    pub(crate) worker: Uuid,
    /// The worker in claims, another one for each sender worker.
    pub(crate) claims_as: Uuid,
    pub(crate) journal: Arc<Journal>,
    pub(crate) recent: Arc<RecentOutcomes>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) metrics: Arc<SenderMetrics>,
}

impl SenderWorker {
    /// A sender worker that acknowledges through `acknowledger` and sends outcomes to the recorder through `finished`.
    pub(crate) fn new(parts: Parts, acknowledger: Acknowledger, finished: mpsc::Sender<Finished>) -> Self {
        let Parts {
            config,
            request_timeout,
            store,
            mirror,
            channel,
            references,
            sender,
            worker,
            claims_as,
            journal,
            recent: _,
            shutdown,
            metrics,
        } = parts;
        let gates = (store.clone(), Arc::clone(&mirror));
        Self {
            gate: Gate::new(gates, sender.id, format!("worker {worker}"), shutdown.clone()),
            mirror,
            pacer: Pacer::default(),
            campaigns: Campaigns::default(),
            last_claim: Mutex::new(LastClaim { id: ClaimId(0), next_at: None }),
            claim_turn: Arc::default(),
            claim_size: AtomicUsize::new(claim_size(sender.rate, config.most_claimed())),
            sender: sender.id,
            config,
            request_timeout,
            channel,
            references,
            shutdown,
            metrics,
            store,
            journal,
            claims_as,
            acknowledger,
            finished,
        }
    }

    /// The sender.
    pub(crate) fn sender_id(&self) -> SenderId {
        self.sender
    }

    /// How many recipients one claim takes at the sender's rate, as last seen.
    pub(crate) fn claim_size(&self) -> usize {
        self.claim_size.load(Ordering::Relaxed)
    }

    /// The compiled campaign; reads it until PostgreSQL answers.
    pub(crate) async fn campaign(&self, id: CampaignId) -> Result<Arc<Campaign>, Unclaimed> {
        let mut retry = Backoff::new("reading a campaign");
        loop {
            match self.campaigns.get(&self.store, id).await {
                Ok(campaign) => return campaign.ok_or(Unclaimed::Stale),
                // The row was written by a newer version. Other campaigns continue; the producer publishes this one again.
                Err(error) if is_of_row(&error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, campaign.id = %id, "campaign {id} cannot be sent: {error}");
                    return Err(Unclaimed::Stale);
                }
                Err(error) => {
                    retry.pause(&error, &self.shutdown).await;
                }
            }
            if self.shutdown.is_cancelled() {
                return Err(Unclaimed::Stopping);
            }
        }
    }

    /// Waits until no other batch waits for the claim lock.
    pub(crate) async fn claim_turn(&self) -> ClaimTurn {
        Arc::clone(&self.claim_turn).lock_owned().await
    }

    /// Claims the first recipients of the batch, as many as the rates allow at once. It waits for its turn and for
    /// departure slots; nothing is claimed while it waits. Recipients that were asked for and not granted are not due, and leave the
    /// batch. `None`: no recipient that was asked for is due. The blocks of recipients that left the batch are closed.
    pub(crate) async fn claim(
        &self,
        campaign: &Campaign,
        batch: &mut Batch,
        permits: &mut Permits,
        _turn: ClaimTurn,
    ) -> Result<Option<Claim>, Unclaimed> {
        permits.acquire_requests(self.first_requests(campaign)).await;
        let mut last = self.last_claim.lock().await;
        let mut retry = Backoff::new("claiming");
        // Whether PostgreSQL may hold a claim whose answer did not arrive.
        let mut is_in_doubt = false;
        let mut at_most = usize::MAX;
        while !self.shutdown.is_cancelled() {
            if let Some(at) = last.next_at.take() {
                self.wait_until(at, batch.campaign).await;
                continue;
            }
            if is_in_doubt && let Err(error) = self.take_back_after(&mut last.id).await {
                retry.pause(&error, &self.shutdown).await;
                continue;
            }
            is_in_doubt = false;
            let seqs = batch.first_seqs(self.claim_size().min(campaign.claim_size()).min(at_most));
            let asked = Instant::now();
            match self.ask(batch.campaign, &seqs, asked).await {
                Ok(ClaimAnswer::Granted(claim)) => {
                    self.journal.open(claim.id);
                    *last = LastClaim { id: claim.id, next_at: claim.slots.next_at() };
                    let size = claim_size(claim.slots.lease.rate(), self.config.most_claimed());
                    self.claim_size.store(size, Ordering::Relaxed);
                    self.close(batch.take_claimed(&claim, &seqs), Unclaimed::Stale);
                    return Ok(Some(claim));
                }
                Ok(ClaimAnswer::Refused(ClaimRefusal::TooMany(at_most))) => {
                    let size = usize::try_from(at_most).unwrap_or(usize::MAX).min(seqs.len() - 1).max(1);
                    self.claim_size.store(size, Ordering::Relaxed);
                }
                Ok(ClaimAnswer::Refused(ClaimRefusal::Wait(time))) => {
                    self.wait_for_permits(batch.campaign, asked, time).await;
                }
                Ok(ClaimAnswer::Refused(ClaimRefusal::Held)) => return Err(Unclaimed::Stale),
                Ok(ClaimAnswer::Refused(ClaimRefusal::NothingDue)) => {
                    self.close(batch.take(&seqs), Unclaimed::Stale);
                    return Ok(None);
                }
                // The row of one recipient is at fault: claim the others without it.
                Err(error) if is_of_row(&error) && seqs.len() > 1 => {
                    (is_in_doubt, at_most) = (true, seqs.len() / 2);
                }
                Err(error) if is_of_row(&error) => {
                    self.dead_letter_recipient(batch, &seqs, &error);
                    return Ok(None);
                }
                Err(error) => {
                    is_in_doubt = true;
                    retry.pause(&error, &self.shutdown).await;
                }
            }
        }
        if is_in_doubt && let Err(error) = self.take_back_after(&mut last.id).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "PostgreSQL may hold a claim of this worker; its recipients become unknown when its lease ends: {error}"
            );
        }
        Err(Unclaimed::Stopping)
    }

    /// Asks PostgreSQL for a claim of these recipients.
    async fn ask(
        &self,
        campaign: CampaignId,
        seqs: &[Seq],
        asked: Instant,
    ) -> Result<ClaimAnswer, store::Error> {
        let span = spans::claim(campaign, seqs.len());
        let step = telemetry::step(Stage::Claim);
        let ours = (self.claims_as, self.config.lease);
        let answer = self.store.claim(self.sender, campaign, seqs, ours).instrument(span.clone()).await;
        drop(step);
        spans::note_claim(&span, &answer);
        self.metrics.count_claim(asked, &answer);
        answer
    }

    /// Gives back the recipients of claims whose answers did not arrive: nothing was sent to them.
    async fn take_back_after(&self, last: &mut ClaimId) -> Result<(), store::Error> {
        for (campaign, claim, seqs) in self.store.claims_after(self.sender, self.claims_as, *last).await? {
            *last = claim;
            let claim_size = seqs.len();
            tracing::warn!(campaign.id = %campaign, recipients = claim_size, "PostgreSQL did not answer a claim; it is given back");
            for seq in seqs {
                let outcome =
                    Outcome::Retry { after: Duration::ZERO, counted: false, reason: UNANSWERED.into() };
                let outcome = RecordedOutcome { claim, seq, outcome, request: None };
                let span = Span::none();
                self.pass_to_recorder(Finished { campaign, outcome, claim_size, permit: None, span }).await;
            }
        }
        Ok(())
    }

    /// How many requests get their permits before the claim: all of them if a rate makes claims smaller than the limit, because
    /// its slots pass; otherwise the first few.
    fn first_requests(&self, campaign: &Campaign) -> usize {
        let size = self.claim_size().min(campaign.claim_size());
        if size < usize::from(self.config.most_claimed()) { size } else { REQUEST_STEP }
    }

    /// New departure slots for claimed recipients that lost theirs, as many as wanted or fewer. `None` if the sender is stopped or the
    /// worker is shutting down.
    ///
    /// At most one claim is served before it (`claim_turn`). Otherwise waiting claims would take all slots.
    pub(crate) async fn renew(&self, campaign: CampaignId, mut wanted: LeaseRequest) -> Option<TimedLease> {
        let mut last = self.last_claim.lock().await;
        let mut retry = Backoff::new("asking for departure slots");
        while !self.shutdown.is_cancelled() {
            let asked = Instant::now();
            match self.store.lease(self.sender, campaign, wanted).await {
                Ok(LeaseAnswer::Granted(slots)) => {
                    last.next_at = slots.next_at();
                    return Some(slots);
                }
                Ok(LeaseAnswer::Wait(time)) => self.wait_for_permits(campaign, asked, time).await,
                Ok(LeaseAnswer::TooMany(at_most)) => {
                    wanted.n = at_most.min(wanted.n.saturating_sub(1)).max(1);
                }
                Err(error) if retry.again(&error, &self.shutdown).await => {}
                Ok(LeaseAnswer::Held) | Err(_) => return None,
            }
        }
        None
    }

    /// Passes an outcome to the recorder.
    pub(crate) async fn pass_to_recorder(&self, finished: Finished) {
        self.metrics.count_outcome(&finished.outcome);
        if self.finished.send(finished).await.is_err() {
            tracing::error!(
                "the recorder has ended; a recipient becomes unknown when the lease of its claim ends"
            );
        }
    }

    /// Closes one recipient of each block: it is claimed, or cannot be claimed. Blocks without open recipients are acknowledged or
    /// returned.
    pub(crate) fn close(&self, blocks: impl IntoIterator<Item = Arc<OpenBlock>>, unclaimed: Unclaimed) {
        self.acknowledge(close(blocks, unclaimed.acknowledgement()));
    }

    /// Acknowledges deliveries.
    pub(crate) fn acknowledge(&self, deliveries: Vec<(DeliveryTag, Acknowledgement)>) {
        for (_, acknowledgement) in &deliveries {
            self.metrics.count_delivery(*acknowledgement);
        }
        if !deliveries.is_empty() {
            self.acknowledger.acknowledge_many(deliveries);
        }
    }

    /// Dead-letters a message that is no block.
    pub(crate) fn dead_letter(&self, tag: DeliveryTag, error: &campaign::BlockError) {
        tracing::error!("a message of the queue goes to the dead letters: {error}");
        self.acknowledge(vec![(tag, Acknowledgement::DeadLetter)]);
    }

    /// Dead-letters the block of the one recipient asked for, because PostgreSQL refuses to claim its row.
    fn dead_letter_recipient(&self, batch: &mut Batch, seqs: &[Seq], error: &store::Error) {
        tracing::error!(
            error = error as &dyn std::error::Error, campaign.id = %batch.campaign, ?seqs,
            "a recipient cannot be claimed, the message that names it goes to the dead letters: {error}"
        );
        self.acknowledge(close(batch.take(seqs), Acknowledgement::DeadLetter));
    }

    /// When the requests of a claim must have left for their outcomes to be recorded before its lease ends.
    pub(crate) fn leave_by(&self, claim: &Claim) -> Instant {
        let longest_request = self.request_timeout + RECORDING;
        claim.slots.at + self.config.lease.saturating_sub(longest_request)
    }

    /// Whether leased slots are faster than the sender's present rate.
    pub(crate) fn is_outdated(&self, slots: &TimedLease) -> bool {
        self.mirror.is_outdated(self.sender, slots)
    }

    /// Waits until PostgreSQL may grant permits again.
    async fn wait_until(&self, at: Instant, campaign: CampaignId) {
        let now = Instant::now();
        self.wait_for_permits(campaign, now, at.saturating_duration_since(now)).await;
    }

    /// Waits this long for permits, or until the sender's or campaign's rate or gate has changed since `asked`.
    async fn wait_for_permits(&self, campaign: CampaignId, asked: Instant, time: Duration) {
        tokio::select! {
            () = self.pause(time) => {}
            () = self.mirror.changed(self.sender, campaign, asked) => {}
        }
    }

    /// Waits this long, or until the worker is told to stop.
    pub(crate) async fn pause(&self, time: Duration) {
        tokio::select! {
            () = self.shutdown.cancelled() => {}
            () = tokio::time::sleep(time) => {}
        }
    }
}

/// Whether one row or value is at fault, not PostgreSQL or its operation.
fn is_of_row(error: &store::Error) -> bool {
    error.may_be_of_one_row() && !error.is_transient()
}

/// How many recipients one claim takes at this rate, at most `batch`.
fn claim_size(rate: Option<Rate>, batch: u16) -> usize {
    let most = usize::from(batch);
    rate.map_or(most, |rate| usize::try_from(permits_per_lease(rate)).unwrap_or(most).min(most))
}
