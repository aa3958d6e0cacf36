//! One sender's lane in a worker: its queue, its provider, its limits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use broker::{Receipt, Settlement, Settler};
use campaign::{CampaignId, ClaimId, Outcome, Rate, ReferenceKey, Refusal, SenderId, Seq};
use store::{Claim, Claimed, Leased, LeasedAt, RecordedOutcome, Refused, SenderRow, Store, leased_at};
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use whatsapp::Channel;

use crate::batch::{Batch, Part};
use crate::campaigns::{Campaign, Campaigns};
use crate::config::{Config, RECORDING};
use crate::gate::Gate;
use crate::mirror::Mirror;
use crate::pace::Pace;
use crate::recorder::Finished;
use crate::room::{Room, STEP};
use crate::waiting::Waiting;

const UNANSWERED: Refusal =
    Refusal::own("claim_unanswered", "PostgreSQL did not answer the claim, and nothing was sent");

/// Everything the pipeline needs for one sender.
pub(crate) struct Lane {
    pub(crate) config: Config,
    pub(crate) request_timeout: Duration,
    pub(crate) channel: Channel,
    pub(crate) references: ReferenceKey,
    pub(crate) pace: Pace,
    pub(crate) gate: Gate,
    pub(crate) mirror: Arc<Mirror>,
    pub(crate) shutdown: CancellationToken,
    store: Store,
    sender: SenderId,
    worker: Uuid,
    campaigns: Campaigns,
    settler: Settler,
    finished: mpsc::Sender<Finished>,
    /// One question for permits at a time: the next waits here, not in the database. It guards the last claim that was
    /// granted: claims of this worker behind it are those whose answers did not come.
    turn: Mutex<ClaimId>,
    /// At most one claim waits for its turn, so that those who lost their slots come before all further claims.
    door: Arc<Mutex<()>>,
    /// See [`Lane::claim_size`].
    claim_size: AtomicUsize,
}

/// Why a batch was not claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unclaimed {
    /// Nothing of it is due, or a gate is closed and the feed will bring it back.
    Stale,
    /// The worker is stopping.
    Stopping,
}

/// The right to claim next.
pub(crate) type Door = OwnedMutexGuard<()>;

/// What a lane is made of.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) request_timeout: Duration,
    pub(crate) store: Store,
    pub(crate) mirror: Arc<Mirror>,
    pub(crate) channel: Channel,
    pub(crate) references: ReferenceKey,
    pub(crate) sender: SenderRow,
    pub(crate) worker: Uuid,
    pub(crate) shutdown: CancellationToken,
}

impl Lane {
    /// A lane that settles with `settler` and hands its outcomes over through `finished`.
    pub(crate) fn new(parts: Parts, settler: Settler, finished: mpsc::Sender<Finished>) -> Self {
        let Parts { config, request_timeout, store, mirror, channel, references, sender, worker, shutdown } =
            parts;
        let gates = (store.clone(), Arc::clone(&mirror));
        Self {
            gate: Gate::new(gates, sender.id, format!("worker {worker}"), shutdown.clone()),
            mirror,
            pace: Pace::default(),
            campaigns: Campaigns::default(),
            turn: Mutex::new(ClaimId(0)),
            door: Arc::default(),
            claim_size: AtomicUsize::new(claim_size(sender.rate, config.most_claimed())),
            sender: sender.id,
            config,
            request_timeout,
            channel,
            references,
            shutdown,
            store,
            worker,
            settler,
            finished,
        }
    }

    /// How many recipients one claim takes, by the rate last seen.
    pub(crate) fn claim_size(&self) -> usize {
        self.claim_size.load(Ordering::Relaxed)
    }

    /// Whether a claim of so many is small for what it costs. Never at a rate: its slots do not wait.
    pub(crate) fn would_rather_claim_more_than(&self, recipients: usize) -> bool {
        is_small(recipients, self.claim_size(), self.config.most_claimed())
    }

