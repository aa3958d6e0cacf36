//! One round of publishing: several requests are published on the confirm channel together, and every confirm is
//! awaited.
//!
//! Rounds follow one another, and each ends with nothing outstanding. That matters for returned messages: lapin
//! attaches a returned message to the next confirm that completes, which may belong to another message. So no request
//! can be answered before all confirms have arrived. Each message carries the number of its request in `message_id`,
//! and a returned message counts against that request.
//!
//! Invariants: only one task publishes on a channel (lapin mixes up the confirms of concurrent publishers). Every
//! confirm is awaited. At most [`WINDOW`] messages are outstanding.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use futures::future::join_all;
use futures::stream::FuturesUnordered;
use lapin::message::BasicReturnMessage;
use lapin::options::BasicPublishOptions;
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation};
use tokio::time::timeout;

use crate::Error;

/// The most unanswered messages. lapin searches all of them for each confirm, so more is slower.
pub(crate) const WINDOW: usize = 1024;
/// Messages whose futures are polled together: one wake-up of the task for many messages.
const CHUNK: usize = 128;
/// How long a failed round collects answers that have already arrived.
const SWEEP: Duration = Duration::from_millis(200);
/// Delivery mode 2: written to disk.
const PERSISTENT: u8 = 2;

/// The messages of one request in a round, and their answers.
pub(crate) struct Batch {
    queue: ShortString,
    bodies: Vec<Vec<u8>>,
    acked: AtomicUsize,
    nacked: AtomicUsize,
    returned: AtomicUsize,
}

impl Batch {
    pub(crate) fn new(queue: ShortString, bodies: Vec<Vec<u8>>) -> Self {
        let count = AtomicUsize::default;
        Self { queue, bodies, acked: count(), nacked: count(), returned: count() }
    }

    /// Whether RabbitMQ has answered for every message.
    pub(crate) fn is_answered(&self) -> bool {
        self.acked.load(Ordering::Relaxed) + self.nacked.load(Ordering::Relaxed) >= self.bodies.len()
    }

    /// Whether RabbitMQ refused every message.
    pub(crate) fn is_refused(&self) -> bool {
        !self.bodies.is_empty() && self.nacked.load(Ordering::Relaxed) == self.bodies.len()
    }

    /// The number of messages if all of them are confirmed.
    pub(crate) fn result(&self) -> Result<u32, Error> {
        let total = self.bodies.len();
        let [acked, nacked, returned] =
            [&self.acked, &self.nacked, &self.returned].map(|count| count.load(Ordering::Relaxed));
        if acked == total && returned == 0 {
            return Ok(u32::try_from(total).unwrap_or(u32::MAX));
        }
        let (confirmed, unanswered) = (acked.saturating_sub(returned), total.saturating_sub(acked + nacked));
        Err(Error::Unconfirmed { total, confirmed, nacked, returned, unanswered })
    }
}

/// Publishes the batches. Returns when every message has its answer, when RabbitMQ was silent for `limit`, or when the
/// channel is lost; the batches show which.
pub(crate) async fn publish(channel: &Channel, batches: &[Batch], limit: Duration) {
    let mut messages = Messages { batches, batch: 0, next: 0 };
    let mut outstanding = FuturesUnordered::new();
    loop {
        while outstanding.len() < WINDOW / CHUNK {
            let chunk: Vec<_> = messages
                .by_ref()
                .take(CHUNK)
                .map(|(number, body)| send(channel, batches, number, body))
                .collect();
            if chunk.is_empty() {
                break;
            }
            outstanding.push(join_all(chunk));
        }
        match timeout(limit, outstanding.next()).await {
            Ok(Some(sent)) if sent.iter().all(Result::is_ok) => {}
            // All answered, or a failure of the channel, which concerns every message, or silence.
            Ok(_) | Err(_) => break,
        }
    }
    // All answers that have arrived are counted: a returned message may be attached to the confirm of another request.
    drop(timeout(SWEEP, async { while outstanding.next().await.is_some() {} }).await);
}

/// All messages of the batches, each with the number of its batch.
struct Messages<'a> {
    batches: &'a [Batch],
    batch: usize,
    next: usize,
}

impl<'a> Iterator for Messages<'a> {
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(body) = self.batches.get(self.batch)?.bodies.get(self.next) {
                self.next += 1;
                return Some((self.batch, body));
            }
            (self.batch, self.next) = (self.batch + 1, 0);
        }
    }
}

/// Publishes one message and counts its answer.
async fn send(channel: &Channel, batches: &[Batch], number: usize, body: &[u8]) -> lapin::Result<()> {
    let Some(batch) = batches.get(number) else {
        return Ok(());
    };
    let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let properties =
        BasicProperties::default().with_delivery_mode(PERSISTENT).with_message_id(number.to_string().into());
    let exchange = ShortString::default();
    let confirm = channel.basic_publish(exchange, batch.queue.clone(), mandatory, body, properties).await?;
    match confirm.await? {
        Confirmation::Ack(returned) => {
            count_return(batches, returned.as_ref());
            batch.acked.fetch_add(1, Ordering::Relaxed);
        }
        Confirmation::Nack(returned) => {
            count_return(batches, returned.as_ref());
            batch.nacked.fetch_add(1, Ordering::Relaxed);
        }
        // Not a confirm channel: the message stays unanswered.
        Confirmation::NotRequested => {}
    }
    Ok(())
}

/// Counts a returned message against its request, or against all requests if it does not name one.
fn count_return(batches: &[Batch], returned: Option<&BasicReturnMessage>) {
    let Some(returned) = returned else {
        return;
    };
    let number = returned.properties.message_id().as_ref().and_then(|id| id.as_str().parse::<usize>().ok());
    match number.and_then(|number| batches.get(number)) {
        Some(batch) => count_one(batch),
        None => batches.iter().for_each(count_one),
    }
}

fn count_one(batch: &Batch) {
    batch.returned.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(total: usize, [acked, nacked, returned]: [usize; 3]) -> Batch {
        let mut batch = Batch::new("queue".into(), vec![Vec::new(); total]);
        batch.acked = acked.into();
        batch.nacked = nacked.into();
        batch.returned = returned.into();
        batch
    }

    #[test]
    fn only_a_batch_confirmed_in_full_and_not_returned_is_ok() {
        assert_eq!(batch(3, [3, 0, 0]).result().unwrap(), 3);
        for counts in [[2, 0, 0], [2, 1, 0], [3, 0, 1], [0, 0, 0]] {
            assert!(batch(3, counts).result().is_err(), "{counts:?}");
        }
    }

    #[test]
    fn a_batch_is_refused_if_every_message_is() {
        assert!(batch(3, [0, 3, 0]).is_refused());
        for (total, counts) in [(3, [1, 2, 0]), (3, [0, 2, 0]), (3, [3, 0, 0]), (0, [0, 0, 0])] {
            assert!(!batch(total, counts).is_refused(), "{counts:?}");
        }
    }

    #[test]
    fn the_error_counts_every_message_once() {
        let error = batch(10, [6, 1, 2]).result().unwrap_err();
        let Error::Unconfirmed { total, confirmed, nacked, returned, unanswered } = error else {
            panic!("{error}")
        };
        assert_eq!((confirmed, nacked, returned, unanswered), (4, 1, 2, 3));
        assert_eq!(total, confirmed + nacked + returned + unanswered);
    }
}
