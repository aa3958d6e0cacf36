//! Consuming: a handle to the one task that owns a connection and takes messages from one queue.
//!
//! Invariants: the handle gives out only deliveries of the present connection; a settlement is used only on the
//! connection its delivery came from; everything that was not settled when a connection ended is delivered again.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::inbox::Inbox;
use crate::subscriber::{Order, Subscriber};
use crate::{Config, Delivery, QueueName, Receipt, Settlement, State};

/// Takes messages from one queue.
///
/// Dropping it stops receiving; settlements are still taken until the last [`Settler`] is dropped too.
#[derive(Debug)]
pub struct Consumer {
    inbox: Arc<Inbox>,
    orders: mpsc::UnboundedSender<Order>,
    stop: CancellationToken,
    hurry: CancellationToken,
    state: watch::Receiver<State>,
    task: JoinHandle<()>,
}

/// Settles deliveries of a [`Consumer`], from wherever their work ends.
#[derive(Debug, Clone)]
pub struct Settler {
    orders: mpsc::UnboundedSender<Order>,
}

impl Consumer {
    /// Starts the consuming task, which connects and declares the queue by itself, for ever.
    ///
    /// The broker delivers at most `prefetch` messages that are not settled; 0, which would mean without limit,
    /// counts as 1. When `shutdown` is cancelled it stops receiving, gives back what was not handed out, goes on
    /// settling, and ends when everything that was handed out is settled.
    pub fn start(config: Config, queue: QueueName, prefetch: u16, shutdown: &CancellationToken) -> Self {
        let inbox = Arc::new(Inbox::default());
        let (orders, order_queue) = mpsc::unbounded_channel();
        let (stop, hurry) = (shutdown.child_token(), CancellationToken::new());
        let (state_sender, state) = watch::channel(State::Connecting);
        let subscriber = Subscriber {
            config,
            queue,
            prefetch: prefetch.max(1),
            inbox: Arc::clone(&inbox),
            orders: order_queue,
            stop: stop.clone(),
            hurry: hurry.clone(),
            state: state_sender,
        };
        Self { inbox, orders, stop, hurry, state, task: tokio::spawn(subscriber.run()) }
    }

    /// Waits for a message, then takes what is ready, at most `max`, and gives how many; 0 means shut down.
    ///
    /// It waits through lost connections and pauses. Dropping the future loses nothing.
    pub async fn recv_many(&mut self, buffer: &mut Vec<Delivery>, max: usize) -> usize {
        self.inbox.take(buffer, max).await
    }

    /// A handle that settles.
    pub fn settler(&self) -> Settler {
        Settler { orders: self.orders.clone() }
    }

    /// Gives every message that is not settled back to the queue, once, and holds none until [`resume`](Self::resume).
    ///
    /// For stops that may outlast the patience of the broker with an unsettled message (30 minutes). Settle
    /// first what is worth settling: later settlements of what was handed out before are ignored.
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

    /// Stops receiving, waits at most `deadline` until everything handed out is settled, and closes.
    ///
    /// Returns false if the deadline came first. What was not settled is delivered again, to whoever consumes then.
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

impl Settler {
    /// Settles one delivery; does not wait.
    pub fn settle(&self, receipt: Receipt, settlement: Settlement) {
        self.settle_many(vec![(receipt, settlement)]);
    }

    /// Settles many deliveries; does not wait, and is faster than one by one.
    ///
    /// A delivery that is settled already, or came over a connection that is lost, is left as it is.
    pub fn settle_many(&self, settlements: Vec<(Receipt, Settlement)>) {
        // The line is bounded by the prefetch; an error means that the consumer has ended, and the broker
        // delivers again.
        drop(self.orders.send(Order::Settle(settlements)));
    }
}
