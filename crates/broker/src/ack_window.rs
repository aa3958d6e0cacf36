//! Decides which deliveries of a channel to acknowledge, and how. It only keeps track of delivery tags and sends
//! nothing.
//!
//! Deliveries finish out of order. To acknowledge the longest finished beginning with one `multiple` frame is about
//! twice as fast as single acknowledgements. But one slow delivery must not delay the others. A tag is acknowledged
//! singly if it waited [`MOST_WAIT`] behind an unfinished one, or if so many tags wait that the prefetch would admit no
//! new deliveries. Time is an argument.
//!
//! Invariants (checked by a property test): every finished tag is acknowledged exactly once, with its own
//! acknowledgement, and never before it is finished. A `multiple` frame covers no tag that the broker still has and
//! that is unfinished or has another acknowledgement.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::Acknowledgement;

/// How long a finished delivery waits behind an unfinished one.
pub(crate) const MOST_WAIT: Duration = Duration::from_millis(500);

/// A frame to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    /// Acknowledge this tag.
    Ack(u64),
    /// Acknowledge every tag up to this one that is still open at the broker.
    AckUpTo(u64),
    /// Reject this tag without requeue, which dead-letters it.
    Reject(u64),
    /// Return this tag to the queue.
    Requeue(u64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    /// Delivered and not finished.
    Open,
    /// Finished with `Ack`; the frame is not sent yet.
    Acked,
    /// The frame is sent.
    Acknowledged,
}

/// The delivery tags of one channel, from the first one that is not acknowledged to the last one delivered.
#[derive(Debug)]
pub(crate) struct AckWindow {
    /// Every tag up to this one is acknowledged.
    floor: u64,
    /// The state of the tags after the floor.
    slots: VecDeque<Slot>,
    /// How many slots are open.
    open: usize,
    /// When each tag was finished with `Ack`, the earliest first; may contain tags that are acknowledged by now.
    finished: VecDeque<(Instant, u64)>,
    /// Frames for tags that were not finished with `Ack`.
    refusals: Vec<Frame>,
    /// How many finished tags may wait at once.
    most_waiting: usize,
}

impl AckWindow {
    /// The window of a new channel. Finished tags that wait are at most a quarter of its prefetch.
    pub(crate) fn new(prefetch: u16) -> Self {
        Self {
            floor: 0,
            slots: VecDeque::new(),
            open: 0,
            finished: VecDeque::new(),
            refusals: Vec::new(),
            most_waiting: usize::from(prefetch / 4),
        }
    }

    /// Adds a delivery. Returns false, and does not add it, if it is not the next one: tags come from 1 without a gap.
    #[must_use = "after a gap every tag would be confused with another"]
    pub(crate) fn deliver(&mut self, tag: u64) -> bool {
        let is_next = tag.checked_sub(self.floor + 1).and_then(|index| usize::try_from(index).ok())
            == Some(self.slots.len());
        if is_next {
            self.slots.push_back(Slot::Open);
            self.open += 1;
        }
        is_next
    }

    /// Finishes a delivery. Does nothing if it is finished already or was never delivered.
    pub(crate) fn finish(&mut self, tag: u64, acknowledgement: Acknowledgement, now: Instant) {
        let Some(slot) = self.slot(tag).filter(|slot| **slot == Slot::Open) else {
            return;
        };
        *slot = if acknowledgement == Acknowledgement::Ack { Slot::Acked } else { Slot::Acknowledged };
        match acknowledgement {
            Acknowledgement::Ack => self.finished.push_back((now, tag)),
            Acknowledgement::DeadLetter => self.refusals.push(Frame::Reject(tag)),
            Acknowledgement::Requeue => self.refusals.push(Frame::Requeue(tag)),
        }
        self.open -= 1;
    }

    /// The frames to send now, in this order; each frame is returned once.
    pub(crate) fn frames(&mut self, now: Instant) -> Vec<Frame> {
        // A `multiple` frame must come after the refusals of the tags that it covers.
        let mut frames = std::mem::take(&mut self.refusals);
        frames.extend(self.advance());
        self.overdue(now, &mut frames);
        frames
    }

