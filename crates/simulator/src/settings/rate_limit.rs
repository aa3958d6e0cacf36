//! The rate limit of the simulated provider.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Error;

/// At most `requests` requests in every sliding window of length `per`; written `20/s`, `50/5s` or `1000/1m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    pub(crate) requests: u32,
    pub(crate) per: Duration,
}

impl RateLimit {
    /// At most `requests` requests in every second.
    pub fn per_second(requests: u32) -> Self {
        Self { requests, per: Duration::from_secs(1) }
    }

    /// At most `requests` requests in every window of length `per`.
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

#[cfg(test)]
mod tests {
    use super::*;

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
