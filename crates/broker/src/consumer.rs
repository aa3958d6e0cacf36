//! Consuming: a handle to the task that owns a connection and receives messages from one queue.
//!
//! Invariants: the handle gives out only deliveries of the present connection; an acknowledgement is used only on the
//! connection its delivery came from; deliveries that were not acknowledged when a connection ended are delivered again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::consumer_task::{ConsumerTask, Order};
use crate::inbox::Inbox;
use crate::{Acknowledgement, Config, Delivery, DeliveryTag, QueueName, State};

/// Receives messages from one queue.
///
/// Dropping it stops receiving; acknowledgements are sent until the last [`Acknowledger`] is dropped too.
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
    /// Starts the consuming task, which connects and declares the queue by itself, for ever.
    ///
    /// The broker delivers at most `prefetch` messages that are not acknowledged; 0, which means no limit in AMQP, counts
    /// as 1. When `shutdown` is cancelled, the task stops receiving and requeues the deliveries that nobody took. It ends when all
    /// deliveries that were taken are acknowledged.
    pub fn start(config: Config, queue: QueueName, prefetch: u16, shutdown: &CancellationToken) -> Self {
        let inbox = Arc::new(Inbox::default());
        let (orders, order_queue) = mpsc::unbounded_channel();
        let (stop, hurry) = (shutdown.child_token(), CancellationToken::new());
        let (state_sender, state) = watch::channel(State::Connecting);
        let consuming = ConsumerTask {
            config,
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

    /// Waits for a message, then takes all that are ready, at most `max`. Returns how many; 0 means that the consumer has ended.
    ///
    /// It waits through lost connections and pauses. Dropping the future loses no message.
    pub async fn recv_many(&mut self, buffer: &mut Vec<Delivery>, max: usize) -> usize {
        self.inbox.take(buffer, max).await
    }

    /// A handle for acknowledgements.
    pub fn acknowledger(&self) -> Acknowledger {
        Acknowledger { orders: self.orders.clone() }
    }

    /// Gives every message that is not acknowledged back to the queue, once, and holds none until [`resume`](Self::resume).
    ///
    /// For stops that may outlast the patience of the broker with an unsettled message (30 minutes). Acknowledge
    /// first what is worth acknowledging: later acknowledgements of what was handed out before are ignored.
    pub async fn pause(&self) {
        let (paused, done) = oneshot::channel();
        drop(self.orders.send(Order::Pause(paused)));
        // An error means that the task has ended, which holds nothing either.
        drop(done.await);
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self) {
        drop(self.orders.send(Order::Resume));
    }

    /// How the consumer stands with the broker, and a way to wait for a change.
    pub fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// Stops receiving, waits at most `deadline` until everything handed out is acknowledged, and closes.
    ///
    /// Returns false if the deadline came first. What was not acknowledged is delivered again, to whoever consumes then.
    pub async fn close(mut self, deadline: Duration) -> bool {
        self.stop.cancel();
        let drained = timeout(deadline, &mut self.task).await.is_ok();
        if !drained {
            self.hurry.cancel();
            // Ends soon: every step of it has a time limit.
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
    /// A delivery that is acknowledged already, or came over a connection that is lost, is left as it is.
    pub fn acknowledge_many(&self, acknowledgements: Vec<(DeliveryTag, Acknowledgement)>) {
        // The line is bounded by the prefetch; an error means that the consumer has ended, and the broker
        // delivers again.
        drop(self.orders.send(Order::Acknowledge(acknowledgements)));
    }
}
