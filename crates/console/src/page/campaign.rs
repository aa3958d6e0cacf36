//! `/campaigns/ID`: one campaign.

mod failures;
mod history;
mod numbers;
mod rate;

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use campaign::{CampaignId, Rate};
use control::{
    Campaign, CampaignEvent, CampaignReport, ErrorReport, MinuteReport, PageRequest, PastStop, SenderView,
    Waiting,
};
use jiff::{Span, Timestamp};
use maud::{Markup, html};
use serde::Deserialize;

use crate::failure::Failure;
use crate::frame::{Page, Section};
use crate::page::stops;
use crate::part::badge::badge;
use crate::session::{Console, Viewer};
use crate::words::state::{self, Clock};
use crate::words::{Tone, provider, time};

/// The range of the chart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) enum Range {
    #[serde(rename = "15m")]
    Quarter,
    #[serde(rename = "1h")]
    Hour,
    #[serde(rename = "6h")]
    SixHours,
    #[default]
    #[serde(rename = "all")]
    All,
}

impl Range {
    const ALL: [(Self, &'static str, &'static str); 4] = [
        (Self::Quarter, "15m", "15 min"),
        (Self::Hour, "1h", "1 h"),
        (Self::SixHours, "6h", "6 h"),
        (Self::All, "all", "All"),
    ];

    /// The beginning of the range; `None`: of the campaign.
    fn begin(self, now: Timestamp) -> Option<Timestamp> {
        let span = match self {
            Self::Quarter => Span::new().minutes(15),
            Self::Hour => Span::new().hours(1),
            Self::SixHours => Span::new().hours(6),
            Self::All => return None,
        };
        now.checked_sub(span).ok()
    }
}

/// What of the campaign is shown.
#[derive(Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    range: Range,
}

/// What is known of a campaign.
struct Known {
    campaign: Campaign,
    report: CampaignReport,
    waiting: Vec<Waiting>,
    errors: Vec<ErrorReport>,
    minutes: Vec<MinuteReport>,
    events: Vec<CampaignEvent>,
    sender: SenderView,
    stops: Vec<PastStop>,
}

impl Known {
    /// The rate of the campaign or of its sender, whichever is lower.
    fn allowed(&self) -> Option<Rate> {
        let rates = [self.sender.rate, self.campaign.definition.policy.rate];
        rates.into_iter().flatten().min_by(|one, other| one.per_second().total_cmp(&other.per_second()))
    }
}

/// `GET /campaigns/ID`
pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Failure> {
    let (control, caller, id) = (&console.control, &viewer.caller, CampaignId(id));
    let campaign = control.campaign(caller, id).await?;
    let sender = campaign.definition.sender.clone();
    let newest = PageRequest { after: None, limit: Some(50) };
    let (report, waiting, errors, minutes, events, sender, stops) = tokio::try_join!(
        control.report(caller, id),
        control.waiting_of(caller, id),
        control.errors(caller, id),
        control.minutes(caller, id, asked.range.begin(viewer.visit.now)),
        control.campaign_events(caller, id),
        control.sender(caller, &sender),
        control.sender_stops(caller, &sender, &newest),
    )?;
    let known = Known { campaign, report, waiting, errors, minutes, events, sender, stops: stops.items };
    Ok(draw(&viewer, &known, asked.range))
}

fn draw(viewer: &Viewer, known: &Known, range: Range) -> Markup {
    let report = &known.report;
    let clock = Clock { now: viewer.visit.now, zone: &viewer.zone };
    let state = state::of(report, &known.waiting, clock);
    let body = html! {
        (stops::of_campaign(viewer, report, &known.waiting))
        (numbers::progress(report, &state))
        div class="cols" { (rate::card(known, range, clock)) (numbers::funnel(report)) }
        div class="cols" { (failures::card(&known.errors)) (history::card(viewer, known)) }
        (numbers::balance(report))
    };
    let page = Page::new(&report.name, Section::Campaigns, body);
    Page {
        parent: Some(("/campaigns", "Campaigns")),
        badge: Some(badge(state.tone, state.short.as_deref().unwrap_or(&state.text))),
        summary: Some(summary(viewer, known, &state)),
        ..page
    }
    .draw(viewer)
}

fn summary(viewer: &Viewer, known: &Known, state: &state::Label) -> Markup {
    let report = &known.report;
    html! {
        "via " a href="/senders" { (report.sender) } " (" (provider::name(&report.provider)) ")"
        @if let Some(started) = report.started_at { " · started " (time::element(started, viewer.visit.now, &viewer.zone)) }
        @if state.tone == Tone::Good && let Some(rate) = known.allowed() { " · " (rate) " allowed" }
        @if state.tone == Tone::Good && !state.more.is_empty() { " · " b { (state.more) } }
        @if let Some(finished) = report.finished_at { " · ended " (time::element(finished, viewer.visit.now, &viewer.zone)) }
    }
}

#[cfg(test)]
mod tests;
