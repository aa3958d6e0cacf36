//! `/campaigns/ID`: one campaign.

pub(crate) mod action;
pub(crate) mod answers;
pub(crate) mod export;
pub(crate) mod lists;
pub(crate) mod message;
pub(crate) mod recipients;
mod tab;
mod tabs;

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use campaign::CampaignId;
use control::CampaignPage;
use maud::{Markup, html};
use serde::Deserialize;

use crate::failure::Failure;
use crate::frame::{Page, Section};
use crate::page::campaign::action::Done;
use crate::page::campaign::tabs::Tab;
use crate::part::follow::Follow;
use crate::part::parts::{Parts, id};
use crate::session::Console;
use crate::shown::campaign as campaign_parts;
use crate::shown::campaign::rate;
use crate::shown::range::Range;
use crate::viewer::Viewer;
use crate::visit::Visit;
use crate::wizard::links;

/// What of the campaign is shown.
#[derive(Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    pub(crate) range: Range,
    /// What was done before the page was opened, and for how many recipients.
    #[serde(default)]
    done: Option<Done>,
    #[serde(default)]
    n: i64,
    /// Whether the numbers are the last ones from before PostgreSQL stopped answering.
    #[serde(skip)]
    is_old: bool,
}

/// `GET /campaigns/ID`
pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Failure> {
    let page = read(&console, &viewer, CampaignId(id), asked.range).await?;
    if asked.range == Range::default() {
        console.feeds.keep(CampaignId(id), &page, viewer.visit.now);
    }
    Ok(draw(&viewer, &page, &asked))
}

/// The page of this address with the last numbers that this process has, while PostgreSQL does not answer.
pub(crate) fn last(console: &Console, viewer: &Viewer, path: &str) -> Option<Markup> {
    let id = path.strip_prefix("/campaigns/")?.parse().ok().map(CampaignId)?;
    let frame = console.feeds.latest(&viewer.caller, id)?;
    let page = frame.shown.0.as_ref()?;
    let visit = Visit { now: frame.at, ..viewer.visit.clone() };
    Some(draw(&Viewer { visit, ..viewer.clone() }, page, &Asked { is_old: true, ..Asked::default() }))
}

/// What the page shows, from one connection.
pub(crate) async fn read(
    console: &Console,
    viewer: &Viewer,
    id: CampaignId,
    range: Range,
) -> Result<CampaignPage, Failure> {
    let reader = console.control.reader().await?;
    Ok(reader.campaign_page(&viewer.caller, id, range.begin(viewer.visit.now)).await?)
}

/// `GET /campaigns/ID/parts`: all live parts, for a page that has no stream.
pub(crate) async fn all_parts(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Failure> {
    let page = read(&console, &viewer, CampaignId(id), asked.range).await?;
    Ok(drawn(&viewer, &page, &asked).all())
}

fn drawn(viewer: &Viewer, page: &CampaignPage, asked: &Asked) -> Parts {
    let mut parts = campaign_parts::of(page, asked.range, viewer.clock());
    parts.add_mark(!asked.is_old, viewer.clock());
    // Not in the stream: what a person may do is not the same for everybody.
    let of_stop = action::stop_button(viewer, page);
    parts.add("actions", action::buttons(viewer, page, of_stop.0.is_empty()));
    parts.add("stop-action", of_stop);
    parts
}

fn draw(viewer: &Viewer, page: &CampaignPage, asked: &Asked) -> Markup {
    let report = &page.report;
    let parts = drawn(viewer, page, asked);
    let (chart, rows) = (parts.slot("chart"), parts.slot("chart-table"));
    let address =
        |what: &str| format!("/campaigns/{}/{what}?range={}", report.campaign_id, asked.range.word());
    let follow = Follow { stream: address("live"), parts: address("parts") };
    let body = html! {
        (Tab::Overview.draw(viewer, report.campaign_id))
        @if let Some(done) = asked.done { (done.draw(asked.n)) }
        div class="stop-note" { (parts.slot("stop")) div class="actions" id=(id("stop-action")) { (parts.content("stop-action")) } }
        (parts.slot("progress"))
        div class="cols" { (rate::card(asked.range, &chart, &rows)) (parts.slot("funnel")) }
        div class="cols" { (parts.slot("failures")) (parts.slot("history")) }
        (parts.slot("balance"))
    };
    let page = Page::new(&report.name, Section::Campaigns, body);
    Page {
        parent: Some(("/campaigns", "Campaigns")),
        badge: Some(parts.inline("badge")),
        summary: Some(parts.inline("summary")),
        actions: Some(
            html! { (parts.content("actions")) @if let Some(own) = links::actions(viewer, report) { (own) } },
        ),
        follow: Some(follow),
        live: Some(parts.clone()),
        ..page
    }
    .draw(viewer)
}

#[cfg(test)]
pub(crate) mod tests;
