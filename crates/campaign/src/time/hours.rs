//! Sending hours: the times of the week in which messages may leave, in a time zone with daylight saving time.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::number::zone::Zone;

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];
/// The days that are searched for hours: yesterday, whose hours may end today, and the coming week.
const LOOK_AHEAD: i64 = 8;
/// After this many spans without an overlap, the zones of a country have no common hours.
const TRIES: usize = 64;

/// Days of the week with a time span, written `mon-fri 09:00-18:00`. A span whose end is not after its beginning ends
/// on the next day. `24:00` is the end of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendingHours {
    first: Weekday,
    last: Weekday,
    from: Time,
    until: Time,
}

/// A text that is not valid sending hours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' are not sending hours; write days and times like 'mon-fri 09:00-18:00' or 'sat 10:00-13:00'")]
pub struct HoursError(String);

/// A time span in which messages may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Its beginning, which may be past.
    pub from: Timestamp,
    /// Its end.
    pub until: Timestamp,
}

impl Opening {
    /// The current or next span of these hours in this zone.
    fn of_zone(hours: &[SendingHours], zone: &TimeZone, now: Timestamp) -> Option<Self> {
        let today = now.to_zoned(zone.clone()).date();
        let mut days = (-1..=LOOK_AHEAD).filter_map(|days| today.checked_add(Span::new().days(days)).ok());
        // Hours that begin on a day begin before all hours of later days.
        days.find_map(|day| {
            let openings = hours.iter().filter_map(|hours| hours.on(day, zone));
            openings
                .filter(|opening| opening.until > now)
                .min_by_key(|opening| (opening.from, std::cmp::Reverse(opening.until)))
        })
    }

    /// The current or next span that lies within the hours of all these zones. `None` if there is none.
    pub(crate) fn in_all(hours: &[SendingHours], zones: &[Zone], now: Timestamp) -> Option<Self> {
        let mut at = now;
        for _ in 0..TRIES {
            let openings = zones.iter().map(|zone| Self::of_zone(hours, zone.rules(), at));
            let openings: Vec<Self> = openings.collect::<Option<_>>()?;
            let from = openings.iter().map(|opening| opening.from).max()?;
            let until = openings.iter().map(|opening| opening.until).min()?;
            if from < until {
                return Some(Self { from, until });
            }
            at = from;
        }
        None
    }
}

impl SendingHours {
    /// The span of these hours that begins on this day.
    fn on(self, day: Date, zone: &TimeZone) -> Option<Opening> {
        let since = |from: Weekday, to: Weekday| from.until(to);
        let is_meant = since(self.first, day.weekday()) <= since(self.first, self.last);
        let ends_on = if self.until > self.from { day } else { day.tomorrow().ok()? };
        // A time that daylight saving time skips is read as if the clock had not been put forward yet.
        let moment = |day: Date, time| Some(day.to_datetime(time).to_zoned(zone.clone()).ok()?.timestamp());
        let opening = Opening { from: moment(day, self.from)?, until: moment(ends_on, self.until)? };
        is_meant.then_some(opening)
    }
}

impl FromStr for SendingHours {
    type Err = HoursError;

    fn from_str(text: &str) -> Result<Self, HoursError> {
        let read = || {
            let (days, times) = text.trim().split_once(' ')?;
            let (first, last) = days.split_once('-').unwrap_or((days, days));
            let (from, until) = times.trim().split_once('-')?;
            let (from, until) = (time(from)?, if until == "24:00" { Time::midnight() } else { time(until)? });
            Some(Self { first: day(first)?, last: day(last)?, from, until })
        };
        read().ok_or_else(|| HoursError(text.to_owned()))
    }
}

fn day(name: &str) -> Option<Weekday> {
    DAYS.iter().find(|(known, _)| name.eq_ignore_ascii_case(known)).map(|(_, day)| *day)
}

/// Parses hours and minutes, `09:00`.
fn time(text: &str) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let is_two_digits = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_two_digits(hour) || !is_two_digits(minute) {
        return None;
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

impl fmt::Display for SendingHours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |wanted: Weekday| DAYS.iter().find(|(_, day)| *day == wanted).map_or("", |(name, _)| name);
        f.write_str(name(self.first))?;
        if self.last != self.first {
            write!(f, "-{}", name(self.last))?;
        }
        let until = if self.until == Time::midnight() {
            "24:00".to_owned()
        } else {
            self.until.strftime("%H:%M").to_string()
        };
        write!(f, " {}-{until}", self.from.strftime("%H:%M"))
    }
}

