//! Messages per second of a campaign as a chart.

use campaign::StopReason;
use control::{CampaignPage, MinuteReport, PastStop};
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use crate::chart::{Band, Bar, BarChart, MOST_BARS};
use crate::part::segmented;
use crate::part::table::{Kind, column, table};
use crate::shown::campaign::history::concerns;
use crate::shown::range::Range;
use crate::words::number::counted;
use crate::words::state::Clock;
use crate::words::stop;

/// A shorter stretch would have bars as wide as cards.
const LEAST_MINUTES: i64 = 15;

/// The card, with the chart and its table.
pub(crate) fn card(range: Range, chart: &Markup, rows: &Markup) -> Markup {
    let addresses = Range::ALL.map(|(_, word, _)| format!("?range={word}"));
    let choices: Vec<(&str, &str, bool)> = Range::ALL
        .iter()
        .zip(&addresses)
        .map(|((own, _, label), address)| (address.as_str(), *label, *own == range))
        .collect();
    let body = html! {
        (chart)
        details {
            summary { "Show as table" }
            div class="scroll" tabindex="0" role="region" aria-label="Messages by time" { (rows) }
        }
    };
    crate::part::card::card("Messages per second", Some(&segmented::links("Range", &choices)), &body)
}

/// The chart, and the same as a table.
pub(crate) fn drawn(known: &CampaignPage, range: Range, clock: Clock<'_>) -> (Markup, Markup) {
    let Some(stretch) = Stretch::of(known, range, clock) else {
        // Minutes are counted after their end.
        let is_first = known.minutes.is_empty() && known.report.accepted + known.report.failed > 0;
        let text = if is_first {
            "The first minute is drawn when it is over."
        } else {
            "Nothing was sent in this time."
        };
        let nothing = html! { p class="aside" { (text) } };
        return (nothing.clone(), nothing);
    };
    let bars = stretch.bars(known, clock);
    let columns = [column("From", Kind::Name), column("Messages", Kind::Quiet)];
    let rows: Vec<Vec<Markup>> = bars
        .bars
        .iter()
        .filter(|bar| bar.accepted + bar.failed > 0.0)
        .filter_map(|bar| bar.title.split_once(": "))
        .map(|(from, messages)| vec![html! { (from) }, html! { (messages) }])
        .collect();
    (bars.draw(), table("Messages by time", &columns, &rows))
}

/// A stretch of time, divided into bars of whole minutes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Stretch {
    from: Timestamp,
    to: Timestamp,
    /// The minutes of a bar.
    minutes: i64,
    bars: i64,
}

impl Stretch {
    fn of(known: &CampaignPage, range: Range, clock: Clock<'_>) -> Option<Self> {
        let begin = range.begin(clock.now);
        let is_shown = |minute: &&MinuteReport| begin.is_none_or(|begin| minute.minute > begin);
        let first = known.minutes.iter().find(is_shown)?.minute;
        let last = known.minutes.last()?.minute;
        let from = begin.unwrap_or(first);
        let is_over = known.report.finished_at.is_some();
        let end = last.checked_add(SignedDuration::from_mins(1)).ok()?;
        Self::between(from, if is_over && range == Range::All { end } else { end.max(clock.now) })
    }

    /// A stretch of whole minutes. A short one begins earlier, because a later end would be in the future.
    pub(crate) fn between(from: Timestamp, to: Timestamp) -> Option<Self> {
        let from = from.as_second().min(to.as_second() - 60 * LEAST_MINUTES);
        let from = Timestamp::from_second(from.div_euclid(60) * 60).ok()?;
        let all = (to.as_second() - from.as_second()).div_euclid(60) + 1;
        let most = i64::try_from(MOST_BARS).unwrap_or(i64::MAX);
        let minutes = (all - 1) / most + 1;
        Some(Self { from, to, minutes, bars: (all - 1) / minutes + 1 })
    }

    /// Messages in each bar: accepted, failed.
    pub(crate) fn sums(self, rows: &[MinuteReport]) -> Vec<(i64, i64)> {
        let mut sums = vec![(0, 0); usize::try_from(self.bars).unwrap_or(0)];
        for row in rows {
            let bar = (row.minute.as_second() - self.from.as_second()).div_euclid(60 * self.minutes);
            if let Some(sum) = usize::try_from(bar).ok().and_then(|bar| sums.get_mut(bar)) {
                sum.0 += row.accepted;
                sum.1 += row.failed;
            }
        }
        sums
    }

    #[expect(clippy::cast_precision_loss, reason = "places and heights of a drawing")]
    fn bars(self, known: &CampaignPage, clock: Clock<'_>) -> BarChart {
        let seconds = 60 * self.minutes;
        let begin = |bar: usize| self.from.as_second() + i64::try_from(bar).unwrap_or(0) * seconds;
        let text = |second: i64| Timestamp::from_second(second).map(|at| clock.at(at)).unwrap_or_default();
        let whole = (self.bars * seconds) as f64;
        let place = |at: Timestamp| (at.as_second() - self.from.as_second()) as f64 / whole;
        let bars = self.sums(&known.minutes).into_iter().enumerate().map(|(index, (accepted, failed))| {
            // The last bar is not over.
            let length = (self.to.as_second() - begin(index)).clamp(1, seconds) as f64;
            let count = if failed > 0 { format!(", {failed} failed") } else { String::new() };
            let title =
                format!("{}: {}{count}", text(begin(index)), counted(accepted, "message", "messages"));
            Bar { accepted: accepted as f64 / length, failed: failed as f64 / length, title }
        });
        let stops = known.stops.iter().filter(|stop| concerns(stop, known));
        let bands = stops.filter_map(|stop| self.band(stop, clock.now, place));
        let ticks = [0, 1, 2, 3].map(|third| {
            (f64::from(third) / 3.0, text(self.from.as_second() + self.bars * seconds * i64::from(third) / 3))
        });
        BarChart {
            label: format!("Messages per second, {} to {}", clock.at(self.from), clock.at(self.to)),
            bars: bars.collect(),
            limit: known.allowed_rate().map(campaign::Rate::per_second),
            bands: bands.collect(),
            ticks: ticks.to_vec(),
            unit: "/s",
        }
    }

    fn band(self, stop: &PastStop, now: Timestamp, place: impl Fn(Timestamp) -> f64) -> Option<Band> {
        let (since, ended) = (stop.stop.since, stop.ended_at.unwrap_or(now));
        let reason = stop.stop.reason.parse::<StopReason>().ok()?;
        let label = crate::words::capital(stop::short(reason));
        (ended > self.from && since < self.to).then(|| Band { from: place(since), to: place(ended), label })
    }
}
