//! The live parts of the page of a campaign. The page and the stream draw them with this function.

mod failures;
mod history;
mod numbers;
pub(crate) mod rate;

use control::CampaignPage;
use maud::{Markup, html};

use crate::part::badge::badge;
use crate::part::parts::Parts;
use crate::shown::range::Range;
use crate::shown::stops;
use crate::words::number::percent;
use crate::words::state::{self, Clock, Label};
use crate::words::{Tone, provider, time};

/// The parts of a campaign at a time.
pub(crate) fn of(page: &CampaignPage, range: Range, clock: Clock<'_>) -> Parts {
    let report = &page.report;
    let state = state::of(report, &page.waiting, clock);
    let (chart, rows) = rate::drawn(page, range, clock);
    let mut parts = Parts::default();
    parts.add("badge", badge(state.tone, state.short.as_deref().unwrap_or(&state.text)));
    parts.add("summary", summary(page, &state, clock));
    parts.add("stop", stops::of_campaign(clock, page));
    parts.add("progress", numbers::progress(report, &state));
    parts.add("chart", chart);
    parts.add("chart-table", rows);
    parts.add("funnel", numbers::funnel(report));
    parts.add("failures", failures::card(report.campaign_id, &page.errors));
    parts.add("history", history::card(page, clock));
    parts.add("balance", numbers::balance(report));
    parts.announce(&announcement(page, &state));
    parts
}

/// What a screen reader says: it changes with the state and with each tenth of the recipients.
fn announcement(page: &CampaignPage, state: &Label) -> String {
    let (name, total) = (&page.report.name, page.report.recipients());
    let tenths = if total > 0 { page.report.accepted * 10 / total } else { 0 };
    format!("{name}: {}, {} sent", state.short.as_deref().unwrap_or(&state.text), percent(tenths, 10))
}

fn summary(page: &CampaignPage, state: &Label, clock: Clock<'_>) -> Markup {
    let report = &page.report;
    html! {
        "via " a href={ "/senders/" (report.sender) } { (report.sender) } " (" (provider::name(&report.provider)) ")"
        @if let Some(started) = report.started_at { " · started " (time::element(started, clock.now, clock.zone)) }
        @if state.tone == Tone::Good && let Some(rate) = page.allowed_rate() { " · " (rate) " allowed" }
        @if state.tone == Tone::Good && !state.more.is_empty() { " · " b { (state.more) } }
        @if let Some(finished) = report.finished_at { " · ended " (time::element(finished, clock.now, clock.zone)) }
    }
}
