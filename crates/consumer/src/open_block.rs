//! A block that RabbitMQ delivered, until none of its recipients needs it any more.
//!
//! **Invariant.** The delivery is acknowledged once: when each of its recipients is in a committed claim, or was not due. If one of
//! them could not be claimed because the worker stops, RabbitMQ delivers the whole block again, and claims find the others not due.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use broker::{Acknowledgement, DeliveryTag};

/// Why a recipient of a block needs no claim of this worker any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unclaimed {
    /// It is claimed or not due, or the sender or campaign is stopped and the producer publishes it again later.
    Stale,
    /// The worker is stopping.
    Stopping,
}

impl Unclaimed {
    /// How a block is acknowledged whose recipients all have this reason.
    pub(crate) fn acknowledgement(self) -> Acknowledgement {
        match self {
            Self::Stale => Acknowledgement::Ack,
            Self::Stopping => Acknowledgement::Requeue,
        }
    }
}

/// A delivered block with recipients that are not claimed yet.
#[derive(Debug)]
pub(crate) struct OpenBlock {
    tag: DeliveryTag,
    /// Recipients that are not closed.
    left: AtomicUsize,
    /// The gravest acknowledgement of a recipient so far; see [`gravity`].
    gravest: AtomicU8,
}

impl OpenBlock {
    /// A delivery with this many recipients.
    pub(crate) fn new(tag: DeliveryTag, recipients: usize) -> Self {
        Self { tag, left: AtomicUsize::new(recipients), gravest: AtomicU8::new(0) }
    }

    /// Closes one recipient, for whom the delivery would be acknowledged like this. Returns how to acknowledge it if no recipient is
    /// left: the gravest counts.
    pub(crate) fn close(&self, acknowledgement: Acknowledgement) -> Option<(DeliveryTag, Acknowledgement)> {
        self.gravest.fetch_max(gravity(acknowledgement), Ordering::AcqRel);
        let is_last = self.left.fetch_sub(1, Ordering::AcqRel) == 1;
        is_last.then(|| (self.tag, of_gravity(self.gravest.load(Ordering::Acquire))))
    }
}

/// A block is returned rather than dead-lettered, because the recipients that were not claimed need it.
fn gravity(acknowledgement: Acknowledgement) -> u8 {
    match acknowledgement {
        Acknowledgement::Ack => 0,
        Acknowledgement::DeadLetter => 1,
        Acknowledgement::Requeue => 2,
    }
}

fn of_gravity(gravity: u8) -> Acknowledgement {
    match gravity {
        0 => Acknowledgement::Ack,
        1 => Acknowledgement::DeadLetter,
        _ => Acknowledgement::Requeue,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn closed(acknowledgements: &[Acknowledgement]) -> Vec<Option<Acknowledgement>> {
        let block = OpenBlock::new(DeliveryTag::default(), acknowledgements.len());
        acknowledgements.iter().map(|one| block.close(*one).map(|(_, all)| all)).collect()
    }

    #[test]
    fn a_block_is_acknowledged_once_with_its_last_recipient() {
        use Acknowledgement::Ack;
        assert_eq!(closed(&[Ack, Ack, Ack]), [None, None, Some(Ack)]);
    }

    #[test]
    fn a_block_whose_recipients_were_not_all_claimed_is_returned() {
        use Acknowledgement::{Ack, DeadLetter, Requeue};
        assert_eq!(closed(&[Ack, Requeue, Ack]).pop(), Some(Some(Requeue)));
        assert_eq!(closed(&[DeadLetter, Ack]).pop(), Some(Some(DeadLetter)));
        assert_eq!(closed(&[Requeue, DeadLetter]).pop(), Some(Some(Requeue)));
    }
}
