//! Every exchange, queue and argument of Flowcast; the only place where they are named.
//!
//! ```text
//! (default exchange) ──▶ {prefix}.sender.{id}   quorum queue, one per sender
//!                              │ dead-lettered
//!                              ▼
//!        fanout exchange {prefix}.dead ──▶ {prefix}.dead   quorum queue
//! ```
//!
//! Invariants: declaring is idempotent. RabbitMQ 3.10 and 4.x treat the arguments alike. The arguments never change,
//! because a queue cannot change them. Settings that an operator may want to change, such as a length limit, belong
//! into a policy.

use std::fmt;
use std::sync::Arc;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, ExchangeKind, Queue};

use crate::Error;
use crate::link::Link;

/// How often a message may be returned to its queue before the broker dead-letters it.
///
/// Explicit, because the default is 20 in RabbitMQ 4 and none in 3.10. Unreachable, because a return is not an error
/// here: closing a channel counts one return for every unacknowledged message. Never -1, which 3.10 reads as "drop at
/// the first return" and 4.x as "unlimited".
const DELIVERY_LIMIT: i64 = 1_000_000;

/// The names of the queues under one prefix.
#[derive(Clone, Debug)]
pub struct Topology {
    prefix: Arc<str>,
    dead: Arc<str>,
}

impl Topology {
    /// The names with this prefix.
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.into(), dead: format!("{prefix}.dead").into() }
    }

    /// The queue of a sender.
    pub fn sender_queue(&self, sender_id: i64) -> QueueName {
        let name = format!("{}.sender.{sender_id}", self.prefix).into();
        QueueName { name, dead: Some(Arc::clone(&self.dead)) }
    }

    /// The queue of dead letters of all senders.
    pub fn dead_queue(&self) -> QueueName {
        QueueName { name: Arc::clone(&self.dead), dead: None }
    }
}

/// The name of a queue, and how the queue is declared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueName {
    name: Arc<str>,
    /// Where its dead letters go: the name of an exchange and of the queue bound to it.
    dead: Option<Arc<str>>,
}

impl QueueName {
    /// The name in RabbitMQ.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The name for a protocol frame.
    pub(crate) fn short(&self) -> Result<ShortString, Error> {
        short(&self.name)
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Makes sure that a queue exists, with its dead-letter queue, and returns the number of its ready messages.
///
/// It uses its own channel, because a refusal closes the channel. The queue comes first, so that a fault of the
/// dead-letter queue does not stop a sender.
pub(crate) async fn ensure(link: &Link, queue: &QueueName) -> Result<u32, Error> {
    let channel = link.channel().await?;
    let declared = declare(link, &channel, queue).await?;
    // Without the exchange no dead-lettered message reaches the queue.
    declare_dead(link, &channel, queue.dead.as_ref().unwrap_or(&queue.name)).await?;
    link.within("close a channel", channel.close(200, "declared".into())).await?;
    Ok(declared.message_count())
}

/// The number of ready messages of a queue that exists. If it does not exist, the channel is lost.
pub(crate) async fn count(link: &Link, channel: &Channel, queue: &QueueName) -> Result<u32, Error> {
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let asked = channel.queue_declare(queue.short()?, options, FieldTable::default());
    Ok(link.within("count a queue", asked).await?.message_count())
}

async fn declare(link: &Link, channel: &Channel, queue: &QueueName) -> Result<Queue, Error> {
    let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    let asked = channel.queue_declare(queue.short()?, options, arguments(queue));
    let declared = link.within("declare a queue", asked).await;
    declared.map_err(|error| match error {
        Error::Unavailable { source: Some(source), .. } if is_mismatch(&source) => {
            Error::Mismatch { queue: queue.clone(), source }
        }
        other => other,
    })
}

/// Declares the exchange for dead letters and the queue bound to it.
async fn declare_dead(link: &Link, channel: &Channel, dead: &Arc<str>) -> Result<(), Error> {
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let exchange =
        channel.exchange_declare(short(dead)?, ExchangeKind::Fanout, durable, FieldTable::default());
    link.within("declare an exchange", exchange).await?;
    let queue = QueueName { name: Arc::clone(dead), dead: None };
    declare(link, channel, &queue).await?;
    let nothing = ShortString::default();
    let bind = channel.queue_bind(
        short(dead)?,
        short(dead)?,
        nothing,
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    link.within("bind a queue", bind).await
}

/// The arguments of a queue, see <https://www.rabbitmq.com/docs/quorum-queues>.
fn arguments(queue: &QueueName) -> FieldTable {
    let text = |text: &str| AMQPValue::LongString(text.into());
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongLongInt(DELIVERY_LIMIT));
    // A full queue refuses new messages; the default would silently drop the oldest.
    arguments.insert("x-overflow".into(), text("reject-publish"));
    if let Some(dead) = &queue.dead {
        arguments.insert("x-dead-letter-exchange".into(), text(dead));
        // The message stays in this queue until the dead-letter queue has confirmed it; needs reject-publish.
        arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    }
    arguments
}

fn is_mismatch(error: &lapin::Error) -> bool {
    matches!(error.kind(), lapin::ErrorKind::ProtocolError(error) if error.get_id() == 406)
}

fn short(name: &str) -> Result<ShortString, Error> {
    let too_long = |_| Error::invalid("the queue prefix is too long; write at most 100 characters");
    ShortString::try_new(name).map_err(too_long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_begin_with_the_prefix() {
        let topology = Topology::new("shop");
        assert_eq!(topology.sender_queue(7).as_str(), "shop.sender.7");
        assert_eq!(topology.dead_queue().to_string(), "shop.dead");
    }

    #[test]
    fn a_sender_queue_dead_letters_at_least_once_and_never_by_the_default_limit() {
        let arguments = arguments(&Topology::new("shop").sender_queue(7));
        let text = |key: &str| match arguments.inner().get(key) {
            Some(AMQPValue::LongString(text)) => text.to_string(),
            other => format!("{other:?}"),
        };
        assert_eq!(text("x-queue-type"), "quorum");
        assert_eq!(text("x-dead-letter-exchange"), "shop.dead");
        assert_eq!(
            (text("x-overflow"), text("x-dead-letter-strategy")),
            ("reject-publish".into(), "at-least-once".into())
        );
        assert_eq!(arguments.inner().get("x-delivery-limit"), Some(&AMQPValue::LongLongInt(1_000_000)));
    }

    #[test]
    fn a_name_that_no_frame_can_hold_is_an_error() {
        assert!(Topology::new(&"x".repeat(300)).dead_queue().short().is_err());
    }
}