    /// The compiled campaign.
    pub(crate) async fn campaign(&self, id: CampaignId) -> Result<Arc<Campaign>, Unclaimed> {
        let mut waiting = Waiting::new(&self.shutdown, "reading a campaign");
        loop {
            match self.campaigns.get(&self.store, id).await {
                Ok(campaign) => return campaign.ok_or(Unclaimed::Stale),
                // Written by a newer version: other campaigns go on, and the feed brings this one back.
                Err(error) if is_of_row(&error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, campaign.id = %id, "campaign {id} cannot be sent: {error}");
                    return Err(Unclaimed::Stale);
                }
                Err(error) => waiting.pause_after(&error).await,
            }
            if self.shutdown.is_cancelled() {
                return Err(Unclaimed::Stopping);
            }
        }
    }

    /// Waits until no other claim waits or is being answered.
    pub(crate) async fn door(&self) -> Door {
        Arc::clone(&self.door).lock_owned().await
    }

    /// Claims the first of the batch, as many as the rates allow at once, waiting for its turn; nothing is claimed while
    /// it waits. What was asked for and not granted is no longer in the batch, and not due.
    pub(crate) async fn claim(
        &self,
        campaign: &Campaign,
        batch: &mut Batch,
        room: &mut Room,
        _door: Door,
    ) -> Result<Part, Unclaimed> {
        let ours = (self.worker, self.config.lease);
        room.begin(self.first_requests(campaign)).await;
        let mut last = self.turn.lock().await;
        let mut waiting = Waiting::new(&self.shutdown, "claiming");
        // Whether a claim may have been made whose answer did not come.
        let mut is_in_doubt = false;
        let mut at_most = usize::MAX;
        while !self.shutdown.is_cancelled() {
            if is_in_doubt && let Err(error) = self.take_back_after(&mut last).await {
                waiting.pause_after(&error).await;
                continue;
            }
            is_in_doubt = false;
            let seqs = batch.first_seqs(self.claim_size().min(campaign.claim_size()).min(at_most));
            let asked = Instant::now();
            match self.store.claim(self.sender, batch.campaign, &seqs, ours).await {
                Ok(Claimed::Granted(claim)) => {
                    *last = claim.id;
                    let size = claim_size(claim.slots.lease.rate(), self.config.most_claimed());
                    self.claim_size.store(size, Ordering::Relaxed);
                    return Ok(batch.part(claim, &seqs));
                }
                Ok(Claimed::Refused(Refused::TooMany(at_most))) => {
                    let size = usize::try_from(at_most).unwrap_or(usize::MAX).min(seqs.len() - 1).max(1);
                    self.claim_size.store(size, Ordering::Relaxed);
                }
                Ok(Claimed::Refused(Refused::Wait(time))) => {
                    self.wait_for_permits(batch.campaign, asked, time).await;
                }
                Ok(Claimed::Refused(Refused::Held)) => return Err(Unclaimed::Stale),
                Ok(Claimed::Refused(Refused::NothingDue)) => return Ok(batch.stale_part(&seqs)),
                // One recipient of the batch is to blame; the others are claimed without it.
                Err(error) if is_of_row(&error) && seqs.len() > 1 => {
                    (is_in_doubt, at_most) = (true, seqs.len() / 2);
                }
                Err(error) if is_of_row(&error) => return Ok(self.bury_recipient(batch, &seqs, &error)),
                Err(error) => {
                    is_in_doubt = true;
                    waiting.pause_after(&error).await;
                }
            }
        }
        if is_in_doubt && let Err(error) = self.take_back_after(&mut last).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a claim may have been made whose recipients wait for the end of its lease: {error}"
            );
        }
        Err(Unclaimed::Stopping)
    }

    /// Gives back the recipients of claims whose answers did not come: nothing was sent to them.
    async fn take_back_after(&self, last: &mut ClaimId) -> Result<(), store::Error> {
        for (campaign, claim, seqs) in self.store.claims_after(self.sender, self.worker, *last).await? {
            *last = claim;
            let claim_size = seqs.len();
            tracing::warn!(campaign.id = %campaign, recipients = claim_size, "PostgreSQL did not answer a claim; it is given back");
            for seq in seqs {
                let outcome =
                    Outcome::Retry { after: Duration::ZERO, counted: false, reason: UNANSWERED.into() };
                let outcome = RecordedOutcome { claim, seq, outcome, request: None };
                let receipts = Vec::new();
                self.hand_over(Finished { campaign, outcome, receipts, claim_size, place: None }).await;
            }
        }
        Ok(())
    }

    /// How many requests have their places before a claim: all of them where a rate makes claims smaller than they might be,
    /// since its slots do not wait, and a few where none does.
    fn first_requests(&self, campaign: &Campaign) -> usize {
        let size = self.claim_size().min(campaign.claim_size());
        if size < usize::from(self.config.most_claimed()) { size } else { STEP }
    }

    /// Slots for recipients that were claimed and lost theirs, `wanted` of them or fewer; `None` when there will be none.
    ///
    /// It takes its turn before all claims but one, which would else be first each time the rate allows something.
    pub(crate) async fn renew(&self, campaign: CampaignId, mut wanted: u32) -> Option<LeasedAt> {
        let _turn = self.turn.lock().await;
        let mut waiting = Waiting::new(&self.shutdown, "asking for departure slots");
        while !self.shutdown.is_cancelled() {
            let asked = Instant::now();
            match self.store.lease(self.sender, campaign, wanted.max(1)).await {
                Ok(Leased::Granted(slots)) => return Some(slots),
                Ok(Leased::Wait(time)) => self.wait_for_permits(campaign, asked, time).await,
                Ok(Leased::TooMany(at_most)) => wanted = at_most.min(wanted.saturating_sub(1)),
                Err(error) if waiting.again(&error).await => {}
                Ok(Leased::Held) | Err(_) => return None,
            }
        }
        None
    }

    /// Hands an outcome to the recorder.
    pub(crate) async fn hand_over(&self, finished: Finished) {
        if self.finished.send(finished).await.is_err() {
            tracing::error!("the recorder is gone; an outcome waits for the end of its lease");
        }
    }

    /// Settles the messages of recipients that were not claimed.
    pub(crate) fn settle(&self, receipts: impl Iterator<Item = Receipt>, unclaimed: Unclaimed) {
        let settlement = match unclaimed {
            Unclaimed::Stale => Settlement::Done,
            Unclaimed::Stopping => Settlement::Return,
        };
        self.settler.settle_many(receipts.map(|receipt| (receipt, settlement)).collect());
    }

    /// Sends a message that is no task to the dead letters.
    pub(crate) fn bury(&self, receipt: Receipt, error: &campaign::TaskError) {
        tracing::error!("a message of the queue goes to the dead letters: {error}");
        self.settler.settle(receipt, Settlement::DeadLetter);
    }

    /// Sends the messages of the one recipient asked for to the dead letters: its row cannot be claimed.
    fn bury_recipient(&self, batch: &mut Batch, seqs: &[Seq], error: &store::Error) -> Part {
        tracing::error!(
            error = error as &dyn std::error::Error, campaign.id = %batch.campaign, ?seqs,
            "a recipient cannot be claimed, its message goes to the dead letters: {error}"
        );
        let Part { claim, receipts } = batch.stale_part(seqs);
        receipts
            .into_values()
            .flatten()
            .for_each(|receipt| self.settler.settle(receipt, Settlement::DeadLetter));
        Part { claim, receipts: BTreeMap::new() }
    }

    /// When the requests of a claim must have left, so that they are recorded before its lease ends.
    pub(crate) fn leave_by(&self, claim: &Claim) -> Instant {
        let longest_request = self.request_timeout + RECORDING;
        claim.slots.at + self.config.lease.saturating_sub(longest_request)
    }

    /// Whether slots that were leased are faster than the sender may send by now.
    pub(crate) fn is_outdated(&self, slots: &LeasedAt) -> bool {
        self.mirror.is_outdated(self.sender, slots)
    }

    /// Waits so long for permits that were refused when asked for, or until the rate or a gate is changed.
    async fn wait_for_permits(&self, campaign: CampaignId, asked: Instant, time: Duration) {
        tokio::select! {
            () = self.pause(time) => {}
            () = self.mirror.changed(self.sender, campaign, asked) => {}
        }
    }

    /// Waits so long, or until the worker is told to stop.
    pub(crate) async fn pause(&self, time: Duration) {
        tokio::select! {
            () = self.shutdown.cancelled() => {}
            () = tokio::time::sleep(time) => {}
        }
    }
}

/// Whether a stored row or a value of the call is at fault, and not PostgreSQL or its operation.
fn is_of_row(error: &store::Error) -> bool {
    error.may_be_of_one_row() && !error.is_transient()
}

/// Less than half of what a claim takes, where no rate makes claims smaller.
fn is_small(recipients: usize, claim_size: usize, most: u16) -> bool {
    claim_size == usize::from(most) && recipients < claim_size / 2
}

/// What one lease may hold at this rate; all that fits where there is no limit.
fn claim_size(rate: Option<Rate>, batch: u16) -> usize {
    let most = usize::from(batch);
    rate.map_or(most, |rate| usize::try_from(leased_at(rate)).unwrap_or(most).min(most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_small_below_half_of_what_it_may_take_and_never_at_a_rate() {
        assert!(is_small(149, 300, 300));
        assert!(!is_small(150, 300, 300));
        assert!(!is_small(0, 1, 1));
        let at_a_rate = claim_size(Some("80/s".parse().unwrap()), 300);
        assert!((1..300).contains(&at_a_rate) && !is_small(1, at_a_rate, 300));
    }
}
