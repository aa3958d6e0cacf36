//! The consuming task: subscribes, and subscribes again when the subscription is lost or a pause ends.
//!
//! Invariants: each subscription has its own number, its generation. The inbox is emptied before a subscription is
//! given up. While paused there is no channel.

use std::sync::Arc;

use futures::future::pending;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::backoff::Backoff;
use crate::inbox::Inbox;
use crate::subscription::{End, Subscription};
use crate::{Acknowledgement, Connection, DeliveryTag, Error, QueueName, State};

/// Orders of a consumer's handles to its task, in the order in which they are given.
#[derive(Debug)]
pub(crate) enum Order {
    /// Acknowledge these deliveries.
    Acknowledge(Vec<(DeliveryTag, Acknowledgement)>),
    /// Requeue all deliveries, and signal when that is done.
    Pause(oneshot::Sender<()>),
    /// Receive again.
    Resume,
}

/// The consuming task.
pub(crate) struct ConsumerTask {
    pub(crate) connection: Connection,
    pub(crate) queue: QueueName,
    pub(crate) prefetch: u16,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) orders: mpsc::UnboundedReceiver<Order>,
    /// Cancelled to stop receiving.
    pub(crate) stop: CancellationToken,
    /// Cancelled to stop waiting for acknowledgements.
    pub(crate) hurry: CancellationToken,
    pub(crate) state: watch::Sender<State>,
}

impl ConsumerTask {
    /// Runs until it is stopped and all received deliveries are acknowledged.
    pub(crate) async fn run(mut self) {
        let mut backoff = Backoff::new();
        let mut paused = false;
        let mut generation = 0;
        while !self.stop.is_cancelled() {
            if paused {
                self.state.send_replace(State::Paused);
                self.unless_ordered(&mut paused, pending::<()>()).await;
                self.state.send_replace(State::Connecting);
                continue;
            }
            let begun = Instant::now();
            generation += 1;
            let subscribe = Subscription::open(
                self.connection.clone(),
                self.queue.clone(),
                self.prefetch,
                (generation, Arc::clone(&self.inbox)),
            );
            match self.unless_ordered(&mut paused, subscribe).await {
                Some(Ok(subscription)) => paused = self.serve(subscription).await,
                Some(Err(error)) => self.warn(&error, "cannot consume from the broker"),
                None => continue,
            }
            if !paused {
                self.state.send_replace(State::Down);
            }
            backoff.connection_lived(begun.elapsed());
            if !paused && !self.stop.is_cancelled() {
                self.unless_ordered(&mut paused, sleep(backoff.next())).await;
            }
        }
    }

    /// Uses a subscription until it ends; returns true if it ends with a pause.
    async fn serve(&mut self, mut subscription: Subscription) -> bool {
        self.state.send_replace(State::Up);
        info!(queue = %self.queue, "consuming from the broker");
        let ended = subscription.run(&mut self.orders, &self.stop, &self.hurry).await;
        self.inbox.clear();
        match ended {
            Ok(End::Stopped) => {
                subscription.close().await;
                false
            }
            Ok(End::Paused(done)) => {
                subscription.close().await;
                // The caller of `pause` may be gone.
                done.send(()).ok();
                true
            }
            Err(error) => {
                self.warn(&error, "has lost the broker");
                subscription.close().await;
                false
            }
        }
    }

    /// Does `work` while there is no subscription. Acknowledgements are ignored, because their deliveries are no longer
    /// valid.
    ///
    /// `None` if the consumer was stopped, paused or resumed before `work` was done.
    async fn unless_ordered<T>(&mut self, paused: &mut bool, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        loop {
            let order = tokio::select! {
                biased;
                () = self.stop.cancelled() => return None,
                order = self.orders.recv() => order?,
                done = &mut work => return Some(done),
            };
            match order {
                Order::Acknowledge(_) => {}
                Order::Pause(done) => {
                    done.send(()).ok();
                    if !std::mem::replace(paused, true) {
                        return None;
                    }
                }
                Order::Resume => {
                    if std::mem::replace(paused, false) {
                        return None;
                    }
                }
            }
        }
    }

    fn warn(&self, error: &Error, what: &str) {
        warn!(queue = %self.queue, error = error as &dyn std::error::Error, "the consumer {what}: {error}");
    }
}

impl Drop for ConsumerTask {
    /// However the task ends, no caller waits for it.
    fn drop(&mut self) {
        self.inbox.close();
        self.state.send_replace(State::Down);
    }
}
