//! When a campaign may send: after its start time and within its sending hours.

use std::time::Duration;

use jiff::{Timestamp, civil};
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::number::msisdn::Msisdn;
use crate::number::zone::Zone;
use crate::time::hours::{Opening, SendingHours};

/// The times at which a campaign may send. Without any setting it may always send.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Schedule {
    /// Nothing is sent before this time.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "read_time")]
    pub start_at: Option<Timestamp>,
    /// The hours of the week in which messages leave; empty means always.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hours: Vec<SendingHours>,
    /// The time zone of the hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<Zone>,
    /// Which clock the hours refer to.
    pub clock: ScheduleClock,
    /// Whether waiting recipients wait for the next hours or expire.
    pub when_over: WhenOver,
}

/// Which clock sending hours refer to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleClock {
    /// The clock of the campaign's zone.
    #[default]
    Campaign,
    /// The recipient's clock, by the country of the number. In a country with several zones, messages leave only when all
    /// of them are within the hours. A number without a country has the campaign's zone.
    Recipient,
}

/// How waiting recipients are handled when the sending hours end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WhenOver {
    /// They are sent to in the next hours.
    #[default]
    Hold,
    /// They become `expired`, as after a deadline.
    Expire,
}

/// A contradiction within the `[schedule]` section.
#[derive(Debug, thiserror::Error)]
#[error("{field}: {reason}")]
pub(crate) struct ScheduleError {
    /// The key.
    pub(crate) field: &'static str,
    /// What is wrong and what to write.
    pub(crate) reason: &'static str,
}

impl Schedule {
    /// The current or next span in which anything of the campaign may leave; `None` means no limit. With the
    /// recipients' clocks that is any time after the start time.
    pub fn opening(&self, now: Timestamp) -> Option<Opening> {
        let from = self.start_at.unwrap_or(Timestamp::MIN).max(now);
        let limits = match (self.clock, &self.zone) {
            (ScheduleClock::Campaign, Some(zone)) if !self.hours.is_empty() => {
                Opening::in_all(&self.hours, std::slice::from_ref(zone), from)
            }
            _ => None,
        };
        let limits = limits.map(|opening| Opening { from: opening.from.max(from), ..opening });
        limits.or_else(|| self.start_at.map(|from| Opening { from, until: Timestamp::MAX }))
    }

    /// Whether the hours refer to the recipients' clocks.
    pub fn is_of_recipients(&self) -> bool {
        self.clock == ScheduleClock::Recipient
    }

    /// How long to wait with this recipient, because it is outside the sending hours in their country.
    pub fn pause_for(&self, recipient: Msisdn, now: Timestamp) -> Option<Duration> {
        if self.clock == ScheduleClock::Campaign {
            return None;
        }
        let zones = match Zone::of_country(recipient) {
            [] => self.zone.as_slice(),
            zones => zones,
        };
        let own = || Opening::in_all(&self.hours, self.zone.as_slice(), now);
        let opening = Opening::in_all(&self.hours, zones, now).or_else(own)?;
        let pause = opening.from.duration_since(now);
        Duration::try_from(pause).ok().filter(|pause| !pause.is_zero())
    }

    pub(crate) fn check(&self) -> Result<(), ScheduleError> {
        let wrong = |field, reason| Err(ScheduleError { field, reason });
        if self.hours.is_empty() != self.zone.is_none() {
            return wrong("schedule.zone", "and schedule.hours belong together; write both, or neither");
        }
        if self.hours.is_empty() && (self.clock, self.when_over) != Default::default() {
            return wrong("schedule.hours", "is missing; clock and when_over say how hours are meant");
        }
        if self.clock == ScheduleClock::Recipient && self.when_over == WhenOver::Expire {
            return wrong(
                "schedule.when_over",
                "cannot be \"expire\" on the recipients' clocks, which end at many times; write a policy.deadline",
            );
        }
        Ok(())
    }
}

