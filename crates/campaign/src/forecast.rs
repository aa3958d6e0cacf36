//! The time a campaign needs within its sending hours, and whether it ends before its deadline.
//!
//! This is an estimate. It assumes the whole rate, no other campaign of the sender, and no retries. With `clock =
//! "recipient"` it uses the zones of the main country of each calling code.

use std::time::Duration;

use jiff::Timestamp;

use crate::number::calling_code::CallingCode;
use crate::number::zone::Zone;
use crate::pacing::rate::Rate;
use crate::time::hours::Opening;
use crate::time::schedule::{Schedule, ScheduleClock, WhenOver};

/// The most steps of the simulation. One step is the beginning or end of hours, so this is seven years of daily hours.
const MOST_STEPS: usize = 4_000;

/// The estimate before a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// The time in which messages leave, without the time outside the sending hours; `None` without a rate.
    pub time: Option<Duration>,
    /// When the first message leaves; `None` if the sending hours never begin.
    pub begins_at: Option<Timestamp>,
    /// When the last message leaves; `None` without a rate, or if it would take years.
    pub ends_at: Option<Timestamp>,
    /// After this time nothing is sent: the deadline, or the end of the hours after which waiting recipients expire.
    pub last_at: Option<Timestamp>,
    /// The number of recipients that would not be sent to before `last_at`.
    pub too_late: i64,
}

/// Recipients with the same sending hours.
struct Group<'a> {
    zones: &'a [Zone],
    left: Duration,
}

impl Forecast {
    /// The estimate for a campaign that starts or resumes now with these recipients by country. `deadline` is a point
    /// in time. `rate` is the lower one of sender and campaign.
    pub fn of(
        schedule: &Schedule,
        recipients: &[(CallingCode, i64)],
        rate: Option<Rate>,
        deadline: Option<Timestamp>,
        now: Timestamp,
    ) -> Self {
        let total = recipients.iter().map(|(_, n)| n).sum();
        let mut groups = groups(schedule, recipients, rate);
        let opening = schedule.opening(now);
        let from = opening.map_or(now, |opening| opening.from);
        let end_of_hours =
            opening.filter(|_| schedule.when_over == WhenOver::Expire).map(|opening| opening.until);
        let last_at = [deadline, end_of_hours].into_iter().flatten().min();
        let begins_at = groups.iter().filter_map(|group| group.opening(schedule, from)).map(|o| o.from).min();
        let time = rate.map(|_| groups.iter().map(|group| group.left).sum());
        let mut run = Run { schedule, at: from, last_at, left_then: None };
        let ends_at = run.finish(&mut groups).filter(|_| rate.is_some());
        let unsent = match (run.left_then, begins_at.zip(last_at)) {
            (_, Some((begins, last))) if begins >= last => total,
            (Some(left), _) => share(total, left, time.unwrap_or_default()),
            (None, _) => 0,
        };
        Self { time, begins_at, ends_at, last_at, too_late: unsent }
    }
}

/// One group for all recipients, or one for each country if each has its own clock.
fn groups<'a>(
    schedule: &'a Schedule,
    recipients: &[(CallingCode, i64)],
    rate: Option<Rate>,
) -> Vec<Group<'a>> {
    let own = schedule.zone.as_slice();
    let work = |n: i64| {
        let n = u32::try_from(n).unwrap_or(u32::MAX);
        rate.map_or(Duration::ZERO, |rate| rate.time_of(n))
    };
    match schedule.clock {
        ScheduleClock::Campaign => {
            vec![Group { zones: own, left: work(recipients.iter().map(|(_, n)| n).sum()) }]
        }
        ScheduleClock::Recipient => {
            let zones = |code: CallingCode| match Zone::of_calling_code(code) {
                [] => own,
                zones => zones,
            };
            recipients.iter().map(|(code, n)| Group { zones: zones(*code), left: work(*n) }).collect()
        }
    }
}

