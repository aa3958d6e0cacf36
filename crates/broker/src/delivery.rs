//! A message that was taken from a queue, and what can become of it.

use std::fmt;

use lapin::types::{AMQPValue, FieldTable};

/// A message that was taken from a queue and is not settled yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Delivery {
    /// What settles it.
    pub receipt: Receipt,
    /// What was published.
    pub body: Vec<u8>,
    /// Whether it may have been delivered before; `false` means surely not.
    pub redelivered: bool,
    /// Why it died, if it comes from the dead-letter queue.
    pub death: Option<Box<Death>>,
}

/// Why and where a message was dead-lettered first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// RabbitMQ's word for it: `rejected`, `delivery_limit`, `expired` or `maxlen`.
    pub reason: String,
    /// The queue it was in.
    pub queue: String,
    /// How often it died there for that reason.
    pub count: u64,
    /// When, in seconds since 1970, if the broker says so.
    pub at_s: Option<u64>,
}

/// Names one delivery on one connection; of use only until that connection is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Receipt {
    pub(crate) generation: u64,
    pub(crate) tag: u64,
}

/// What becomes of a delivery.
#[must_use = "a delivery that is not settled stays with this consumer until the broker loses patience"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// The work is recorded, the message can be forgotten.
    Done,
    /// The message is not usable: to the dead-letter queue.
    DeadLetter,
    /// Back to the queue, to be delivered again at once. Not a way to retry: it comes straight back.
    Return,
}

impl Delivery {
    pub(crate) fn new(generation: u64, delivery: lapin::message::Delivery) -> Self {
        let death = delivery.properties.headers().as_ref().and_then(death).map(Box::new);
        let receipt = Receipt { generation, tag: delivery.delivery_tag };
        Self { receipt, body: delivery.data, redelivered: delivery.redelivered, death }
    }
}

impl fmt::Debug for Delivery {
    /// Without the body: a message that is not ours may hold anything.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { receipt, body, redelivered, death } = self;
        f.debug_struct("Delivery")
            .field("receipt", receipt)
            .field("body_bytes", &body.len())
            .field("redelivered", redelivered)
            .field("death", death)
            .finish()
    }
}

fn death(headers: &FieldTable) -> Option<Death> {
    let text = |key: &str| match headers.inner().get(key) {
        Some(AMQPValue::LongString(text)) => Some(text.to_string()),
        Some(AMQPValue::ShortString(text)) => Some(text.to_string()),
        _ => None,
    };
    let (count, at_s) = history(headers);
    Some(Death { reason: text("x-first-death-reason")?, queue: text("x-first-death-queue")?, count, at_s })
}

/// How often it died as it did last, and when, from the list of deaths: the last kind comes first.
fn history(headers: &FieldTable) -> (u64, Option<u64>) {
    let Some(AMQPValue::FieldArray(deaths)) = headers.inner().get("x-death") else { return (1, None) };
    let Some(AMQPValue::FieldTable(last)) = deaths.as_slice().first() else { return (1, None) };
    let count = match last.inner().get("count") {
        Some(AMQPValue::LongLongInt(count)) => u64::try_from(*count).unwrap_or(1),
        _ => 1,
    };
    let at_s = match last.inner().get("time") {
        Some(AMQPValue::Timestamp(at_s)) => Some(*at_s),
        _ => None,
    };
    (count, at_s)
}
