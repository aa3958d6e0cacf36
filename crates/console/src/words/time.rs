//! Times as people read them, in their time zone.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use maud::{Markup, html};

/// The clock time, such as `14:20`.
pub(crate) fn clock(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%H:%M").to_string()
}

/// The clock time with seconds, such as `14:20:31`.
pub(crate) fn clock_with_seconds(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%H:%M:%S").to_string()
}

/// The name of a time zone, such as `Africa/Nairobi`.
pub(crate) fn zone_name(zone: &TimeZone) -> String {
    zone.iana_name().unwrap_or("UTC").to_owned()
}

/// A time beside now: the clock today, the weekday within a week, the date beyond.
pub(crate) fn short(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (at, now) = (at.to_zoned(zone.clone()), now.to_zoned(zone.clone()));
    let format = match days_between(&at, &now) {
        0 => "%H:%M",
        1..7 => "%a %H:%M",
        _ if at.year() == now.year() => "%-d %b %H:%M",
        _ => "%-d %b %Y",
    };
    at.strftime(format).to_string()
}

fn days_between(at: &Zoned, now: &Zoned) -> i32 {
    (at.date() - now.date()).get_days().abs()
}

/// The same as an element with the exact time.
pub(crate) fn element(at: Timestamp, now: Timestamp, zone: &TimeZone) -> Markup {
    let exact = at.to_zoned(zone.clone());
    html! {
        time datetime=(at) title=(exact.strftime("%Y-%m-%d %H:%M:%S %:z")) { (short(at, now, zone)) }
    }
}

/// A length of time in its two largest units, such as `1 h 2 min`.
pub(crate) fn duration(seconds: i64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{} s", seconds.max(0)),
        (0, 0, minutes) if minutes < 10 && seconds % 60 > 0 => format!("{minutes} min {} s", seconds % 60),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_time_is_short_beside_now_and_in_the_zone_of_the_person() {
        let zone = TimeZone::get("Africa/Nairobi").unwrap();
        let now = at("2026-11-30T11:02:31Z");
        for (time, shown) in [
            ("2026-11-30T11:20:00Z", "14:20"),
            ("2026-11-29T21:30:00Z", "00:30"),
            ("2026-12-01T06:00:00Z", "Tue 09:00"),
            ("2026-11-24T06:00:00Z", "Tue 09:00"),
            ("2026-11-23T06:00:00Z", "23 Nov 09:00"),
            ("2025-08-31T14:40:00Z", "31 Aug 2025"),
        ] {
            assert_eq!(short(at(time), now, &zone), shown, "{time}");
        }
        assert_eq!((clock(now, &zone), clock_with_seconds(now, &zone)), ("14:02".into(), "14:02:31".into()));
        let element = element(now, now, &zone).into_string();
        assert_eq!(
            element,
            r#"<time datetime="2026-11-30T11:02:31Z" title="2026-11-30 14:02:31 +03:00">14:02</time>"#
        );
        assert_eq!((zone_name(&zone), zone_name(&TimeZone::UTC)), ("Africa/Nairobi".into(), "UTC".into()));
    }

    #[test]
    fn a_length_of_time_has_at_most_two_units() {
        for (seconds, shown) in [
            (0, "0 s"),
            (59, "59 s"),
            (192, "3 min 12 s"),
            (600, "10 min"),
            (3_720, "1 h 2 min"),
            (7_200, "2 h"),
            (86_400, "1 d"),
            (97_200, "1 d 3 h"),
        ] {
            assert_eq!(duration(seconds), shown);
        }
    }
}
