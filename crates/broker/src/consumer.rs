//! Consuming: a handle to the task that owns a channel and receives messages from one queue.
//!
//! Invariants: the handle returns only deliveries of the present channel. An acknowledgement is used only on the
//! channel of its delivery. Deliveries that were not acknowledged when a channel ended are delivered again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::consumer_task::{ConsumerTask, Order};
use crate::inbox::Inbox;
use crate::metrics::{self, Purpose};
use crate::{Acknowledgement, Connection, Delivery, DeliveryTag, QueueName, State};

/// Receives messages from one queue.
///
/// Dropping it stops receiving. Acknowledgements are sent until the last [`Acknowledger`] is dropped too.
#[derive(Debug)]
pub struct Consumer {
    inbox: Arc<Inbox>,
    orders: mpsc::UnboundedSender<Order>,
    stop: CancellationToken,
    hurry: CancellationToken,
    state: watch::Receiver<State>,
    task: JoinHandle<()>,
}

/// Acknowledges deliveries of a [`Consumer`] from any task.
#[derive(Debug, Clone)]
pub struct Acknowledger {
    orders: mpsc::UnboundedSender<Order>,
}

impl Consumer {
    /// Starts the consuming task, which connects and declares the queue, and retries until it is stopped.
    ///
    /// RabbitMQ delivers at most `prefetch` unacknowledged messages; 0, which means no limit in AMQP, counts as 1. When
    /// `shutdown` is cancelled, the task stops receiving and requeues the deliveries that were not received from the
    /// handle. It ends when all received deliveries are acknowledged.
    pub fn start(
        connection: &Connection,
        queue: QueueName,
        prefetch: u16,
        shutdown: &CancellationToken,
    ) -> Self {
        let inbox = Arc::new(Inbox::default());
        let (orders, order_queue) = mpsc::unbounded_channel();
        let (stop, hurry) = (shutdown.child_token(), CancellationToken::new());
        let (state_sender, state) = watch::channel(State::Connecting);
        metrics::follow(Purpose::of(connection.config(), &queue), state.clone());
        let consuming = ConsumerTask {
            connection: connection.clone(),
            queue,
            prefetch: prefetch.max(1),
            inbox: Arc::clone(&inbox),
            orders: order_queue,
            stop: stop.clone(),
            hurry: hurry.clone(),
            state: state_sender,
        };
        Self { inbox, orders, stop, hurry, state, task: tokio::spawn(consuming.run()) }
    }

    /// Waits for a message, then returns all that are ready, at most `max`. Returns their number; 0 means that the
    /// consumer has ended.
    ///
    /// It waits during lost connections and pauses. Dropping the future loses no message.
    pub async fn recv_many(&mut self, buffer: &mut Vec<Delivery>, max: usize) -> usize {
        self.inbox.take(buffer, max).await
    }

    /// A handle for acknowledgements.
    pub fn acknowledger(&self) -> Acknowledger {
        Acknowledger { orders: self.orders.clone() }
    }

    /// Requeues every unacknowledged message, once, and receives none until [`resume`](Self::resume).
    ///
    /// For stops that may be longer than RabbitMQ's delivery acknowledgement timeout (30 minutes). Acknowledge finished
    /// deliveries before: acknowledgements of earlier deliveries are ignored after the pause.
    pub async fn pause(&self) {
        let (paused, done) = oneshot::channel();
        drop(self.orders.send(Order::Pause(paused)));
        // An error means that the task has ended, which has no deliveries either.
        drop(done.await);
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self) {
        drop(self.orders.send(Order::Resume));
    }

    /// The state of the connection, and a way to wait for a change.
    pub fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// Stops receiving, waits at most `deadline` until all received deliveries are acknowledged, and closes.
    ///
    /// Returns false if the deadline came first. Unacknowledged messages are then delivered again, to any consumer.
    pub async fn close(mut self, deadline: Duration) -> bool {
        self.stop.cancel();
        let drained = timeout(deadline, &mut self.task).await.is_ok();
        if !drained {
            self.hurry.cancel();
            // Ends soon: every step of the task has a time limit.
            drop((&mut self.task).await);
        }
        drained
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Acknowledger {
    /// Acknowledges one delivery; does not wait.
    pub fn acknowledge(&self, tag: DeliveryTag, acknowledgement: Acknowledgement) {
        self.acknowledge_many(vec![(tag, acknowledgement)]);
    }

    /// Acknowledges many deliveries; does not wait, and is faster than one by one.
    ///
    /// Does nothing for a delivery that is acknowledged already, or whose connection is lost.
    pub fn acknowledge_many(&self, acknowledgements: Vec<(DeliveryTag, Acknowledgement)>) {
        // The prefetch limits the length of this channel. An error means that the consumer has ended, and RabbitMQ
        // delivers the messages again.
        drop(self.orders.send(Order::Acknowledge(acknowledgements)));
    }
}
