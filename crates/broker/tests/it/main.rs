//! Publishing and consuming against a real RabbitMQ, which `devstack` provides.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in helpers too"
)]

mod addresses;
mod consuming;
mod faults;
mod publishing;
mod tls;

use std::collections::BTreeMap;
use std::time::Duration;

use broker::{Acknowledgement, Config, Consumer, Delivery, Publisher, QueueName, State};
use devstack::{Scope, Stack};
use lapin::options::{QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Longer than any operation here takes; a test that waits so long fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// A publisher on a scope of its own.
struct World {
    // Dropped before the stack to which it belongs.
    scope: Scope,
    config: Config,
    publisher: Publisher,
    stop: CancellationToken,
    stack: Stack,
}

impl World {
    /// On a broker that may be shared with other tests.
    async fn shared(name: &str) -> Self {
        Self::new(Stack::start().await.expect("RabbitMQ, see the message"), name).await
    }

    /// On a private broker, which can be killed.
    async fn private(name: &str) -> Self {
        Self::new(Stack::private_installed().await.expect("an installed RabbitMQ, see the message"), name)
            .await
    }

    async fn new(stack: Stack, name: &str) -> Self {
        let scope = stack.scope(name).await.unwrap();
        let mut config = Config::new(scope.amqp_url().into());
        scope.queue_prefix().clone_into(&mut config.prefix);
        config.operation_timeout = Duration::from_secs(3);
        config.connect_timeout = Duration::from_secs(3);
        config.heartbeat = Duration::from_secs(2);
        for name in ["dead", "sender.1", "sender.2", "sender.3"] {
            scope.track_queue(format!("{}.{name}", config.prefix));
        }
        scope.track_exchange(format!("{}.dead", config.prefix));
        let stop = CancellationToken::new();
        let (publisher, _task) = Publisher::start(config.clone(), stop.clone());
        Self { scope, config, publisher, stop, stack }
    }

    fn queue(&self, sender: i64) -> QueueName {
        self.config.topology().sender_queue(sender)
    }

    /// A connection of its own.
    fn connection(&self) -> broker::Connection {
        broker::Connection::new(self.config.clone(), "test")
    }

    fn consumer(&self, queue: &QueueName, prefetch: u16) -> Consumer {
        Consumer::start(&self.connection(), queue.clone(), prefetch, &self.stop)
    }

    /// Publishes the numbers in a range.
    async fn publish(&self, queue: &QueueName, numbers: std::ops::Range<u32>) {
        self.publisher.publish(queue, bodies(numbers)).await.unwrap();
    }

    async fn depth(&self, queue: &QueueName) -> u32 {
        self.publisher.depth(queue).await.unwrap()
    }

    /// Waits until the queue has exactly this many ready messages.
    async fn until_depth(&self, queue: &QueueName, expected: u32) {
        let wait = async {
            while self.depth(queue).await != expected {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let reached = timeout(PATIENCE, wait).await.is_ok();
        assert!(reached, "{} messages instead of {expected}", self.depth(queue).await);
    }

    /// A plain channel in addition to the publisher.
    async fn channel(&self) -> (Connection, Channel) {
        let connection =
            Connection::connect(self.scope.amqp_url(), ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        (connection, channel)
    }

    async fn delete(&self, queue: &QueueName) {
        let (_connection, channel) = self.channel().await;
        channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    }

    /// Creates a queue with a maximum length of one message, and fills it.
    async fn declare_full(&self, queue: &QueueName) {
        let (_connection, channel) = self.channel().await;
        let mut arguments = FieldTable::default();
        arguments.insert("x-max-length".into(), AMQPValue::LongInt(1));
        arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(queue.as_str().into(), durable, arguments).await.unwrap();
        self.publish(queue, 0..1).await;
    }

    async fn end(self) {
        self.stop.cancel();
        self.scope.close().await.unwrap();
        drop(self.stack);
    }
}

fn bodies(numbers: std::ops::Range<u32>) -> Vec<Vec<u8>> {
    numbers.map(|number| number.to_string().into_bytes()).collect()
}

fn number(delivery: &Delivery) -> u32 {
    std::str::from_utf8(&delivery.body).unwrap().parse().unwrap()
}

fn numbers(deliveries: &[Delivery]) -> Vec<u32> {
    let mut numbers: Vec<u32> = deliveries.iter().map(number).collect();
    numbers.sort_unstable();
    numbers
}

/// Receives exactly this many messages.
async fn receive(consumer: &mut Consumer, count: usize) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    while deliveries.len() < count {
        let max = count - deliveries.len();
        let received = timeout(PATIENCE, consumer.recv_many(&mut deliveries, max)).await;
        assert_ne!(received, Ok(0), "shut down after {} of {count}", deliveries.len());
        assert!(received.is_ok(), "only {} of {count} messages", deliveries.len());
    }
    deliveries
}

/// Receives and acknowledges messages until each of these numbers has arrived, and returns how often each arrived.
async fn drain(consumer: &mut Consumer, expected: u32) -> BTreeMap<u32, usize> {
    let (acknowledger, mut seen) = (consumer.acknowledger(), BTreeMap::new());
    while seen.len() < usize::try_from(expected).unwrap() {
        let deliveries = receive(consumer, 1).await;
        for delivery in &deliveries {
            *seen.entry(number(delivery)).or_default() += 1;
        }
        acknowledge(&acknowledger, &deliveries, Acknowledgement::Ack);
    }
    seen
}

fn acknowledge(
    acknowledger: &broker::Acknowledger,
    deliveries: &[Delivery],
    acknowledgement: Acknowledgement,
) {
    acknowledger
        .acknowledge_many(deliveries.iter().map(|delivery| (delivery.tag, acknowledgement)).collect());
}

/// Waits for a state.
async fn until(mut state: watch::Receiver<State>, expected: State) {
    let seen = timeout(PATIENCE, state.wait_for(|state| *state == expected)).await;
    assert!(seen.is_ok(), "not {expected:?}");
}
