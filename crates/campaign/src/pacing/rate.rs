//! A rate and its text form: `20/s`, `80/s,burst=1`, `50000/5m`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The smallest lateness of a request, which timers need. In a window of 100 ms it adds 2 % of the rate, in longer
/// windows less.
const LATENESS: Duration = Duration::from_millis(2);

/// The number of requests that may leave in a time, and how many of them may leave together.
///
/// Requests are spaced evenly. The burst is the number of requests that a stall may push together. In every window the
/// provider sees at most `permits / per × window` requests, rounded up, plus `burst`. If the burst lasts less than 2
/// ms, the requests of 2 ms count instead of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    permits: u32,
    per: Duration,
    burst: u32,
}

/// Why a text is not a rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// Not of the form `20/s`.
    #[error("'{0}' is not a rate; write how many in how long, like 20/s, 80/s,burst=1 or 50000/5m")]
    Form(String),
    /// A rate of zero.
    #[error("'{0}' would never send anything; to stop a sender, use `flowcast sender hold`")]
    Zero(String),
}

impl Rate {
    /// A rate of `permits` in `per`, of which `burst` may leave at once. `None` if any of them is zero.
    pub fn new(permits: u32, per: Duration, burst: u32) -> Option<Self> {
        (permits > 0 && per.as_micros() > 0 && burst > 0).then_some(Self { permits, per, burst })
    }

    /// The number of requests that may leave in [`Rate::per`].
    pub fn permits(self) -> u32 {
        self.permits
    }

    /// The time in which [`Rate::permits`] requests may leave.
    pub fn per(self) -> Duration {
        self.per
    }

    /// The number of requests that may leave together; 1 is the strictest.
    pub fn burst(self) -> u32 {
        self.burst
    }

    /// Requests per second.
    pub fn per_second(self) -> f64 {
        f64::from(self.permits) / self.per.as_secs_f64()
    }

    /// The number of permits in this time, at least one.
    pub fn permits_in(self, time: Duration) -> u32 {
        let permits = u128::from(self.permits) * time.as_micros() / self.per.as_micros();
        u32::try_from(permits).unwrap_or(u32::MAX).max(1)
    }

    /// How long after its slot a request may still leave: half a slot, and three quarters of a slot for each further
    /// request of the burst. While the lateness is shorter than a slot, a window holds no more requests than slots. The
    /// rest of the slot and of the burst is a reserve for the time between reading the clock and the network.
    pub fn lateness(self) -> Duration {
        (self.time_of(self.burst - 1).mul_f64(0.75) + self.time_of(1).mul_f64(0.5)).max(LATENESS)
    }

    /// The number of the first slot that is not before this time, if slot 0 is at zero.
    pub(crate) fn first_not_before(self, time: Duration) -> u32 {
        let slots = (time.as_micros() * u128::from(self.permits)).div_ceil(self.per.as_micros());
        u32::try_from(slots).unwrap_or(u32::MAX)
    }

    /// The time of `n` permits, rounded up to the microsecond so that rounding never raises the rate.
    pub fn time_of(self, n: u32) -> Duration {
        let micros = (u128::from(n) * self.per.as_micros()).div_ceil(u128::from(self.permits));
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = humantime::format_duration(self.per).to_string();
        // "1s" becomes "s", but "10s" does not change.
        let unit = written.strip_prefix('1').filter(|unit| !unit.starts_with(|c: char| c.is_ascii_digit()));
        let per = unit.unwrap_or(&written);
        write!(f, "{}/{per}", self.permits)?;
        if self.burst > 1 {
            write!(f, ",burst={}", self.burst)?;
        }
        Ok(())
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let form = || RateError::Form(text.to_owned());
        let (rate, burst) = match text.split_once(',') {
            Some((rate, option)) => {
                let burst = option.trim().strip_prefix("burst=").ok_or_else(form)?;
                (rate, burst.parse().map_err(|_| form())?)
            }
            None => (text, 1),
        };
        let (permits, per) = rate.split_once('/').ok_or_else(form)?;
        let permits = permits.trim().replace('_', "").parse().map_err(|_| form())?;
        let per = per.trim();
        let per =
            if per.starts_with(|c: char| c.is_ascii_digit()) { per.to_owned() } else { format!("1{per}") };
        let per = humantime::parse_duration(&per).map_err(|_| form())?;
        Self::new(permits, per, burst).ok_or_else(|| RateError::Zero(text.to_owned()))
    }
}

impl Serialize for Rate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_written_as_it_is_read() {
        for (text, written) in [
            ("20/s", "20/s"),
            ("80/s,burst=1", "80/s"),
            ("80/s, burst=10", "80/s,burst=10"),
            ("50000/5m", "50000/5m"),
            ("1_000/1s", "1000/s"),
            ("10/h", "10/h"),
            ("3/10s", "3/10s"),
        ] {
            let rate: Rate = text.parse().unwrap();
            assert_eq!(rate.to_string(), written);
            assert_eq!(written.parse(), Ok(rate));
        }
    }

    #[test]
    fn an_invalid_rate_is_refused() {
        for text in ["", "20", "20/", "/s", "20/parsec", "-1/s", "20/s,bust=1", "20/s,burst=x", "1.5/s"] {
            assert!(matches!(text.parse::<Rate>(), Err(RateError::Form(_))), "{text}");
        }
        for text in ["0/s", "20/s,burst=0", "20/0s"] {
            assert!(matches!(text.parse::<Rate>(), Err(RateError::Zero(_))), "{text}");
        }
    }

    #[test]
    fn rounding_never_raises_the_rate() {
        let rate: Rate = "3/s".parse().unwrap();
        assert_eq!(rate.time_of(1), Duration::from_micros(333_334));
        assert_eq!(rate.time_of(3), Duration::from_secs(1));
        assert_eq!(rate.permits_in(Duration::from_millis(999)), 2);
    }
}
