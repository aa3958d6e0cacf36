//! One sender's lane in a worker: its queue, its provider, its limits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use broker::{Receipt, Settlement, Settler};
use campaign::{CampaignId, Rate, ReferenceKey, SenderId};
use store::{Claim, Claimed, Leased, LeasedAt, Refused, SenderRow, Store, leased_at};
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use whatsapp::Channel;

use crate::batch::{Batch, Part};
use crate::campaigns::{Campaign, Campaigns};
use crate::config::{Config, RECORDING};
use crate::gate::Gate;
use crate::pace::Pace;
use crate::recorder::Finished;
use crate::room::{Room, STEP};
use crate::waiting::Waiting;

/// Everything the pipeline needs for one sender.
pub(crate) struct Lane {
    pub(crate) config: Config,
    pub(crate) request_timeout: Duration,
    pub(crate) channel: Channel,
    pub(crate) references: ReferenceKey,
    pub(crate) pace: Pace,
    pub(crate) gate: Gate,
    pub(crate) shutdown: CancellationToken,
    store: Store,
    sender: SenderId,
    worker: Uuid,
    campaigns: Campaigns,
    settler: Settler,
    finished: mpsc::Sender<Finished>,
    /// One question for permits at a time: the next waits here, not in the database.
    turn: Mutex<()>,
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
    /// The database refuses it for good.
    Refused,
}

/// The right to claim next.
pub(crate) type Door = OwnedMutexGuard<()>;

/// What a lane is made of.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) request_timeout: Duration,
    pub(crate) store: Store,
    pub(crate) channel: Channel,
    pub(crate) references: ReferenceKey,
    pub(crate) sender: SenderRow,
    pub(crate) worker: Uuid,
    pub(crate) shutdown: CancellationToken,
}

impl Lane {
    /// A lane that settles with `settler` and hands its outcomes over through `finished`.
    pub(crate) fn new(parts: Parts, settler: Settler, finished: mpsc::Sender<Finished>) -> Self {
        let Parts { config, request_timeout, store, channel, references, sender, worker, shutdown } = parts;
        Self {
            gate: Gate::new(store.clone(), sender.id, format!("worker {worker}"), shutdown.clone()),
            pace: Pace::default(),
            campaigns: Campaigns::default(),
            turn: Mutex::default(),
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
                Err(error) => self.wait_out(&error, &mut waiting).await?,
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
        let _turn = self.turn.lock().await;
        let mut waiting = Waiting::new(&self.shutdown, "claiming");
        while !self.shutdown.is_cancelled() {
            let seqs = batch.first_seqs(self.claim_size().min(campaign.claim_size()));
            match self.store.claim(self.sender, batch.campaign, &seqs, ours).await {
                Ok(Claimed::Granted(claim)) => {
                    let size = claim_size(claim.slots.lease.rate(), self.config.most_claimed());
                    self.claim_size.store(size, Ordering::Relaxed);
                    return Ok(batch.part(claim, &seqs));
                }
                Ok(Claimed::Refused(Refused::TooMany(at_most))) => {
                    let size = usize::try_from(at_most).unwrap_or(usize::MAX).min(seqs.len() - 1).max(1);
                    self.claim_size.store(size, Ordering::Relaxed);
                }
                Ok(Claimed::Refused(Refused::Wait(time))) => self.pause(time).await,
                Ok(Claimed::Refused(Refused::Held)) => return Err(Unclaimed::Stale),
                Ok(Claimed::Refused(Refused::NothingDue)) => return Ok(batch.stale_part(&seqs)),
                Err(error) => self.wait_out(&error, &mut waiting).await?,
            }
        }
        Err(Unclaimed::Stopping)
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
        while !self.shutdown.is_cancelled() {
            match self.store.lease(self.sender, campaign, wanted.max(1)).await {
                Ok(Leased::Granted(slots)) => return Some(slots),
                Ok(Leased::Wait(time)) => self.pause(time).await,
                Ok(Leased::TooMany(at_most)) => wanted = at_most.min(wanted.saturating_sub(1)),
                Ok(Leased::Held) | Err(_) => return None,
            }
        }
        None
    }

    async fn wait_out(&self, error: &store::Error, waiting: &mut Waiting<'_>) -> Result<(), Unclaimed> {
        if waiting.again(error).await {
            return Ok(());
        }
        if error.is_transient() {
            return Err(Unclaimed::Stopping);
        }
        tracing::error!(error = error as &dyn std::error::Error, "a batch cannot be claimed: {error}");
        Err(Unclaimed::Refused)
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
            Unclaimed::Refused => Settlement::DeadLetter,
        };
        self.settler.settle_many(receipts.map(|receipt| (receipt, settlement)).collect());
    }

    /// Sends a message that is no task to the dead letters.
    pub(crate) fn bury(&self, receipt: Receipt, error: &campaign::TaskError) {
        tracing::error!("a message of the queue goes to the dead letters: {error}");
        self.settler.settle(receipt, Settlement::DeadLetter);
    }

    /// When the requests of a claim must have left, so that they are recorded before its lease ends.
    pub(crate) fn leave_by(&self, claim: &Claim) -> Instant {
        let longest_request = self.request_timeout + RECORDING;
        claim.slots.at + self.config.lease.saturating_sub(longest_request)
    }

    /// Waits so long, or until the worker is told to stop.
    pub(crate) async fn pause(&self, time: Duration) {
        tokio::select! {
            () = self.shutdown.cancelled() => {}
            () = tokio::time::sleep(time) => {}
        }
    }
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
