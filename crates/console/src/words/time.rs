//! Times as people read them, in their time zone.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use maud::{Markup, html};

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

/// A length of time as people say it: `about 30 s`, `about 5 min`, `about 2 h 10 min`, `about 3 days`.
pub(crate) fn about(seconds: u64) -> String {
    match seconds {
        0..60 => format!("about {} s", seconds.max(1)),
        60..3_600 => format!("about {} min", seconds.div_ceil(60)),
        3_600..172_800 => {
            let minutes = seconds.div_ceil(60);
            if minutes.is_multiple_of(60) {
                format!("about {} h", minutes / 60)
            } else {
                format!("about {} h {} min", minutes / 60, minutes % 60)
            }
        }
        _ => format!("about {} days", seconds.div_ceil(86_400)),
    }
}

/// The same as an element with the exact time.
pub(crate) fn element(at: Timestamp, now: Timestamp, zone: &TimeZone) -> Markup {
    let exact = at.to_zoned(zone.clone());
    html! {
        time datetime=(at) title=(exact.strftime("%Y-%m-%d %H:%M:%S %:z")) { (short(at, now, zone)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_length_of_time_is_rounded_up() {
        for (seconds, said) in [
            (0, "about 1 s"),
            (59, "about 59 s"),
            (61, "about 2 min"),
            (3_600, "about 1 h"),
            (7_790, "about 2 h 10 min"),
            (200_000, "about 3 days"),
        ] {
            assert_eq!(about(seconds), said);
        }
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
        assert_eq!(clock_with_seconds(now, &zone), "14:02:31");
        let element = element(now, now, &zone).into_string();
        assert_eq!(
            element,
            r#"<time datetime="2026-11-30T11:02:31Z" title="2026-11-30 14:02:31 +03:00">14:02</time>"#
        );
        assert_eq!((zone_name(&zone), zone_name(&TimeZone::UTC)), ("Africa/Nairobi".into(), "UTC".into()));
    }
}
