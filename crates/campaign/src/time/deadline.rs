//! The deadline of a campaign: a point in time, or a time after the start.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The time after which nothing is sent. Recipients that still wait then become `expired`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// At this point in time.
    At(Timestamp),
    /// This long after the first start of the campaign.
    After(Duration),
}

/// A text that is not a deadline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a deadline; write a time with its zone, like 2026-12-01T18:00:00+03:00, or how long after the start, like 24h"
)]
pub struct DeadlineError(String);

impl Deadline {
    /// The point in time for a campaign that is started now.
    pub fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::After(after) => now.checked_add(after).unwrap_or(Timestamp::MAX),
        }
    }
}

impl FromStr for Deadline {
    type Err = DeadlineError;

    fn from_str(text: &str) -> Result<Self, DeadlineError> {
        let text = text.trim();
        if let Ok(at) = text.parse() {
            return Ok(Self::At(at));
        }
        humantime::parse_duration(text).map(Self::After).map_err(|_| DeadlineError(text.to_owned()))
    }
}

impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(at) => at.fmt(f),
            Self::After(after) => humantime::format_duration(*after).fmt(f),
        }
    }
}

impl Serialize for Deadline {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Deadline {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_a_point_in_time_or_a_time_after_the_start() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        for (text, at) in [
            ("2026-12-01T18:00:00+03:00", "2026-12-01T15:00:00Z"),
            ("2026-12-01T18:00:00Z", "2026-12-01T18:00:00Z"),
            ("36h", "2026-11-23T00:00:00Z"),
            (" 1d 6h ", "2026-11-22T18:00:00Z"),
        ] {
            let deadline: Deadline = text.parse().unwrap();
            assert_eq!(deadline.at(now).to_string(), at);
            assert_eq!(deadline.to_string().parse(), Ok(deadline));
        }
    }

    #[test]
    fn a_time_without_its_zone_is_refused() {
        for text in ["", "tomorrow", "2026-12-01", "2026-12-01T18:00:00", "24", "-1h"] {
            let error = text.parse::<Deadline>().unwrap_err().to_string();
            assert!(error.contains("is not a deadline; write"), "{error}");
        }
    }
}
