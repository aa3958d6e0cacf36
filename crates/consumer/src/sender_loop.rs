//! The loop of one sender in a worker: receives deliveries, starts a pipeline for each batch, and drains on shutdown.

use std::sync::Arc;
use std::time::Duration;

use broker::{Consumer, Delivery};
use futures::FutureExt;
use store::SenderRow;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::batch::{Sorted, sort};
use crate::capacity::{Capacity, Permits};
use crate::config::RECORDING;
use crate::pipeline::handle;
use crate::recorder::Recorder;
use crate::sender_worker::{ClaimTurn, Parts, SenderWorker, Unclaimed};

/// How long a small claim waits for more recipients while other batches are in flight. A claim costs PostgreSQL half a
/// millisecond, however small it is. With several workers beside a producer, claims of 40 became claims of 200
/// (docs/BENCHMARKS.md).
const LINGER: Duration = Duration::from_millis(20);

/// Sends for one sender until the worker is told to stop, then drains.
pub(crate) async fn run_sender(parts: Parts, consumer: Consumer) {
    let SenderRow { id, name, .. } = parts.sender.clone();
    let (finished, to_record) = mpsc::channel(usize::from(parts.config.in_flight));
    let give_up = CancellationToken::new();
    let recorder = Recorder {
        store: parts.store.clone(),
        sender: id,
        acknowledger: consumer.acknowledger(),
        metrics: Arc::clone(&parts.metrics),
        give_up: give_up.clone(),
    };
    let recording = tokio::spawn(recorder.run(to_record));
    let worker = Arc::new(SenderWorker::new(parts, consumer.acknowledger(), finished));
    tracing::info!(sender.id = %id, "sending for sender {name}");
    let (consumer, running) = take_deliveries(&worker, consumer).await;
    drain(worker, consumer, running, (recording, give_up)).await;
    tracing::info!(sender.id = %id, "stopped sending for sender {name}");
}

/// Receives deliveries and starts a pipeline for each batch, within the concurrency limits.
async fn take_deliveries(worker: &Arc<SenderWorker>, mut consumer: Consumer) -> (Consumer, JoinSet<()>) {
    let capacity = Capacity::new(worker.config.in_flight, worker.config.requests);
    worker.metrics.follow(capacity.limits());
    let mut running = JoinSet::new();
    let mut deliveries = Vec::new();
    while let Some((mut permits, turn)) = gather(worker, &capacity, &mut consumer, &mut deliveries).await {
        let mut turn = Some(turn);
        let Sorted { batches, poison } = sort(deliveries.drain(..));
        for (tag, error) in poison {
            worker.dead_letter(tag, &error);
        }
        for batch in batches {
            let Some(permits) = permits.split(batch.tasks.len()) else { continue };
            let (worker, turn) = (Arc::clone(worker), turn.take());
            running.spawn(async move {
                handle(&worker, batch, permits, turn).await;
            });
        }
        while let Some(ended) = running.try_join_next() {
            report_panic(ended);
        }
    }
    (consumer, running)
}

/// Waits for deliveries, for their permits and for the claim turn; then adds the deliveries that have arrived meanwhile. If
/// they are few and other batches are in flight, it waits [`LINGER`] for more. `None` when the worker is told to stop.
async fn gather(
    worker: &SenderWorker,
    capacity: &Capacity,
    consumer: &mut Consumer,
    deliveries: &mut Vec<Delivery>,
) -> Option<(Permits, ClaimTurn)> {
    let most = worker.claim_size();
    if consumer.recv_many(deliveries, capacity.next_batch_size(most)).await == 0 {
        return None;
    }
    // While no outcome can be recorded no permit is available; the worker must be able to stop all the same.
    let permits = tokio::select! {
        biased;
        permits = capacity.acquire(deliveries.len()) => permits,
        () = worker.shutdown.cancelled() => None,
    };
    let Some(mut permits) = permits else {
        worker.acknowledge(deliveries.drain(..).map(|delivery| delivery.tag), Unclaimed::Stopping);
        return None;
    };
    if worker.is_small_claim(deliveries.len()) && capacity.is_shared_with_others(&permits) {
        worker.pause(LINGER).await;
    }
    let turn = worker.claim_turn().await;
    let more = capacity.extend(&mut permits, most.saturating_sub(deliveries.len()));
    if more > 0 {
        // Only what has arrived already.
        consumer.recv_many(deliveries, more).now_or_never();
    }
    Some((permits, turn))
}

/// Waits at most the drain time for the batches in flight, records their outcomes and acknowledges their messages.
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
