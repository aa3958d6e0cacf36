//! One sender's lane in a worker: its queue, its provider, its limits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use broker::{Consumer, Settlement, Settler};
use campaign::{CampaignId, Rate, ReferenceKey, SenderId};
use store::{Claim, Claimed, Refused, SenderRow, Store};
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use whatsapp::Channel;

use crate::batch::{Batch, Sorted, sort};
use crate::campaigns::{Campaign, Campaigns};
use crate::config::Config;
use crate::gate::Gate;
use crate::pace::Pace;
use crate::pipeline::handle;
use crate::recorder::{Finished, Recorder};
use crate::waiting::Waiting;

/// The time of the rate that one claim takes.
const LEASED_TIME: Duration = Duration::from_millis(100);
/// What recording takes after the slowest request, with a margin.
pub(crate) const RECORDING: Duration = Duration::from_secs(5);

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
    /// One claim at a time: the next waits here, not in the database.
    turn: Mutex<()>,
    /// How many recipients one claim takes, by the rate last seen.
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

/// What a lane is made of.
pub(crate) struct Parts {
    pub(crate) config: Config,
    pub(crate) request_timeout: Duration,
    pub(crate) store: Store,
    pub(crate) consumer: Consumer,
    pub(crate) channel: Channel,
    pub(crate) references: ReferenceKey,
    pub(crate) sender: SenderRow,
    pub(crate) worker: Uuid,
    pub(crate) shutdown: CancellationToken,
}

/// Works for one sender until `shutdown`, then drains.
pub(crate) async fn work(parts: Parts) {
    let Parts { config, request_timeout, store, consumer, channel, references, sender, worker, shutdown } =
        parts;
    let (finished, to_record) = mpsc::channel(usize::from(config.in_flight) * 4);
    let give_up = CancellationToken::new();
    let settler = consumer.settler();
    let recorder = Recorder {
        store: store.clone(),
        sender: sender.id,
        settler: settler.clone(),
        give_up: give_up.clone(),
    };
    let recording = tokio::spawn(recorder.run(to_record));
    let lane = Arc::new(Lane {
        gate: Gate::new(store.clone(), sender.id, format!("worker {worker}")),
        pace: Pace::default(),
        campaigns: Campaigns::default(),
        turn: Mutex::default(),
        claim_size: AtomicUsize::new(claim_size(sender.rate, config.batch)),
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
    });
    tracing::info!(sender.id = %sender.id, "working for sender {}", sender.name);
    let (consumer, running) = take_in(&lane, consumer).await;
    drain(lane, consumer, running, (recording, give_up)).await;
    tracing::info!(sender.id = %sender.id, "stopped working for sender {}", sender.name);
}

/// Takes deliveries as they come and starts a pipeline for each batch, as long as there is room.
async fn take_in(lane: &Arc<Lane>, mut consumer: Consumer) -> (Consumer, JoinSet<()>) {
    let room = Arc::new(Semaphore::new(usize::from(lane.config.in_flight)));
    let mut running = JoinSet::new();
    let mut deliveries = Vec::new();
    while consumer.recv_many(&mut deliveries, lane.claim_size.load(Ordering::Relaxed)).await > 0 {
        let Sorted { batches, poison } = sort(deliveries.drain(..));
        for (receipt, error) in poison {
            tracing::error!("a message of the queue goes to the dead letters: {error}");
            lane.settler.settle(receipt, Settlement::DeadLetter);
        }
        for batch in batches {
            let wanted = u32::try_from(batch.tasks.len()).unwrap_or(1).min(u32::from(lane.config.in_flight));
            let Ok(permits) = Arc::clone(&room).acquire_many_owned(wanted).await else { continue };
            let lane = Arc::clone(lane);
            running.spawn(async move {
                handle(&lane, batch).await;
                drop(permits);
            });
        }
        while let Some(ended) = running.try_join_next() {
            report_panic(ended);
        }
    }
    (consumer, running)
}

/// Lets what is under way end within the budget, records it, acknowledges it.
async fn drain(
    lane: Arc<Lane>,
    consumer: Consumer,
    mut running: JoinSet<()>,
    (recording, give_up): (tokio::task::JoinHandle<()>, CancellationToken),
) {
    let budget = lane.config.drain;
    let ended = tokio::time::timeout(budget, async {
        while let Some(ended) = running.join_next().await {
            report_panic(ended);
        }
    });
    if ended.await.is_err() {
        tracing::warn!(
            "{} batches did not end in {budget:?}; their recipients become unknown",
            running.len()
        );
        running.shutdown().await;
    }
    drop(lane);
    let mut recording = recording;
    if tokio::time::timeout(RECORDING, &mut recording).await.is_err() {
        give_up.cancel();
        report_panic(recording.await);
    }
    consumer.close(RECORDING).await;
}

/// A panic in a pipeline leaves its recipients to the end of their lease; nobody else is touched.
fn report_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(
            "a batch ended in a panic, its recipients wait for the end of their lease; please report this"
        );
    }
}

impl Lane {
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

    /// Claims the batch when the rate allows it, waiting for its turn; nothing is claimed while it waits.
    pub(crate) async fn claim(&self, batch: &Batch) -> Result<Claim, Unclaimed> {
        let seqs = batch.seqs();
        let ours = (self.worker, self.config.lease);
        let _turn = self.turn.lock().await;
        let mut waiting = Waiting::new(&self.shutdown, "claiming");
        while !self.shutdown.is_cancelled() {
            match self.store.claim(self.sender, batch.campaign, &seqs, ours).await {
                Ok(Claimed::Granted(claim)) => {
                    let size = claim_size(claim.lease.rate, self.config.batch);
                    self.claim_size.store(size, Ordering::Relaxed);
                    return Ok(claim);
                }
                Ok(Claimed::Refused(Refused::Wait(time))) => self.pause(time).await,
                Ok(Claimed::Refused(Refused::Held | Refused::NothingDue)) => return Err(Unclaimed::Stale),
                Err(error) => self.wait_out(&error, &mut waiting).await?,
            }
        }
        Err(Unclaimed::Stopping)
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
    pub(crate) fn settle(&self, batch: Batch, unclaimed: Unclaimed) {
        let settlement = match unclaimed {
            Unclaimed::Stale => Settlement::Done,
            Unclaimed::Stopping => Settlement::Return,
            Unclaimed::Refused => Settlement::DeadLetter,
        };
        self.settler.settle_many(batch.into_receipts().map(|receipt| (receipt, settlement)).collect());
    }

    /// The longest a request and its recording can take.
    pub(crate) fn longest_request(&self) -> Duration {
        self.request_timeout + RECORDING
    }

    async fn pause(&self, time: Duration) {
        tokio::select! {
            () = self.shutdown.cancelled() => {}
            () = tokio::time::sleep(time) => {}
        }
    }
}

/// A tenth of a second of the rate, so that no worker hoards it; all that fits where there is no limit.
fn claim_size(rate: Option<Rate>, batch: u16) -> usize {
    let most = usize::from(batch);
    rate.map_or(most, |rate| usize::try_from(rate.permits_in(LEASED_TIME)).unwrap_or(most).min(most))
}