/// Reads a timestamp, as a text or as TOML has it. A time without an offset is refused.
fn read_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Toml(toml::value::Datetime),
        Text(String),
    }
    let Some(written) = Option::<Written>::deserialize(deserializer)? else { return Ok(None) };
    let written = match written {
        Written::Toml(time) => time.to_string(),
        Written::Text(text) => text,
    };
    let is_without_zone = || {
        written.parse::<civil::DateTime>().is_ok()
            || written.parse::<civil::Date>().is_ok()
            || written.parse::<civil::Time>().is_ok()
    };
    written.parse().map(Some).map_err(|_| {
        let what = if is_without_zone() { "has no time zone" } else { "is not a time" };
        de::Error::custom(format!(
            "'{written}' {what}; write date, time and offset, like \"2026-12-01T09:00:00+03:00\", or Z for UTC"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(text: &str) -> Schedule {
        let schedule: Schedule = toml::from_str(text).unwrap();
        schedule.check().unwrap();
        schedule
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    const WEEK: &str = "hours = [\"mon-fri 09:00-18:00\"]\nzone = \"Africa/Nairobi\"\n";

    #[test]
    fn without_a_schedule_a_campaign_sends_at_any_time() {
        let now = at("2026-11-21T03:00:00Z");
        assert_eq!(Schedule::default().opening(now), None);
        assert_eq!(Schedule::default().pause_for(Msisdn::from_digits(254_712_000_001).unwrap(), now), None);
    }

    #[test]
    fn nothing_is_sent_before_the_start_time_or_outside_the_hours() {
        let start = "start_at = \"2026-11-20T20:00:00+03:00\"\n";
        let now = at("2026-11-18T03:00:00Z");
        let from_then_on = Opening { from: at("2026-11-20T17:00:00Z"), until: Timestamp::MAX };
        assert_eq!(schedule(start).opening(now), Some(from_then_on));
        // The start time is a Friday evening, so the first hours are those of Monday.
        let monday = Opening { from: at("2026-11-23T06:00:00Z"), until: at("2026-11-23T15:00:00Z") };
        assert_eq!(schedule(&format!("{start}{WEEK}")).opening(now), Some(monday));
        let today = Opening { from: at("2026-11-18T10:00:00Z"), until: at("2026-11-18T15:00:00Z") };
        assert_eq!(schedule(WEEK).opening(today.from), Some(today));
    }

    #[test]
    fn with_the_recipients_clock_nothing_is_sent_outside_their_local_hours() {
        let schedule = schedule(&format!("{WEEK}clock = \"recipient\""));
        let now = at("2026-11-18T07:00:00Z");
        let pause = |digits| schedule.pause_for(Msisdn::from_digits(digits).unwrap(), now);
        assert_eq!(schedule.opening(now), None);
        assert_eq!(pause(254_712_000_001), None);
        assert_eq!(pause(4_915_112_345_678), Some(Duration::from_hours(1)));
        assert_eq!(pause(447_400_123_456), Some(Duration::from_hours(2)));
        // The number has no country, so the campaign's zone applies, in which the hours have begun.
        assert_eq!(pause(881_612_345_678), None);
    }

    #[test]
    fn an_invalid_start_time_is_refused_with_the_reason() {
        for written in ["\"2026-12-01T09:00:00+03:00\"", "2026-12-01T09:00:00+03:00", "\"2026-12-01T06:00Z\""]
        {
            let start_at = schedule(&format!("start_at = {written}")).start_at;
            assert_eq!(start_at, Some(at("2026-12-01T06:00:00Z")), "{written}");
        }
        for (written, what) in [
            (
                "\"2026-12-01T09:00:00\"",
                "'2026-12-01T09:00:00' has no time zone; write date, time and offset",
            ),
            ("2026-12-01T09:00:00", "'2026-12-01T09:00:00' has no time zone"),
            ("2026-12-01", "'2026-12-01' has no time zone"),
            ("\"tomorrow\"", "'tomorrow' is not a time"),
        ] {
            let error = toml::from_str::<Schedule>(&format!("start_at = {written}")).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn contradictory_settings_are_refused() {
        for (text, expected) in [
            ("hours = [\"mon 09:00-18:00\"]", "schedule.zone: and schedule.hours belong together"),
            ("zone = \"UTC\"", "schedule.zone: and schedule.hours belong together"),
            ("when_over = \"expire\"", "schedule.hours: is missing"),
            (
                &format!("{WEEK}clock = \"recipient\"\nwhen_over = \"expire\""),
                "schedule.when_over: cannot be",
            ),
        ] {
            let error = toml::from_str::<Schedule>(text).unwrap().check().unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
        let error = toml::from_str::<Schedule>("zone = \"Nairobi\"").unwrap_err().to_string();
        assert!(error.contains("'Nairobi' is not a time zone"), "{error}");
    }
}
