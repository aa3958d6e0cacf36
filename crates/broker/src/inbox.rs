//! Deliveries on their way from the consuming task to the consumer.
//!
//! Invariants: a cleared delivery is never received. After `close` nothing is received any more. RabbitMQ's prefetch
//! limits the number of deliveries inside.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::{Delivery, DeliveryTag};

/// A queue with one receiver, which the consuming task can empty.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    deliveries: VecDeque<Delivery>,
    closed: bool,
}

impl Inbox {
    /// Adds deliveries.
    pub(crate) fn put(&self, deliveries: impl Iterator<Item = Delivery>) {
        self.inner().deliveries.extend(deliveries);
        self.changed.notify_one();
    }

    /// Waits for a delivery, then returns the available ones, at most `max`; 0 when closed.
    pub(crate) async fn take(&self, buffer: &mut Vec<Delivery>, max: usize) -> usize {
        loop {
            if let Some(count) = self.try_take(buffer, max.max(1)) {
                return count;
            }
            self.changed.notified().await;
        }
    }

    /// Removes all deliveries before they are received.
    pub(crate) fn clear(&self) -> Vec<DeliveryTag> {
        self.inner().deliveries.drain(..).map(|delivery| delivery.tag).collect()
    }

    /// Removes all deliveries before they are received, and closes the inbox.
    pub(crate) fn close(&self) -> Vec<DeliveryTag> {
        self.inner().closed = true;
        self.changed.notify_one();
        self.clear()
    }

    fn try_take(&self, buffer: &mut Vec<Delivery>, max: usize) -> Option<usize> {
        let mut inner = self.inner();
        let count = inner.deliveries.len().min(max);
        buffer.extend(inner.deliveries.drain(..count));
        (count > 0 || inner.closed).then_some(count)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    fn delivery(value: u64) -> Delivery {
        let tag = DeliveryTag { generation: 1, value };
        Delivery { tag, body: Vec::new(), redelivered: false, death: None }
    }

    #[tokio::test]
    async fn the_receiver_gets_the_available_deliveries_up_to_its_maximum() {
        let (inbox, mut buffer) = (Inbox::default(), Vec::new());
        assert!(inbox.take(&mut buffer, 2).now_or_never().is_none(), "nothing is there");
        inbox.put((1..=3).map(delivery));
        assert_eq!(inbox.take(&mut buffer, 2).await, 2);
        assert_eq!(inbox.take(&mut buffer, 2).await, 1);
        assert_eq!(buffer.len(), 3);
    }

    #[tokio::test]
    async fn cleared_deliveries_are_never_received() {
        let (inbox, mut buffer) = (Inbox::default(), Vec::new());
        inbox.put((1..=3).map(delivery));
        assert_eq!(inbox.clear().len(), 3);
        assert!(inbox.take(&mut buffer, 2).now_or_never().is_none());
        inbox.put((4..=5).map(delivery));
        assert_eq!(inbox.close().len(), 2);
        assert_eq!(inbox.take(&mut buffer, 2).await, 0, "closed");
        assert!(buffer.is_empty());
    }
}