    /// When a frame becomes due although nothing more finishes.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.finished.front().map(|(finished, _)| *finished + MOST_WAIT)
    }

    /// Whether every delivery is finished.
    pub(crate) fn is_finished(&self) -> bool {
        self.open == 0
    }

    /// Moves the floor over the finished beginning, and returns the frame that acknowledges it.
    fn advance(&mut self) -> Option<Frame> {
        let (mut last, mut count) = (None, 0_u32);
        while let Some(slot) = self.slots.pop_front_if(|slot| *slot != Slot::Open) {
            self.floor += 1;
            if slot == Slot::Acked {
                (last, count) = (Some(self.floor), count + 1);
            }
        }
        while self.finished.pop_front_if(|(_, tag)| *tag <= self.floor).is_some() {}
        last.map(|tag| if count == 1 { Frame::Ack(tag) } else { Frame::AckUpTo(tag) })
    }

    /// Adds frames for tags that waited too long behind an unfinished delivery, and for the first of those that are too
    /// many.
    fn overdue(&mut self, now: Instant, frames: &mut Vec<Frame>) {
        loop {
            let too_many = self.finished.len() > self.most_waiting;
            let due = |(finished, _): &mut (Instant, u64)| too_many || *finished + MOST_WAIT <= now;
            let Some((_, tag)) = self.finished.pop_front_if(due) else { return };
            if let Some(slot) = self.slot(tag).filter(|slot| **slot == Slot::Acked) {
                *slot = Slot::Acknowledged;
                frames.push(Frame::Ack(tag));
            }
        }
    }

    fn slot(&mut self, tag: u64) -> Option<&mut Slot> {
        let index = tag.checked_sub(self.floor + 1)?;
        self.slots.get_mut(usize::try_from(index).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// With this prefetch three finished tags may wait.
    const PREFETCH: u16 = 12;

    fn window(tags: u64) -> (AckWindow, Instant) {
        let mut window = AckWindow::new(PREFETCH);
        assert!((1..=tags).all(|tag| window.deliver(tag)));
        (window, Instant::now())
    }

    #[test]
    fn a_finished_beginning_is_acknowledged_with_one_frame() {
        let (mut window, now) = window(5);
        for tag in [3, 1, 2] {
            window.finish(tag, Acknowledgement::Ack, now);
        }
        assert_eq!(window.frames(now), [Frame::AckUpTo(3)]);
        assert_eq!(window.frames(now), []);
        window.finish(4, Acknowledgement::Ack, now);
        assert_eq!(window.frames(now), [Frame::Ack(4)]);
        assert!(!window.is_finished());
    }

    #[test]
    fn a_slow_delivery_delays_the_others_for_a_moment_only() {
        let (mut window, now) = window(4);
        window.finish(2, Acknowledgement::Ack, now);
        window.finish(4, Acknowledgement::Ack, now + MOST_WAIT / 2);
        assert_eq!(window.frames(now + MOST_WAIT / 2), []);
        assert_eq!(window.next_due(), Some(now + MOST_WAIT));
        assert_eq!(window.frames(now + MOST_WAIT), [Frame::Ack(2)]);
        window.finish(1, Acknowledgement::Ack, now + MOST_WAIT);
        window.finish(3, Acknowledgement::Ack, now + MOST_WAIT);
        assert_eq!(window.frames(now + MOST_WAIT), [Frame::AckUpTo(4)]);
        assert_eq!(window.next_due(), None);
        assert!(window.is_finished());
    }

    #[test]
    fn tags_that_wait_behind_a_slow_delivery_leave_prefetch_for_new_ones() {
        let (mut window, now) = window(8);
        for tag in [2, 4, 3] {
            window.finish(tag, Acknowledgement::Ack, now);
        }
        assert_eq!(window.frames(now), []);
        for tag in [7, 8] {
            window.finish(tag, Acknowledgement::Ack, now);
        }
        assert_eq!(window.frames(now), [Frame::Ack(2), Frame::Ack(4)]);
        window.finish(1, Acknowledgement::Ack, now);
        assert_eq!(window.frames(now), [Frame::AckUpTo(3)]);
    }

    #[test]
    fn refusals_are_sent_at_once_and_before_a_frame_that_covers_them() {
        let (mut window, now) = window(4);
        window.finish(3, Acknowledgement::DeadLetter, now);
        assert_eq!(window.frames(now), [Frame::Reject(3)]);
        window.finish(2, Acknowledgement::Requeue, now);
        window.finish(1, Acknowledgement::Ack, now);
        window.finish(4, Acknowledgement::Ack, now);
        assert_eq!(window.frames(now), [Frame::Requeue(2), Frame::AckUpTo(4)]);
    }

    #[test]
    fn a_second_acknowledgement_and_one_of_an_unknown_delivery_do_nothing() {
        let (mut window, now) = window(2);
        window.finish(1, Acknowledgement::Ack, now);
        window.finish(1, Acknowledgement::DeadLetter, now);
        window.finish(9, Acknowledgement::Ack, now);
        window.finish(0, Acknowledgement::Ack, now);
        assert_eq!(window.frames(now), [Frame::Ack(1)]);
        window.finish(1, Acknowledgement::Requeue, now);
        assert_eq!(window.frames(now + MOST_WAIT), []);
    }

    #[test]
    fn a_gap_in_the_tags_is_noticed() {
        let (mut window, _) = window(2);
        assert!(!window.deliver(4) && !window.deliver(2) && !window.deliver(0));
        assert!(window.deliver(3));
    }

    /// The broker's side: which tags it still has, and how the others were acknowledged.
    #[derive(Default)]
    struct Broker {
        held: Vec<u64>,
        acknowledged: Vec<(u64, Acknowledgement)>,
    }

    impl Broker {
        /// Applies a frame like RabbitMQ: an unknown tag is an error that closes the channel.
        fn take(&mut self, frame: Frame) -> Result<(), TestCaseError> {
            let (tag, acknowledgement) = match frame {
                Frame::Ack(tag) | Frame::AckUpTo(tag) => (tag, Acknowledgement::Ack),
                Frame::Reject(tag) => (tag, Acknowledgement::DeadLetter),
                Frame::Requeue(tag) => (tag, Acknowledgement::Requeue),
            };
            prop_assert!(self.held.contains(&tag), "unknown tag in {frame:?}");
            let covers = |held: u64| held == tag || (matches!(frame, Frame::AckUpTo(_)) && held < tag);
            self.acknowledged
                .extend(self.held.iter().filter(|held| covers(**held)).map(|held| (*held, acknowledgement)));
            self.held.retain(|held| !covers(*held));
            Ok(())
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Deliver,
        Finish(prop::sample::Index, Acknowledgement),
        Wait(u64),
        Send,
    }

    fn step() -> impl Strategy<Value = Step> {
        let acknowledgement = prop_oneof![6 => Just(Acknowledgement::Ack), 1 => Just(Acknowledgement::DeadLetter), 1 => Just(Acknowledgement::Requeue)];
        prop_oneof![
            4 => Just(Step::Deliver),
            5 => (any::<prop::sample::Index>(), acknowledgement).prop_map(|(index, acknowledgement)| Step::Finish(index, acknowledgement)),
            1 => (0_u64..800).prop_map(Step::Wait),
            2 => Just(Step::Send),
        ]
    }

    proptest! {
        #[test]
        fn every_delivery_is_acknowledged_once_as_it_was_finished_and_not_before(steps in prop::collection::vec(step(), 1..400)) {
            let (mut window, mut now) = window(0);
            let mut broker = Broker::default();
            let (mut delivered, mut finished) = (0, Vec::<(u64, Acknowledgement)>::new());
            for step in steps {
                match step {
                    Step::Deliver => {
                        delivered += 1;
                        prop_assert!(window.deliver(delivered));
                        broker.held.push(delivered);
                    }
                    Step::Finish(index, acknowledgement) if delivered > 0 => {
                        let tag = index.index(usize::try_from(delivered).unwrap()) as u64 + 1;
                        if !finished.iter().any(|(known, _)| *known == tag) {
                            finished.push((tag, acknowledgement));
                        }
                        window.finish(tag, acknowledgement, now);
                    }
                    Step::Finish(..) => {}
                    Step::Wait(millis) => now += Duration::from_millis(millis),
                    Step::Send => {
                        for frame in window.frames(now) {
                            broker.take(frame)?;
                        }
                        prop_assert!(broker.acknowledged.iter().all(|acknowledged| finished.contains(acknowledged)));
                    }
                }
            }
            // After `MOST_WAIT` no finished tag waits any more, whatever is still open.
            for frame in window.frames(now + MOST_WAIT) {
                broker.take(frame)?;
            }
            broker.acknowledged.sort_unstable_by_key(|(tag, _)| *tag);
            finished.sort_unstable_by_key(|(tag, _)| *tag);
            prop_assert_eq!(&broker.acknowledged, &finished);
            prop_assert_eq!(window.is_finished(), broker.held.is_empty());
            prop_assert_eq!(window.next_due(), None);
        }
    }
}
