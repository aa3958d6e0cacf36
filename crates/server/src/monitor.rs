//! What metrics and health read from a running server.

use std::sync::{Arc, Weak};

use telemetry::health::{self, Need, Part};
use tokio::sync::mpsc;

use crate::http::body_memory::BodyMemory;
use crate::http::health::DatabaseHealth;
use crate::metrics::{BYTES, WAITING};
use crate::webhook::committer::QueuedRequest;

/// Adds the parts of a server. A server that cannot commit must get no requests, so it is ready only while PostgreSQL answers and its queue
/// is not full.
pub(crate) fn start(
    queue: &mpsc::Sender<QueuedRequest>,
    memory: &Arc<BodyMemory>,
    database: Arc<DatabaseHealth>,
) {
    health::add("postgres", Need::Always, move || {
        let is_healthy = database.is_healthy();
        let state = store::postgres_state();
        let word = if is_healthy { "ok" } else { "unavailable" };
        Part::word(is_healthy, if state == "read_only" { state } else { word })
    });
    // Weak, because the committers end after the last sender of the queue.
    let waiting = queue.downgrade();
    health::add("queue", Need::Always, move || {
        let is_full = waiting.upgrade().is_some_and(|queue| queue.capacity() == 0);
        Part::word(!is_full, if is_full { "full" } else { "ok" })
    });
    health::all_parts_known();
    let (waiting, memory): (_, Weak<BodyMemory>) = (queue.downgrade(), Arc::downgrade(memory));
    telemetry::on_scrape(move || {
        let requests = waiting.upgrade().map_or(0, |queue| queue.max_capacity() - queue.capacity());
        let bytes = memory.upgrade().map_or(0, |memory| memory.used());
        WAITING.with(&[]).set(float(requests));
        BYTES.with(&[]).set(float(bytes));
    });
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
fn float(n: usize) -> f64 {
    n as f64
}
