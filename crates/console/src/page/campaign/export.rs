//! `/campaigns/ID/download`: recipients with their numbers, as a list that can be imported again.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use campaign::CampaignId;
use control::{Export, ExportError, ExportFormat, RecipientFilter, Right};
use maud::{Markup, html};
use serde::Deserialize;
use tokio::runtime::Handle;

use crate::download::{self, File};
use crate::failure::Failure;
use crate::frame::{Page, Section};
use crate::part::button::{Weight, submit};
use crate::part::card::card;
use crate::part::filter::{Choice, select};
use crate::session::Console;
use crate::viewer::Viewer;

/// Which recipients, in which format.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    who: String,
    format: String,
    /// The choice with which the form begins.
    chosen: String,
}

/// The address of the form for recipients of a kind: the word of its list.
pub(crate) fn with(campaign: i64, kind: &str) -> String {
    let chosen = match kind {
        "undelivered" => RecipientFilter::NotDelivered.word(),
        word => {
            RecipientFilter::ALL.iter().map(|who| who.word()).find(|own| *own == word).unwrap_or_default()
        }
    };
    let query = if chosen.is_empty() { String::new() } else { format!("?chosen={chosen}") };
    format!("/campaigns/{campaign}/download{query}")
}

/// `GET /campaigns/ID/download`: without a choice the form, with one the file.
pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    if !viewer.caller.is_fresh() && viewer.caller.rights.has(Right::Numbers) {
        // Numbers need a fresh log-in.
        return Ok(Redirect::to(&format!("/log-in?next=%2Fcampaigns%2F{id}%2Fdownload")).into_response());
    }
    let who = RecipientFilter::ALL.into_iter().find(|who| who.word() == asked.who);
    let Some(who) = who else {
        let report = console.control.reader().await?.report(&viewer.caller, CampaignId(id)).await?;
        return Ok(form(&viewer, id, &report.name, &asked.chosen).into_response());
    };
    let (format, ending, mime) = match asked.format.as_str() {
        "xlsx" => (ExportFormat::Xlsx, "xlsx", listener::downloads::XLSX),
        _ => (ExportFormat::Csv, "csv", listener::downloads::CSV),
    };
    let file = File { name: format!("campaign-{id}-{}.{ending}", who.word()), mime };
    let (control, caller, runtime) = (console.control.clone(), viewer.caller, Handle::current());
    download::answer(file, move |out| {
        let export = control.export(&caller, CampaignId(id), Export { who, format }, out);
        match runtime.block_on(Box::pin(export)) {
            Ok(_) => Ok(()),
            Err(ExportError::Action(error)) => Err(error.into()),
            Err(ExportError::Write(error)) => Err(error.into()),
        }
    })
    .await
}

fn form(viewer: &Viewer, id: i64, name: &str, chosen: &str) -> Markup {
    let chosen = if chosen.is_empty() { "not_answered" } else { chosen };
    let choices = RecipientFilter::ALL.map(|who| (who.word(), label(who)));
    let formats: [Choice<'_>; 2] = [("csv", "CSV"), ("xlsx", "Excel (.xlsx)")];
    let back = format!("/campaigns/{id}");
    let body = html! {
        form class="form" method="get" {
            p { "The file has the columns of the imported lists with whole phone numbers. The download is noted in the activity." }
            (select("who", "Recipients", &choices, chosen))
            (select("format", "Format", &formats, "csv"))
            div class="actions" { (submit("Download", Weight::Primary)) a class="button" href=(back) { "Back" } }
        }
    };
    let body = html! { div class="narrow-card" { (card("Download recipients", None, &body)) } };
    let page = Page::new("Download", Section::Campaigns, body);
    Page { parent: Some((&back, name)), ..page }.draw(viewer)
}

fn label(who: RecipientFilter) -> &'static str {
    match who {
        RecipientFilter::Accepted => "Accepted",
        RecipientFilter::Failed => "Failed",
        RecipientFilter::Unknown => "Unconfirmed",
        RecipientFilter::Skipped => "Skipped",
        RecipientFilter::Expired => "Expired",
        RecipientFilter::Cancelled => "Canceled",
        RecipientFilter::NotDelivered => "Not delivered: undelivered, or without a report",
        RecipientFilter::NotAnswered => "Not answered: accepted, without an answer",
    }
}
