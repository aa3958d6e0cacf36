//! A message received from a queue, and how it is acknowledged.

use std::fmt;

use lapin::types::{AMQPValue, FieldTable};

/// A message received from a queue that is not acknowledged yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Identifies the delivery in an acknowledgement.
    pub tag: DeliveryTag,
    /// The message body as published.
    pub body: Vec<u8>,
    /// Whether the message may have been delivered before; `false` means that it was not.
    pub redelivered: bool,
    /// Why the message was dead-lettered, if it comes from the dead-letter queue.
    pub death: Option<Box<Death>>,
}

/// Why and from which queue a message was dead-lettered first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// RabbitMQ's reason: `rejected`, `delivery_limit`, `expired` or `maxlen`.
    pub reason: String,
    /// The queue from which it was dead-lettered.
    pub queue: String,
    /// How often it was dead-lettered there for that reason.
    pub count: u64,
    /// The time in seconds since 1970, if RabbitMQ reports it.
    pub at_s: Option<u64>,
}

/// Identifies one delivery on one connection; not valid after that connection is lost. See
/// <https://www.rabbitmq.com/docs/confirms#consumer-acks-delivery-tags>. The default identifies no delivery.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct DeliveryTag {
    /// Number of the subscription in this process.
    pub(crate) generation: u64,
    /// The delivery tag of AMQP, unique on one channel.
    pub(crate) value: u64,
}

/// How a delivery is acknowledged.
#[must_use = "a delivery that is not acknowledged stays with this consumer until the delivery acknowledgement timeout of RabbitMQ"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acknowledgement {
    /// `basic.ack`: the outcome is recorded, and RabbitMQ deletes the message.
    Ack,
    /// `basic.reject` without requeue: the message cannot be used and goes to the dead-letter queue.
    DeadLetter,
    /// `basic.nack` with requeue: RabbitMQ delivers the message again at once. Not a way to wait before a retry.
    Requeue,
}

impl Delivery {
    pub(crate) fn new(generation: u64, delivery: lapin::message::Delivery) -> Self {
        let death = delivery.properties.headers().as_ref().and_then(death).map(Box::new);
        let tag = DeliveryTag { generation, value: delivery.delivery_tag };
        Self { tag, body: delivery.data, redelivered: delivery.redelivered, death }
    }
}

impl fmt::Debug for Delivery {
    /// Without the body: a foreign message may contain personal data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tag, body, redelivered, death } = self;
        f.debug_struct("Delivery")
            .field("tag", tag)
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

/// Count and time of the latest kind of dead-lettering, which is the first in the list.
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
