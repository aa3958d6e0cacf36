//! The loop of one sender in a worker: receives blocks, starts a pipeline for each batch, and drains on shutdown.

use std::sync::Arc;
use std::time::Duration;

use broker::{Acknowledgement, Consumer, Delivery, DeliveryTag};
use campaign::{BlockError, SenderId};
use futures::FutureExt;
use store::SenderRow;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::batch::{Batch, Waiting};
use crate::capacity::{Capacity, Permits};
use crate::config::RECORDING;
use crate::open_block::Unclaimed;
use crate::pipeline::handle;
use crate::recorder::Recorder;
use crate::sender_worker::{ClaimTurn, Parts, SenderWorker};

/// Unacknowledged blocks of one sender in a worker: the one that it claims from and those that come next. With a rate a block is a
/// tenth of a second of it, so a worker holds few recipients that another worker could send to.
pub(crate) const PREFETCH: u16 = 3;

/// How long a worker keeps a message of a version that it does not know before it returns it.
const UNKNOWN_VERSION: Duration = Duration::from_secs(5);

/// Runs the sender worker of one sender until it is told to stop, then drains it. Returns the id of the sender.
pub(crate) async fn run_sender(parts: Parts, consumer: Consumer) -> SenderId {
    let SenderRow { id, name, .. } = parts.sender.clone();
    let (finished, to_record) = mpsc::channel(usize::from(parts.config.in_flight));
    let give_up = CancellationToken::new();
    let journal = Arc::clone(&parts.journal);
    let recorder = Recorder {
        store: parts.store.clone(),
        sender: id,
        metrics: Arc::clone(&parts.metrics),
        journal: Arc::clone(&journal),
        recent: Arc::clone(&parts.recent),
        give_up: give_up.clone(),
    };
    let recording = tokio::spawn(recorder.run(to_record));
    let capacity = Capacity::new(parts.config.in_flight, parts.config.requests);
    parts.metrics.follow(capacity.limits());
    let [(in_flight, most), _] = capacity.limits();
    parts.recent.follow(in_flight, most);
    let worker = Arc::new(SenderWorker::new(parts, consumer.acknowledger(), finished));
    tracing::info!(sender.id = %id, "sending for sender {name}");
    let (consumer, running) = take_blocks(&worker, consumer, capacity).await;
    drain(worker, consumer, running, (recording, give_up)).await;
    journal.end();
    tracing::info!(sender.id = %id, "stopped sending for sender {name}");
    id
}

/// What the loop of a sender works on.
struct Intake<'a> {
    worker: &'a Arc<SenderWorker>,
    capacity: Capacity,
    /// Recipients that were delivered and are in no batch yet.
    waiting: Waiting,
    running: JoinSet<()>,
}

/// Receives blocks and starts a pipeline for each batch, within the concurrency limits.
async fn take_blocks(
    worker: &Arc<SenderWorker>,
    mut consumer: Consumer,
    capacity: Capacity,
) -> (Consumer, JoinSet<()>) {
    let mut intake = Intake { worker, capacity, waiting: Waiting::default(), running: JoinSet::new() };
    while intake.receive(&mut consumer).await {
        // While no outcome can be recorded no permit is available; the worker must be able to stop all the same.
        let next = tokio::select! {
            biased;
            next = intake.next_batch(&mut consumer) => next,
            () = worker.shutdown.cancelled() => None,
        };
        let Some((batch, permits, turn)) = next else { break };
        let worker = Arc::clone(worker);
        intake.running.spawn(async move { handle(&worker, batch, permits, Some(turn)).await });
        while let Some(ended) = intake.running.try_join_next() {
            report_panic(ended);
        }
    }
    worker.close(intake.waiting.into_blocks(), Unclaimed::Stopping);
    (consumer, intake.running)
}

impl Intake<'_> {
    /// Waits for a block if no recipient is waiting. Returns false when the worker is told to stop.
    async fn receive(&mut self, consumer: &mut Consumer) -> bool {
        let mut deliveries = Vec::new();
        while self.waiting.next_len() == 0 {
            if consumer.recv_many(&mut deliveries, 1).await == 0 {
                return false;
            }
            self.take_in(&mut deliveries);
        }
        !self.worker.shutdown.is_cancelled()
    }

    /// Waits for permits and for the claim turn, then takes the next batch: as many recipients of one campaign as a claim takes,
    /// and as have permits.
    async fn next_batch(&mut self, consumer: &mut Consumer) -> Option<(Batch, Permits, ClaimTurn)> {
        let most = self.worker.claim_size();
        let wanted = self.capacity.next_batch_size(most.min(self.waiting.next_len()));
        let mut permits = self.capacity.acquire(wanted).await?;
        let turn = self.worker.claim_turn().await;
        // Blocks that have arrived meanwhile, if the claim takes more.
        let mut arrived = Vec::new();
        while self.waiting.next_len() < most
            && consumer.recv_many(&mut arrived, 1).now_or_never().is_some_and(|n| n > 0)
        {
            self.take_in(&mut arrived);
        }
        let more = most.min(self.waiting.next_len()).saturating_sub(permits.recipients());
        self.capacity.extend(&mut permits, more);
        Some((self.waiting.next_batch(permits.recipients())?, permits, turn))
    }

    fn take_in(&mut self, deliveries: &mut Vec<Delivery>) {
        for delivery in deliveries.drain(..) {
            match self.waiting.add(&delivery) {
                Ok(()) => {}
                Err(BlockError::Version(version)) => self.return_later(delivery.tag, version),
                Err(error) => self.worker.dead_letter(delivery.tag, &error),
            }
        }
    }

    /// Returns a message of an unknown version after a pause: another worker may know it.
    fn return_later(&mut self, tag: DeliveryTag, version: u32) {
        tracing::warn!(
            "a message of the queue has version {version}, which this consumer does not know, and is returned; update this consumer"
        );
        let worker = Arc::clone(self.worker);
        self.running.spawn(async move {
            worker.pause(UNKNOWN_VERSION).await;
            worker.acknowledge(vec![(tag, Acknowledgement::Requeue)]);
        });
    }
}

/// Waits at most the drain time for the batches in flight, and records their outcomes.
async fn drain(
    worker: Arc<SenderWorker>,
    consumer: Consumer,
    mut running: JoinSet<()>,
    (recording, give_up): (tokio::task::JoinHandle<()>, CancellationToken),
) {
    let (budget, began) = (worker.config.drain, Instant::now());
    let ended = tokio::time::timeout(budget, async {
        while let Some(ended) = running.join_next().await {
            report_panic(ended);
        }
    });
    if ended.await.is_err() {
        tracing::warn!(
            "{} batches did not end within {budget:?}; their recipients become unknown when the leases of their claims end",
            running.len()
        );
        running.shutdown().await;
    }
    drop(worker);
    let mut recording = recording;
    // The rest of the drain time is for an outage of PostgreSQL to end.
    let left = budget.saturating_sub(began.elapsed()).max(RECORDING);
    if tokio::time::timeout(left, &mut recording).await.is_err() {
        give_up.cancel();
        report_panic(recording.await);
    }
    consumer.close(RECORDING).await;
}

/// Logs a panic in a pipeline. The recipients of that batch become `unknown` when its lease ends; other batches continue.
fn report_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(
            "a batch ended in a panic; its recipients become unknown when the lease of their claim ends; please report this"
        );
    }
}
