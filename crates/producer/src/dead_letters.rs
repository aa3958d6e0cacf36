//! Moves messages from the dead-letter queue to PostgreSQL, where operators see them.
//!
//! **Invariant.** A message is acknowledged only after its row is committed. A message that is dead-lettered twice is
//! one row.

use std::time::Duration;

use broker::{Acknowledgement, Connection, Consumer, Death, Delivery, Topology};
use jiff::Timestamp;
use store::{Backoff, DeadLetter, Store};
use tokio_util::sync::CancellationToken;

use crate::metrics;

/// The most unacknowledged messages.
const AT_ONCE: u16 = 50;
/// How long acknowledgements may take at shutdown.
const CLOSING: Duration = Duration::from_secs(5);

/// Drains the dead-letter queue until `shutdown`. Failures of PostgreSQL and RabbitMQ are retried.
pub async fn drain(broker: broker::Config, store: Store, shutdown: CancellationToken) {
    let topology = Topology::new(&broker.prefix);
    let prefix = format!("{}.", broker.prefix);
    let connection = Connection::new(broker, "flowcast dead letters");
    let mut consumer = Consumer::start(&connection, topology.dead_queue(), AT_ONCE, &shutdown);
    let acknowledger = consumer.acknowledger();
    let mut deliveries = Vec::new();
    'drain: while consumer.recv_many(&mut deliveries, usize::from(AT_ONCE)).await > 0 {
        for delivery in deliveries.drain(..) {
            if !keep(&store, &delivery, &prefix, &shutdown).await {
                break 'drain;
            }
            acknowledger.acknowledge(delivery.tag, Acknowledgement::Ack);
        }
    }
    drop(acknowledger);
    consumer.close(CLOSING).await;
}

/// Stores one message, with retries. Returns false if `shutdown` came first.
async fn keep(store: &Store, delivery: &Delivery, prefix: &str, shutdown: &CancellationToken) -> bool {
    let letter = letter(delivery, prefix);
    let mut backoff = Backoff::new("storing a dead letter");
    loop {
        let Err(error) = store.keep_dead_letter(&letter).await else {
            tracing::warn!(
                "a message in {} was dead-lettered: {}; see 'flowcast dead-letters list'",
                letter.queue.unwrap_or("another queue"),
                letter.reason
            );
            metrics::count_dead_letter(letter.reason);
            return true;
        };
        if !backoff.pause(&error, shutdown).await {
            return false;
        }
    }
}

/// The row of a delivery. Any publisher can write any headers, so only Flowcast's own words and names are stored.
fn letter<'a>(delivery: &'a Delivery, prefix: &str) -> DeadLetter<'a> {
    let death: Option<&Death> = delivery.death.as_deref();
    let reason = death.map(|death| death.reason.as_str());
    let known = |reason: &&str| ["rejected", "delivery_limit", "expired", "maxlen"].contains(reason);
    let of_sender = |queue: &&str| {
        let id = queue.strip_prefix(prefix).and_then(|rest| rest.strip_prefix("sender."));
        id.is_some_and(|id| id.parse::<i64>().is_ok())
    };
    DeadLetter {
        queue: death.map(|death| death.queue.as_str()).filter(of_sender),
        reason: reason.filter(known).unwrap_or("other"),
        body: &delivery.body,
        deaths: death.map_or(1, |death| death.count.max(1)),
        died_at: death
            .and_then(|death| i64::try_from(death.at_s?).ok())
            .and_then(|at| Timestamp::from_second(at).ok()),
        redelivered: delivery.redelivered,
    }
}