impl Serialize for SendingHours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SendingHours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening(hours: &[&str], zones: &[&str], now: &str) -> Option<(String, String)> {
        let hours: Vec<SendingHours> = hours.iter().map(|text| text.parse().unwrap()).collect();
        let zones: Vec<Zone> = zones.iter().map(|name| name.parse().unwrap()).collect();
        let found = Opening::in_all(&hours, &zones, now.parse().unwrap())?;
        Some((found.from.to_string(), found.until.to_string()))
    }

    #[track_caller]
    fn opens(hours: &[&str], zones: &[&str], now: &str, expected: (&str, &str)) {
        let found = opening(hours, zones, now).unwrap();
        assert_eq!((found.0.as_str(), found.1.as_str()), expected);
    }

    #[test]
    fn hours_keep_their_text_form() {
        for text in ["mon-fri 09:00-18:00", "sat 10:00-13:00", "sun-mon 22:00-06:00", "wed 00:00-24:00"] {
            assert_eq!(text.parse::<SendingHours>().unwrap().to_string(), text);
        }
        for text in
            ["", "mon", "9-18", "mon 9:00-18:00", "mon-xyz 09:00-18:00", "mon 09:00", "mon 09:00-25:00"]
        {
            let error = text.parse::<SendingHours>().unwrap_err().to_string();
            assert!(error.contains("are not sending hours; write days and times"), "{error}");
        }
    }

    #[test]
    fn the_opening_is_the_one_now_or_the_next_one() {
        let week = ["mon-fri 09:00-18:00", "sat 10:00-13:00"];
        let nairobi = ["Africa/Nairobi"];
        // Before the hours on a Friday, within them, after them, and on a Sunday.
        let friday = ("2026-11-20T06:00:00Z", "2026-11-20T15:00:00Z");
        opens(&week, &nairobi, "2026-11-20T05:00:00Z", friday);
        opens(&week, &nairobi, "2026-11-20T12:00:00Z", friday);
        opens(&week, &nairobi, "2026-11-20T15:00:00Z", ("2026-11-21T07:00:00Z", "2026-11-21T10:00:00Z"));
        opens(&week, &nairobi, "2026-11-22T12:00:00Z", ("2026-11-23T06:00:00Z", "2026-11-23T15:00:00Z"));
    }

    #[test]
    fn hours_over_midnight_belong_to_the_day_they_begin_on() {
        let night = ["fri 22:00-02:00"];
        let saturday = ("2026-11-20T22:00:00Z", "2026-11-21T02:00:00Z");
        opens(&night, &["UTC"], "2026-11-21T01:00:00Z", saturday);
        opens(&night, &["UTC"], "2026-11-21T02:00:00Z", ("2026-11-27T22:00:00Z", "2026-11-28T02:00:00Z"));
    }

    #[test]
    fn on_a_day_with_a_daylight_saving_change_hours_follow_the_local_clock() {
        let day = ["mon-sun 09:00-18:00"];
        let berlin = ["Europe/Berlin"];
        opens(&day, &berlin, "2026-10-24T00:00:00Z", ("2026-10-24T07:00:00Z", "2026-10-24T16:00:00Z"));
        opens(&day, &berlin, "2026-10-25T00:00:00Z", ("2026-10-25T08:00:00Z", "2026-10-25T17:00:00Z"));
        // The clock goes from 02:00 to 03:00 on this day, so 02:30 is 03:30.
        let early = ["sun 02:30-04:00"];
        opens(&early, &berlin, "2026-03-28T12:00:00Z", ("2026-03-29T01:30:00Z", "2026-03-29T02:00:00Z"));
        // On this day the hour from 02:00 to 03:00 comes twice. The span begins and ends at the first occurrence.
        opens(&early, &berlin, "2026-10-24T12:00:00Z", ("2026-10-25T00:30:00Z", "2026-10-25T03:00:00Z"));
    }

    #[test]
    fn several_zones_are_open_when_each_of_them_is() {
        let day = ["mon-fri 09:00-18:00"];
        let coasts = ["America/New_York", "America/Los_Angeles"];
        opens(&day, &coasts, "2026-11-18T15:00:00Z", ("2026-11-18T17:00:00Z", "2026-11-18T23:00:00Z"));
        opens(&day, &coasts, "2026-11-18T23:00:00Z", ("2026-11-19T17:00:00Z", "2026-11-19T23:00:00Z"));
        let morning = ["mon-fri 09:00-10:00"];
        assert_eq!(opening(&morning, &coasts, "2026-11-18T15:00:00Z"), None);
    }
}
