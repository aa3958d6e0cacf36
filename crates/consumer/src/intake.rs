//! Working for one sender: taking deliveries in as long as there is room, and draining when told to stop.

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
use crate::config::RECORDING;
use crate::lane::{Door, Lane, Parts, Unclaimed};
use crate::pipeline::handle;
use crate::recorder::Recorder;
use crate::room::{Room, Rooms};

/// How long a small claim waits for more recipients while others are under way. Postgres takes half a millisecond for a claim
/// however small; with several workers beside a producer claims of forty became claims of two hundred (docs/BENCHMARKS.md).
const LINGER: Duration = Duration::from_millis(20);

/// Works for one sender until the lane is told to stop, then drains.
pub(crate) async fn work(parts: Parts, consumer: Consumer) {
    let SenderRow { id, name, .. } = parts.sender.clone();
    let (finished, to_record) = mpsc::channel(usize::from(parts.config.in_flight));
    let give_up = CancellationToken::new();
    let recorder = Recorder {
        store: parts.store.clone(),
        sender: id,
        settler: consumer.settler(),
        give_up: give_up.clone(),
    };
    let recording = tokio::spawn(recorder.run(to_record));
    let lane = Arc::new(Lane::new(parts, consumer.settler(), finished));
    tracing::info!(sender.id = %id, "working for sender {name}");
    let (consumer, running) = take_in(&lane, consumer).await;
    drain(lane, consumer, running, (recording, give_up)).await;
    tracing::info!(sender.id = %id, "stopped working for sender {name}");
}

/// Takes deliveries as they come and starts a pipeline for each batch, as long as there is room.
async fn take_in(lane: &Arc<Lane>, mut consumer: Consumer) -> (Consumer, JoinSet<()>) {
    let rooms = Rooms::new(lane.config.in_flight, lane.config.requests);
    let mut running = JoinSet::new();
    let mut deliveries = Vec::new();
    while let Some((mut room, door)) = gather(lane, &rooms, &mut consumer, &mut deliveries).await {
        let mut door = Some(door);
        let Sorted { batches, poison } = sort(deliveries.drain(..));
        for (receipt, error) in poison {
            lane.bury(receipt, &error);
        }
        for batch in batches {
            let Some(room) = room.split(batch.tasks.len()) else { continue };
            let (lane, door) = (Arc::clone(lane), door.take());
            running.spawn(async move {
                handle(&lane, batch, room, door).await;
            });
        }
        while let Some(ended) = running.try_join_next() {
            report_panic(ended);
        }
    }
    (consumer, running)
}

/// Waits for deliveries, for their places and for the end of the claim before, and takes what has arrived by then. Where
/// that is little and others are under way, it waits a moment for more. `None` when the lane is told to stop.
async fn gather(
    lane: &Lane,
    rooms: &Rooms,
    consumer: &mut Consumer,
    deliveries: &mut Vec<Delivery>,
) -> Option<(Room, Door)> {
    let most = lane.claim_size();
    if consumer.recv_many(deliveries, rooms.at_once(most)).await == 0 {
        return None;
    }
    // While nothing can be recorded all places are taken, which must not keep the worker from stopping.
    let room = tokio::select! {
        biased;
        room = rooms.take(deliveries.len()) => room,
        () = lane.shutdown.cancelled() => None,
    };
    let Some(mut room) = room else {
        lane.settle(deliveries.drain(..).map(|delivery| delivery.receipt), Unclaimed::Stopping);
        return None;
    };
    if lane.would_rather_claim_more_than(deliveries.len()) && rooms.hold_others_than(&room) {
        lane.pause(LINGER).await;
    }
    let door = lane.door().await;
    let more = rooms.add(&mut room, most.saturating_sub(deliveries.len()));
    if more > 0 {
        // Nothing more has arrived if it is not there at once.
        consumer.recv_many(deliveries, more).now_or_never();
    }
    Some((room, door))
}

/// Lets what is under way end within the budget, records it, acknowledges it.
async fn drain(
    lane: Arc<Lane>,
    consumer: Consumer,
    mut running: JoinSet<()>,
    (recording, give_up): (tokio::task::JoinHandle<()>, CancellationToken),
) {
    let (budget, began) = (lane.config.drain, Instant::now());
    let ended = tokio::time::timeout(budget, async {
        while let Some(ended) = running.join_next().await {
            report_panic(ended);
        }
    });
    if ended.await.is_err() {
        tracing::warn!(
            "{} batches did not end in {budget:?}; their recipients wait for the end of their lease",
            running.len()
        );
        running.shutdown().await;
    }
    drop(lane);
    let mut recording = recording;
    // What the requests did not need of the budget is for an outage of PostgreSQL to end.
    let left = budget.saturating_sub(began.elapsed()).max(RECORDING);
    if tokio::time::timeout(left, &mut recording).await.is_err() {
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
