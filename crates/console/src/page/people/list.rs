//! The suppression list: shown, imported, downloaded, and entries removed.

use std::io::Write as _;
use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use control::{Control, MAX_LIMIT, Page, PageRequest, Right, SuppressionView};
use listener::chunks::ChunkWriter;
use maud::{Markup, html};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::runtime::Handle;

use crate::csv;
use crate::download::{self, File};
use crate::failure::Failure;
use crate::part::button::{Weight, form, link, submit};
use crate::part::card::{empty, flush};
use crate::part::table::{Kind, column, table};
use crate::session::Console;
use crate::viewer::Viewer;
use crate::words::number::counted;
use crate::words::{suppression, time};

/// `POST /recipients/suppressions/ID/remove`
pub(crate) async fn remove(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
) -> Result<Redirect, Failure> {
    console.control.remove_suppression(&viewer.caller, id).await?;
    Ok(Redirect::to("/recipients?done=removed"))
}

/// Numbers, one a line.
#[derive(Deserialize)]
pub(crate) struct Numbers {
    numbers: SecretString,
}

/// `POST /recipients/suppressions/import`
pub(crate) async fn import(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Form(Numbers { numbers }): Form<Numbers>,
) -> Result<Redirect, Failure> {
    let imported =
        console.control.import_pasted_suppressions(&viewer.caller, numbers.expose_secret()).await?;
    Ok(Redirect::to(&format!("/recipients?done=imported&n={}", imported.added)))
}

/// `GET /recipients/suppressions.csv`: with whole numbers, if the person may see them.
pub(crate) async fn download(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
) -> Result<Response, Failure> {
    if !viewer.caller.is_fresh() && viewer.caller.rights.has(Right::Numbers) {
        return Ok(Redirect::to("/log-in?next=%2Frecipients").into_response());
    }
    let (control, runtime) = (console.control.clone(), Handle::current());
    let file = File { name: "suppressions.csv".into(), mime: listener::downloads::CSV };
    download::answer(file, move |mut out| runtime.block_on(write(&control, &viewer, &mut out))).await
}

async fn write(control: &Control, viewer: &Viewer, out: &mut ChunkWriter) -> Result<(), Failure> {
    csv::row(out, ["number", "sender", "reason", "added_at"])?;
    let mut after = None;
    loop {
        let page =
            control.suppressions(&viewer.caller, &PageRequest { after, limit: Some(MAX_LIMIT) }).await?;
        for entry in &page.items {
            let at = entry.added_at.to_string();
            csv::row(
                out,
                [
                    entry.number.as_str(),
                    entry.sender.as_deref().unwrap_or("every sender"),
                    &entry.reason,
                    &at,
                ],
            )?;
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(out.flush()?),
        }
    }
}

/// The card of the page.
pub(super) fn card(viewer: &Viewer, is_first: bool, entries: &Page<SuppressionView>, total: i64) -> Markup {
    let columns = [
        column("Number", Kind::Name),
        column("Sender", Kind::Quiet),
        column("Reason", Kind::Quiet),
        column("Added", Kind::Quiet),
        column("Action", Kind::Text),
    ];
    let row = |entry: &SuppressionView| {
        vec![
            html! { (entry.number) },
            html! { (entry.sender.as_deref().unwrap_or("every sender")) },
            html! { (suppression::reason(&entry.reason)) },
            html! { (time::element(entry.added_at, viewer.visit.now, &viewer.zone)) },
            form(
                &format!("/recipients/suppressions/{}/remove", entry.suppression_id),
                "Remove",
                Weight::Plain,
            ),
        ]
    };
    let rows: Vec<Vec<Markup>> = entries.items.iter().map(row).collect();
    let body = html! {
        @if rows.is_empty() { (empty("Nobody is suppressed", &html! { "People who opt out appear here by themselves." }, None)) }
        @else { (table("Suppressed numbers, the newest first", &columns, &rows)) }
        div class="pager" {
            span { (counted(total, "entry", "entries")) }
            @if !is_first { a href="/recipients" { "← Newest" } }
            @if let Some(after) = &entries.next { a href={ "/recipients?after=" (after) } { "Older →" } }
        }
        details class="inset" {
            summary { "Import or download" }
            form class="form narrow-form" method="post" action="/recipients/suppressions/import" {
                label {
                    "Numbers, one a line"
                    textarea name="numbers" rows="5" required maxlength="60000" autocomplete="off" {}
                    span class="hint" { "With country codes. Longer lists are imported with " code { "flowcast suppression import" } " or the API." }
                }
                div class="actions" { (submit("Import", Weight::Plain)) (link("/recipients/suppressions.csv", "Download CSV", Weight::Plain)) }
            }
        }
    };
    flush(Some("Suppression list"), &body)
}
