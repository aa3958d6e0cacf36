//! Limits repeated warnings and errors: one a minute is written, and then how many more there were.
//!
//! Lines are equal if they come from one place in the code, about the same campaign and sender, with the same text except for numbers.
//! So an error with another cause is always written.

use std::collections::HashMap;
use std::fmt::Debug;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::callsite::Identifier;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// How long equal lines are counted and not written.
const PERIOD: Duration = Duration::from_mins(1);
/// The most different lines that are remembered; further ones are written.
const MOST: usize = 1_000;
/// Lines of this target are written by this file, and not limited.
const TARGET: &str = "flowcast::repeats";

/// What makes two lines equal.
type Key = (Identifier, String);

/// The lines of the last minute.
#[derive(Default)]
pub(crate) struct Repeats {
    written: Mutex<HashMap<Key, Line>>,
}

/// A line that was written.
struct Line {
    at: Instant,
    level: Level,
    text: String,
    /// How many equal lines were not written since.
    hidden: u64,
}

impl Repeats {
    /// Whether this line is written; if not, it is counted.
    fn note(&self, key: Key, text: String, level: Level, now: Instant) -> bool {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = written.get_mut(&key) {
            line.hidden += 1;
            return false;
        }
        if written.len() < MOST {
            written.insert(key, Line { at: now, level, text, hidden: 0 });
        }
        true
    }

    /// Writes how many lines were not written, for each line whose minute is over.
    pub(crate) fn tell_ended(&self, now: Instant) {
        self.tell(|line| now.saturating_duration_since(line.at) >= PERIOD);
    }

    /// Writes how many lines were not written.
    pub(crate) fn tell_all(&self) {
        self.tell(|_| true);
    }

    fn tell(&self, is_over: impl Fn(&Line) -> bool) {
        let ended: Vec<Line> = {
            let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            written.extract_if(|_, line| is_over(line)).map(|(_, line)| line).collect()
        };
        for Line { level, text, hidden, .. } in ended.into_iter().filter(|line| line.hidden > 0) {
            if level == Level::ERROR {
                tracing::error!(target: TARGET, repeated = hidden, "repeated {hidden} times within a minute: {text}");
            } else {
                tracing::warn!(target: TARGET, repeated = hidden, "repeated {hidden} times within a minute: {text}");
            }
        }
    }
}

/// The layer that asks [`Repeats`]. Without one nothing is limited.
pub(crate) struct Limit(Option<Arc<Repeats>>);

impl Limit {
    pub(crate) fn of(repeats: Option<Arc<Repeats>>) -> Self {
        Self(repeats)
    }
}

impl<S: Subscriber> Layer<S> for Limit {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let Some(repeats) = &self.0 else { return true };
        let metadata = event.metadata();
        if *metadata.level() > Level::WARN || metadata.target() == TARGET {
            return true;
        }
        let mut said = Said::default();
        event.record(&mut said);
        let about = format!("{}\n{}", said.about, without_numbers(&said.text));
        repeats.note((metadata.callsite(), about), said.text, *metadata.level(), Instant::now())
    }
}

/// The text of a line, and its campaign and sender.
#[derive(Default)]
struct Said {
    text: String,
    about: String,
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string does not fail.
        match field.name() {
            "message" => self.text = format!("{value:?}"),
            "campaign.id" | "sender.id" => drop(write!(self.about, "{}={value:?} ", field.name())),
            _ => {}
        }
    }
}

/// The text with one sign in place of each number.
fn without_numbers(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for sign in text.chars() {
        if !sign.is_ascii_digit() {
            shown.push(sign);
        } else if !shown.ends_with('#') {
            shown.push('#');
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use std::io;

    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::prelude::*;
    use tracing_subscriber::{Registry, fmt};

    use super::*;

    /// Keeps what is logged.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    /// What these log calls write.
    fn logged(calls: impl FnOnce(&Repeats)) -> Vec<String> {
        let (repeats, lines) = (Arc::<Repeats>::default(), Lines::default());
        let layer =
            fmt::layer().with_writer(lines.clone()).without_time().with_ansi(false).with_target(false);
        let subscriber = Registry::default().with(Limit::of(Some(Arc::clone(&repeats))).and_then(layer));
        tracing::subscriber::with_default(subscriber, || calls(&repeats));
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(|line| line.trim().to_owned()).collect()
    }

    fn warn(campaign: u32, text: &str) {
        tracing::warn!(campaign.id = campaign, "{text}");
    }

    #[test]
    fn equal_lines_are_written_once_a_minute_with_a_count() {
        let now = Instant::now();
        let written = logged(|repeats| {
            (0..2_910).for_each(|n| warn(1, &format!("claim {n} failed: no answer")));
            repeats.tell_ended(now + PERIOD / 2);
            warn(1, "claim 5 failed: no answer");
            repeats.tell_ended(Instant::now() + PERIOD);
            warn(1, "claim 6 failed: no answer");
            repeats.tell_ended(Instant::now() + PERIOD * 2);
        });
        assert_eq!(
            written,
            [
                "WARN claim 0 failed: no answer campaign.id=1",
                "WARN repeated 2910 times within a minute: claim 0 failed: no answer repeated=2910",
                "WARN claim 6 failed: no answer campaign.id=1",
            ]
        );
    }

    #[test]
    fn lines_about_another_campaign_with_another_cause_or_from_another_place_are_written() {
        let written = logged(|_| {
            warn(1, "it failed: no answer");
            warn(2, "it failed: no answer");
            warn(1, "it failed: refused");
            tracing::warn!(campaign.id = 1, "it failed: no answer");
        });
        assert_eq!(written.len(), 4, "{written:?}");
    }

    #[test]
    fn only_warnings_and_errors_are_limited_and_the_end_tells_the_rest() {
        let written = logged(|repeats| {
            (0..3).for_each(|_| tracing::info!("a step"));
            (0..3).for_each(|_| tracing::error!("a fault"));
            repeats.tell_all();
            repeats.tell_all();
        });
        let told = "ERROR repeated 2 times within a minute: a fault repeated=2";
        assert_eq!(written, ["INFO a step", "INFO a step", "INFO a step", "ERROR a fault", told]);
    }

    #[test]
    fn the_memory_is_bounded() {
        let written = logged(|repeats| {
            (0..2_000).for_each(|campaign| warn(campaign, "it failed"));
            assert_eq!(repeats.written.lock().unwrap().len(), MOST);
        });
        assert_eq!(written.len(), 2_000);
    }
}
