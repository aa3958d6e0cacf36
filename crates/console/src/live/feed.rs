//! A feed: the latest frame of what a page shows, and its parts as they were drawn for each view.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::part::parts::{MARK, Parts, mark, partial};
use crate::words::state::Clock;
use crate::words::time::zone_name;

/// What is drawn.
pub(crate) trait Shown: Send + Sync + 'static {
    /// How people see it, apart from their time zone.
    type View: Clone + Eq + Hash + Send + Sync;

    /// The parts for a view.
    fn parts(&self, view: &Self::View, clock: Clock<'_>) -> Parts;
}

/// What is shown at a time.
#[derive(Debug)]
pub(crate) struct Frame<S> {
    /// Counts the frames of a feed, from 1.
    pub(crate) number: u64,
    /// The time at which it was the present state.
    pub(crate) at: Timestamp,
    /// Whether it is the present state. `false`: PostgreSQL has not answered since.
    pub(crate) is_live: bool,
    /// The time of this process at which everything was read.
    pub(crate) read_at: Instant,
    pub(crate) shown: Arc<S>,
}

/// A part, as bytes that all streams of a view share.
#[derive(Clone, Debug)]
pub(crate) struct Drawn {
    pub(crate) place: String,
    pub(crate) bytes: Bytes,
    /// The frame in which it changed last.
    pub(crate) since: u64,
}

/// The parts of a frame.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drawing {
    pub(crate) number: u64,
    pub(crate) parts: Arc<Vec<Drawn>>,
}

/// The frames of a subscription; the present one counts as new.
pub(crate) type Frames<S> = watch::Receiver<Option<Arc<Frame<S>>>>;

/// The frames of a page.
pub(crate) struct Feed<S: Shown> {
    frames: watch::Sender<Option<Arc<Frame<S>>>>,
    /// A stream that begins wants everything to be read again, so that it shows nothing older than its page.
    wanted: Notify,
    drawings: Mutex<HashMap<(S::View, String), Drawing>>,
}

impl<S: Shown> Feed<S> {
    pub(crate) fn new() -> Self {
        Self { frames: watch::channel(None).0, wanted: Notify::new(), drawings: Mutex::default() }
    }

    /// Follows the frames.
    pub(crate) fn follow(&self) -> Frames<S> {
        let mut frames = self.frames.subscribe();
        frames.mark_changed();
        self.wanted.notify_one();
        frames
    }

    /// Returns when a stream began since the last call.
    pub(crate) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Whether nobody follows.
    pub(crate) fn is_unused(&self) -> bool {
        self.frames.receiver_count() == 0
    }

    /// The latest frame.
    pub(crate) fn latest(&self) -> Option<Arc<Frame<S>>> {
        self.frames.borrow().clone()
    }

    /// Publishes the present state, of which everything was read at `read_at`.
    pub(crate) fn publish(&self, shown: Arc<S>, at: Timestamp, read_at: Instant) {
        self.send(shown, at, (read_at, true));
    }

    fn send(&self, shown: Arc<S>, at: Timestamp, (read_at, is_live): (Instant, bool)) {
        self.frames.send_modify(|frame| {
            let number = frame.as_ref().map_or(0, |frame| frame.number) + 1;
            *frame = Some(Arc::new(Frame { number, at, is_live, read_at, shown }));
        });
    }

    /// Renews the time of a live frame: nothing has changed since.
    pub(crate) fn tick(&self) {
        if let Some(frame) = self.latest().filter(|frame| frame.is_live) {
            self.send(Arc::clone(&frame.shown), Timestamp::now(), (frame.read_at, true));
        }
    }

    /// Says that PostgreSQL has not answered since the latest frame.
    pub(crate) fn mark_old(&self) {
        if let Some(frame) = self.latest() {
            self.send(Arc::clone(&frame.shown), frame.at, (frame.read_at, false));
        }
    }

    /// The parts of a frame for a view: drawn at the first call, shared afterwards.
    pub(crate) fn draw(&self, frame: &Frame<S>, view: &S::View, zone: &TimeZone) -> Drawing {
        let key = (view.clone(), zone_name(zone));
        let mut drawings = self.drawings.lock().unwrap_or_else(PoisonError::into_inner);
        let before = drawings.get(&key).cloned().unwrap_or_default();
        if before.number >= frame.number {
            return before;
        }
        let clock = Clock { now: frame.at, zone };
        let mut parts = frame.shown.parts(view, clock);
        parts.add(MARK, mark(frame.is_live, frame.at, clock));
        let drawn = parts.0.iter().map(|(place, content)| {
            let bytes = Bytes::from(partial(place, content).into_string());
            let same = before.parts.iter().find(|part| part.place == *place && part.bytes == bytes);
            same.cloned().unwrap_or_else(|| Drawn { place: place.clone(), bytes, since: frame.number })
        });
        let drawing = Drawing { number: frame.number, parts: Arc::new(drawn.collect()) };
        drawings.insert(key, drawing.clone());
        drawing
    }
}

#[cfg(test)]
mod tests {
    use maud::html;

    use super::*;

    struct Number(u32);

    impl Shown for Number {
        type View = bool;

        fn parts(&self, view: &bool, _: Clock<'_>) -> Parts {
            let mut parts = Parts::default();
            parts.add("same", html! { "view " (view) });
            parts.add("number", html! { (self.0) });
            parts
        }
    }

    #[test]
    fn a_frame_is_drawn_once_for_each_view_and_says_which_parts_changed() {
        let feed = Feed::new();
        let at: Timestamp = "2026-11-30T11:02:31Z".parse().unwrap();
        feed.publish(Arc::new(Number(1)), at, Instant::now());
        let first = feed.draw(&feed.latest().unwrap(), &true, &TimeZone::UTC);
        let again = feed.draw(&feed.latest().unwrap(), &true, &TimeZone::UTC);
        assert!(Arc::ptr_eq(&first.parts, &again.parts), "the same bytes for everybody");
        let other = feed.draw(&feed.latest().unwrap(), &false, &TimeZone::UTC);
        assert_ne!(first.parts[0].bytes, other.parts[0].bytes);
        feed.publish(Arc::new(Number(2)), at, Instant::now());
        feed.mark_old();
        let second = feed.draw(&feed.latest().unwrap(), &true, &TimeZone::UTC);
        let since: Vec<(&str, u64)> =
            second.parts.iter().map(|part| (part.place.as_str(), part.since)).collect();
        assert_eq!(since, [("same", 1), ("number", 3), ("mark", 3)]);
        let mark = String::from_utf8(second.parts[2].bytes.to_vec()).unwrap();
        assert!(mark.contains("Not live since") && mark.contains("11:02:31"), "{mark}");
    }
}
