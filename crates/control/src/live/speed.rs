//! The smoothed rate of a counter that is looked at about once a second.

use std::time::Duration;

/// Looks that are closer together are not used, because they give no good rate.
const SHORTEST: Duration = Duration::from_millis(100);
/// The part of the rate before that is kept, as in the progress display of the command.
const KEPT: f64 = 0.6;

/// The rate of a counter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Speed {
    /// The time of the last look.
    at: Duration,
    count: i64,
    per_second: Option<f64>,
}

impl Speed {
    /// The first look. Times are since any fixed moment.
    pub(crate) fn begin(count: i64, at: Duration) -> Self {
        Self { at, count, per_second: None }
    }

    /// A further look.
    #[must_use]
    pub(crate) fn look(self, count: i64, at: Duration) -> Self {
        let passed = at.saturating_sub(self.at);
        if passed < SHORTEST {
            return self;
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate for people to read")]
        let rate = (count - self.count).max(0) as f64 / passed.as_secs_f64();
        let smoothed = self.per_second.map_or(rate, |before| KEPT * before + (1.0 - KEPT) * rate);
        Self { at, count, per_second: Some(if smoothed < 0.05 { 0.0 } else { smoothed }) }
    }

    /// The rate with one decimal; `None` after the first look.
    pub(crate) fn per_second(self) -> Option<f64> {
        self.per_second.map(|rate| (rate * 10.0).round() / 10.0)
    }

    /// The time for so many more, in seconds; `None` if the rate is not known or almost zero.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a time for people to read, not negative"
    )]
    pub(crate) fn seconds_for(self, more: i64) -> Option<u64> {
        let rate = self.per_second.filter(|rate| *rate >= 0.1)?;
        Some((more.max(0) as f64 / rate).ceil() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_smoothed_and_ends_at_zero() {
        let at = Duration::from_secs;
        let speed = Speed::begin(1_000, at(5));
        assert_eq!((speed.per_second(), speed.seconds_for(10)), (None, None));
        let speed = speed.look(1_100, at(6));
        assert_eq!((speed.per_second(), speed.seconds_for(250)), (Some(100.0), Some(3)));
        let speed = speed.look(1_300, at(7));
        assert_eq!(speed.per_second(), Some(140.0));
        assert_eq!(speed.look(9_999, at(7)), speed, "two looks at the same time");
        let stopped = (8..40).fold(speed, |speed, second| speed.look(1_300, at(second)));
        assert_eq!((stopped.per_second(), stopped.seconds_for(10)), (Some(0.0), None));
        assert_eq!(speed.look(0, at(8)).per_second(), Some(84.0), "a counter that was reset");
    }
}
