//! Sliding windows: how many arrivals fall into one, and the rate limit that is exact over them.
//!
//! Invariant: a window is half open, `[t, t + width)`; [`Gauge`] never lets more than its limit into any such window.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Error;

/// The most arrivals that any window of `window_us` microseconds contains; `arrivals` must be in ascending order.
///
/// A window is half open: with 1,000,000 the arrivals at 0 and at 1,000,000 lie in different windows.
pub fn max_in_window(arrivals: &[u64], window_us: u64) -> usize {
    let mut first = 0;
    let mut most = 0;
    for (index, &arrival) in arrivals.iter().enumerate() {
        while arrivals.get(first).is_some_and(|&start| first < index && arrival - start >= window_us) {
            first += 1;
        }
        most = most.max(index + 1 - first);
    }
    most
}

/// At most `requests` in every sliding window of length `per`; written `20/s`, `50/5s` or `1000/1m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    requests: u32,
    per: Duration,
}

impl RateLimit {
    /// At most `requests` in every second.
    pub fn per_second(requests: u32) -> Self {
        Self { requests, per: Duration::from_secs(1) }
    }

    /// At most `requests` in every `per`.
    pub fn new(requests: u32, per: Duration) -> Result<Self, Error> {
        if per.as_micros() == 0 {
            return Err(Error::invalid("the window of a rate limit must be at least one microsecond"));
        }
        Ok(Self { requests, per })
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.requests, humantime::format_duration(self.per))
    }
}

impl FromStr for RateLimit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || Error::invalid("a rate limit must look like 20/s, 50/5s or 1000/1m");
        let (requests, per) = text.split_once('/').ok_or_else(wrong)?;
        let requests = requests.trim().parse().map_err(|_| wrong())?;
        let per = per.trim();
        let per = if per.starts_with(|first: char| first.is_ascii_digit()) {
            per.to_owned()
        } else {
            format!("1{per}")
        };
        Self::new(requests, humantime::parse_duration(&per).map_err(|_| wrong())?)
    }
}

impl Serialize for RateLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RateLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The limit at work: remembers when it last let requests in.
#[derive(Debug)]
pub(crate) struct Gauge {
    limit: usize,
    window_us: u64,
    admitted: VecDeque<u64>,
}

impl Gauge {
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self {
            limit: usize::try_from(limit.requests).unwrap_or(usize::MAX),
            window_us: u64::try_from(limit.per.as_micros()).unwrap_or(u64::MAX),
            admitted: VecDeque::new(),
        }
    }

    /// Lets a request in, or not; one that is not let in does not count. Requests that arrived together may be decided
    /// in any order, so `at_us` may lie a little before what was let in already.
    pub(crate) fn admit(&mut self, at_us: u64) -> bool {
        let place = self.admitted.partition_point(|&earlier| earlier <= at_us);
        self.admitted.insert(place, at_us);
        let first = place.saturating_sub(self.limit);
        let fits = (first..=place).all(|index| match self.admitted.get(index + self.limit) {
            Some(&last) => last - self.admitted[index] >= self.window_us,
            None => true,
        });
        if !fits {
            self.admitted.remove(place);
        }
        let newest = self.admitted.back().copied().unwrap_or(0);
        while self.admitted.front().is_some_and(|&oldest| newest - oldest > self.window_us.saturating_mul(2))
        {
            self.admitted.pop_front();
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_fullest_window() {
        let table: [(&[u64], u64, usize); 7] = [
            (&[], 1_000, 0),
            (&[5], 1_000, 1),
            (&[0, 1_000], 1_000, 1),
            (&[0, 999], 1_000, 2),
            (&[0, 0, 0], 1, 3),
            (&[0, 400, 800, 1_100, 1_200, 5_000], 1_000, 4),
            (&[0, 10, 20], 0, 1),
        ];
        for (arrivals, window_us, most) in table {
            assert_eq!(max_in_window(arrivals, window_us), most, "{arrivals:?} in {window_us}");
        }
    }

    #[test]
    fn the_gauge_admits_exactly_its_limit_in_every_window() {
        let mut gauge = Gauge::new("20/s".parse().unwrap());
        let admitted: Vec<u64> = (0..5_000_000).step_by(1_237).filter(|&now| gauge.admit(now)).collect();
        assert_eq!(max_in_window(&admitted, 1_000_000), 20);
        assert!(admitted.len() >= 99, "only {} of 100 permits were given", admitted.len());
    }

    #[test]
    fn the_gauge_takes_arrivals_that_are_a_little_out_of_order() {
        let mut gauge = Gauge::new(RateLimit::per_second(2));
        assert!(gauge.admit(500_000) && gauge.admit(1_400_000));
        assert!(!gauge.admit(1_000_000), "the third within a second");
        assert!(gauge.admit(400_000), "a second before the latest");
        assert!(!gauge.admit(450_000), "the third within a tenth of a second");
    }

    #[test]
    fn the_window_is_half_open() {
        let mut gauge = Gauge::new(RateLimit::per_second(1));
        assert!(gauge.admit(0));
        assert!(!gauge.admit(999_999));
        assert!(gauge.admit(1_000_000));
    }

    #[test]
    fn reads_and_writes_rate_limits() {
        assert_eq!("20/s".parse::<RateLimit>().unwrap(), RateLimit::per_second(20));
        assert_eq!(
            "50/5s".parse::<RateLimit>().unwrap(),
            RateLimit::new(50, Duration::from_secs(5)).unwrap()
        );
        for wrong in ["", "20", "20/", "x/s", "20/0s", "-1/s", "20/parsec"] {
            assert!(wrong.parse::<RateLimit>().is_err(), "{wrong}");
        }
    }
}