impl Group<'_> {
    /// The current or next sending hours of the group; all times if it has none.
    fn opening(&self, schedule: &Schedule, at: Timestamp) -> Option<Opening> {
        if schedule.hours.is_empty() {
            return Some(Opening { from: at, until: Timestamp::MAX });
        }
        let of = |zones| Opening::in_all(&schedule.hours, zones, at);
        let opening = of(self.zones).or_else(|| of(schedule.zone.as_slice()))?;
        Some(Opening { from: opening.from.max(at), ..opening })
    }
}

/// The simulation, which advances from one beginning or end of sending hours to the next.
struct Run<'a> {
    schedule: &'a Schedule,
    at: Timestamp,
    last_at: Option<Timestamp>,
    /// The work that was left when the deadline passed.
    left_then: Option<Duration>,
}

impl Run<'_> {
    fn finish(&mut self, groups: &mut [Group<'_>]) -> Option<Timestamp> {
        for _ in 0..MOST_STEPS {
            if groups.iter().all(|group| group.left.is_zero()) {
                return Some(self.at);
            }
            self.step(groups)?;
        }
        None
    }

    /// Advances to the next moment at which anything changes. Groups whose hours end first send first.
    fn step(&mut self, groups: &mut [Group<'_>]) -> Option<()> {
        let mut open = Vec::new();
        let mut next = Timestamp::MAX;
        for group in groups.iter_mut().filter(|group| !group.left.is_zero()) {
            let Some(opening) = group.opening(self.schedule, self.at) else { continue };
            if opening.from > self.at {
                next = next.min(opening.from);
            } else {
                next = next.min(opening.until);
                open.push((opening.until, group));
            }
        }
        if let Some(last_at) = self.last_at.filter(|last_at| *last_at > self.at) {
            next = next.min(last_at);
        }
        open.sort_by_key(|(until, _)| *until);
        let mut room = Duration::try_from(next.duration_since(self.at)).ok()?;
        for (_, group) in open {
            let used = room.min(group.left);
            group.left -= used;
            room -= used;
        }
        let is_done = groups.iter().all(|group| group.left.is_zero());
        self.at = if is_done { next.checked_sub(room).ok()? } else { next };
        if !is_done && self.last_at == Some(self.at) {
            self.left_then = Some(groups.iter().map(|group| group.left).sum());
        }
        (is_done || self.at < Timestamp::MAX).then_some(())
    }
}

/// The share of `total` that corresponds to `left` of `time`, rounded up.
fn share(total: i64, left: Duration, time: Duration) -> i64 {
    let total = u128::try_from(total).unwrap_or(0);
    let n = (total * left.as_micros()).div_ceil(time.as_micros().max(1));
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEEK: &str = "hours = [\"mon-fri 09:00-18:00\"]\nzone = \"Africa/Nairobi\"\n";
    const KENYA: CallingCode = CallingCode(254);
    const GERMANY: CallingCode = CallingCode(49);

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Begin, end, deadline and number too late, at this UTC time on Friday 2026-11-20, with one message a second.
    fn forecast(
        schedule: &str,
        recipients: &[(CallingCode, i64)],
        deadline: Option<&str>,
        time: &str,
    ) -> (String, String, String, i64) {
        let schedule: Schedule = toml::from_str(schedule).unwrap();
        let now = at(&format!("2026-11-20T{time}:00Z"));
        let forecast = Forecast::of(&schedule, recipients, "1/s".parse().ok(), deadline.map(at), now);
        let text = |at: Option<Timestamp>| {
            at.map_or_else(|| "-".to_owned(), |at| at.strftime("%a %H:%M").to_string())
        };
        (text(forecast.begins_at), text(forecast.ends_at), text(forecast.last_at), forecast.too_late)
    }

    fn expected(begins: &str, ends: &str, last: &str, too_late: i64) -> (String, String, String, i64) {
        (begins.to_owned(), ends.to_owned(), last.to_owned(), too_late)
    }

    #[test]
    fn without_sending_hours_the_time_runs_from_now_or_from_start_at() {
        let hour = [(KENYA, 3_000), (GERMANY, 600)];
        assert_eq!(forecast("", &hour, None, "12:00"), expected("Fri 12:00", "Fri 13:00", "-", 0));
        let later = "start_at = \"2026-11-21T08:00:00Z\"";
        assert_eq!(forecast(later, &hour, None, "12:00"), expected("Sat 08:00", "Sat 09:00", "-", 0));
        let deadline = Some("2026-11-20T12:45:00Z");
        assert_eq!(
            forecast("", &hour, deadline, "12:00"),
            expected("Fri 12:00", "Fri 13:00", "Fri 12:45", 900)
        );
        let exactly = Some("2026-11-20T13:00:00Z");
        assert_eq!(forecast("", &hour, exactly, "12:00"), expected("Fri 12:00", "Fri 13:00", "Fri 13:00", 0));
        assert_eq!(
            forecast(later, &hour, deadline, "12:00"),
            expected("Sat 08:00", "Sat 09:00", "Fri 12:45", 3_600)
        );
    }

    #[test]
    fn recipients_that_do_not_fit_into_one_day_are_sent_to_in_the_next_hours() {
        // Nairobi is open from 06:00 to 15:00 UTC. Ten hours of work: two today, eight on Monday.
        let ten_hours = [(KENYA, 36_000)];
        assert_eq!(forecast(WEEK, &ten_hours, None, "13:00"), expected("Fri 13:00", "Mon 14:00", "-", 0));
        // After the hours, and before a weekend.
        assert_eq!(forecast(WEEK, &[(KENYA, 60)], None, "15:00"), expected("Mon 06:00", "Mon 06:01", "-", 0));
        // Work that fills the hours exactly ends with them.
        assert_eq!(
            forecast(WEEK, &[(KENYA, 7_200)], None, "13:00"),
            expected("Fri 13:00", "Fri 15:00", "-", 0)
        );
        // The deadline is in the weekend between: eight of ten hours are not sent.
        let sunday = Some("2026-11-22T12:00:00Z");
        assert_eq!(
            forecast(WEEK, &ten_hours, sunday, "13:00"),
            expected("Fri 13:00", "Mon 14:00", "Sun 12:00", 28_800)
        );
        // The deadline passes before the hours begin again.
        assert_eq!(
            forecast(WEEK, &ten_hours, sunday, "15:00"),
            expected("Mon 06:00", "Tue 07:00", "Sun 12:00", 36_000)
        );
        // Waiting recipients expire at the end of the first hours.
        let expire = format!("{WEEK}when_over = \"expire\"");
        assert_eq!(
            forecast(&expire, &ten_hours, None, "13:00"),
            expected("Fri 13:00", "Mon 14:00", "Fri 15:00", 28_800)
        );
    }

    #[test]
    fn with_the_recipients_clocks_each_country_has_its_own_hours() {
        let own = format!("{WEEK}clock = \"recipient\"");
        // Nairobi closes at 15:00 UTC and goes first; Berlin closes at 17:00.
        let both = [(GERMANY, 3_600), (KENYA, 3_600)];
        assert_eq!(forecast(&own, &both, None, "14:00"), expected("Fri 14:00", "Fri 16:00", "-", 0));
        assert_eq!(forecast(&own, &both, None, "14:30"), expected("Fri 14:30", "Mon 06:30", "-", 0));
        // Only Berlin is open for the rest of the day, and its recipients do not wait for Nairobi.
        assert_eq!(forecast(&own, &both, None, "15:30"), expected("Fri 15:30", "Mon 07:00", "-", 0));
    }

    #[test]
    fn without_a_rate_only_the_beginning_is_known() {
        let schedule: Schedule = toml::from_str(WEEK).unwrap();
        let now = at("2026-11-20T15:00:00Z");
        let sunday = Some(at("2026-11-22T12:00:00Z"));
        let forecast = Forecast::of(&schedule, &[(KENYA, 5)], None, sunday, now);
        let begins_at = Some(at("2026-11-23T06:00:00Z"));
        assert_eq!(forecast, Forecast { time: None, begins_at, ends_at: None, last_at: sunday, too_late: 5 });
        let years = Forecast::of(&schedule, &[(KENYA, 4_000_000)], "1/m".parse().ok(), None, now);
        assert_eq!((years.begins_at, years.ends_at), (begins_at, None));
    }
}
