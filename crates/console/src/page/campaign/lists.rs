//! `/campaigns/ID/lists`: the imported lists with their counts, and `/lists/N`: rejected rows of one.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use campaign::CampaignId;
use control::{CampaignReport, ListReport, Page as Rows, PageRequest, RejectedRow, rejection_sentence};
use maud::{Markup, html};
use serde::Deserialize;

use crate::failure::Failure;
use crate::frame::sentence;
use crate::page::campaign::tab;
use crate::page::campaign::tabs::Tab;
use crate::part::card::{empty, flush};
use crate::part::table::{Kind, column, table};
use crate::session::Console;
use crate::viewer::Viewer;
use crate::words::number::{counted, thousands};
use crate::words::time;

/// `GET /campaigns/ID/lists`
pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
) -> Result<Markup, Failure> {
    let (reader, caller, id) = (console.control.reader().await?, &viewer.caller, CampaignId(id));
    let report = reader.report(caller, id).await?;
    let lists = reader.list_reports(caller, id).await?;
    Ok(draw(&viewer, &report, &lists))
}

fn draw(viewer: &Viewer, report: &CampaignReport, lists: &[ListReport]) -> Markup {
    let columns = [
        column("List", Kind::Name),
        column("Imported", Kind::Quiet),
        column("Rows", Kind::Number),
        column("Recipients", Kind::Number),
        column("Rejected", Kind::Number),
        column("Duplicates", Kind::Number),
        column("Suppressed", Kind::Number),
        column("Excluded", Kind::Number),
    ];
    let id = report.campaign_id;
    let line = |list: &ListReport| {
        let n = |n: i32| html! { (thousands(n)) };
        vec![
            html! {
                span class="title" { (list.source) }
                @if let Some(column) = &list.number_column { small { "numbers in column " (column) } }
                @if list.hidden > 0 { small { (counted(list.hidden.into(), "hidden row was", "hidden rows were")) " ignored" } }
            },
            html! { (time::element(list.imported_at, viewer.visit.now, &viewer.zone)) },
            n(list.uploaded),
            html! { a href={ "/campaigns/" (id) "/recipients" } { (thousands(list.imported)) } },
            html! { @if list.rejected > 0 { a href={ "/campaigns/" (id) "/lists/" (list.list) } { (thousands(list.rejected)) } } @else { "0" } },
            n(list.duplicates),
            n(list.suppressed),
            n(list.excluded),
        ]
    };
    let lines: Vec<Vec<Markup>> = lists.iter().map(line).collect();
    let body = html! {
        @if lines.is_empty() { (empty("No list yet", &html! { "Recipients come from imported lists." }, None)) }
        @else { (table("Lists in the order of their import", &columns, &lines)) }
    };
    tab::page(viewer, report, Tab::Lists, &flush(None, &body))
}

/// Which page of the rejected rows is shown.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    after: String,
}

/// `GET /campaigns/ID/lists/N`
pub(crate) async fn rejected(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path((id, list)): Path<(i64, i64)>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Failure> {
    let (reader, caller, id) = (console.control.reader().await?, &viewer.caller, CampaignId(id));
    let report = reader.report(caller, id).await?;
    let request = PageRequest { after: Some(asked.after).filter(|after| !after.is_empty()), limit: None };
    let rows = reader.rejections(caller, id, list, &request).await?;
    Ok(draw_rejected(&viewer, &report, list, &rows))
}

fn draw_rejected(viewer: &Viewer, report: &CampaignReport, list: i64, rows: &Rows<RejectedRow>) -> Markup {
    let columns = [
        column("Line", Kind::Name),
        column("Number", Kind::Quiet),
        column("Column", Kind::Quiet),
        column("What is wrong, and what to do", Kind::Wide),
    ];
    let line = |row: &RejectedRow| {
        vec![
            html! { (row.line) },
            html! { (row.number) },
            html! { (row.column.as_deref().unwrap_or_default()) },
            html! { (sentence(rejection_sentence(&row.reason))) },
        ]
    };
    let lines: Vec<Vec<Markup>> = rows.items.iter().map(line).collect();
    let own = format!("/campaigns/{}/lists", report.campaign_id);
    let body = html! {
        (table("Rejected rows in the order of the file", &columns, &lines))
        div class="pager" {
            a href=(own) { "← Lists" }
            @if let Some(after) = &rows.next { a href={ (own) "/" (list) "?after=" (after) } { "Next →" } }
        }
    };
    tab::page(viewer, report, Tab::Lists, &flush(Some(&format!("Rejected rows of list {list}")), &body))
}
