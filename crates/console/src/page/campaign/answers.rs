//! `/campaigns/ID/answers`: what people entered, counted and one by one.

use std::io::Write as _;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use campaign::{CampaignId, FlowLabels};
use control::{
    AnswerReport, AnswerSummary, Caller, CampaignReport, Control, FieldSummary, MAX_LIMIT, Page as Rows,
    PageRequest,
};
use listener::chunks::ChunkWriter;
use maud::{Markup, html};
use serde::Deserialize;
use tokio::runtime::Handle;

use crate::chart;
use crate::csv;
use crate::download::{self, File};
use crate::failure::Failure;
use crate::page::campaign::tab;
use crate::page::campaign::tabs::Tab;
use crate::part::button::{Weight, link};
use crate::part::card::{card, empty, flush};
use crate::part::table::{Kind, column, table};
use crate::session::Console;
use crate::viewer::Viewer;
use crate::words::number::{counted, percent, thousands};
use crate::words::{answer, time};

/// A field with more different values, each of them once, holds texts.
const MOST_BARS: i64 = 5;
/// The texts of a field that are shown.
const TEXTS: usize = 5;

/// Which page of the table is shown.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    after: String,
}

/// `GET /campaigns/ID/answers`
pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Failure> {
    let (caller, id) = (&viewer.caller, CampaignId(id));
    let summary = console.summaries.of(&console.control, caller, id).await?;
    let reader = console.control.reader().await?;
    let report = reader.report(caller, id).await?;
    let request =
        PageRequest { after: Some(asked.after.clone()).filter(|after| !after.is_empty()), limit: None };
    let rows = reader.answers(caller, id, &request).await?;
    let labels = labels(&reader, caller, id).await?;
    Ok(draw(&viewer, &report, (&summary, &labels), (&asked, &rows)))
}

/// The words of the campaign's flow for the fields of answers; none if the flow is not known here.
pub(crate) async fn labels(reader: &Control, caller: &Caller, id: CampaignId) -> Result<FlowLabels, Failure> {
    let campaign = reader.campaign(caller, id).await?;
    let known = reader.known_texts(caller, &campaign.definition).await?;
    Ok(known.flow.map(|(_, flow)| flow.labels()).unwrap_or_default())
}

fn draw(
    viewer: &Viewer,
    report: &CampaignReport,
    (summary, labels): (&AnswerSummary, &FlowLabels),
    (asked, rows): (&Asked, &Rows<AnswerReport>),
) -> Markup {
    let id = report.campaign_id;
    if summary.answers == 0 {
        let text = html! { "A person answers by completing the flow that the message opens. The first answers come minutes after the first messages." };
        return tab::page(viewer, report, Tab::Answers, &flush(None, &empty("No answer yet", &text, None)));
    }
    let download = link(&format!("/campaigns/{id}/answers.csv"), "Download CSV", Weight::Plain);
    let counts = html! {
        (counted(summary.answers, "answer", "answers")) " of " (counted(summary.recipients, "person", "people"))
        " · " (percent(summary.recipients, report.delivered.max(report.accepted))) " of those reached"
    };
    let body = html! {
        div class="row" { p class="aside" { (counts) } (download) }
        div class="answer-fields" { @for field in &summary.fields { (bars(field, labels)) } }
        (answers(viewer, (id, labels), (asked, rows)))
    };
    tab::page(viewer, report, Tab::Answers, &body)
}

/// The most frequent values of a field.
fn bars(field: &FieldSummary, labels: &FlowLabels) -> Markup {
    let most = field.values.iter().map(|value| value.answers).max().unwrap_or(0);
    let label = labels.field(&field.field);
    let aside = html! { @if label.is_some() { code { (field.field) } " · " } (counted(field.answers, "answer", "answers")) };
    let label = label.unwrap_or(&field.field);
    if most == 1 && field.distinct > MOST_BARS {
        // Texts that people wrote.
        let texts = field.values.iter().take(TEXTS).map(|value| &value.value);
        let body = html! {
            ul class="texts" { @for text in texts { li { (text) } } }
            p class="note" { "Different in every answer; see the table below" }
        };
        return card(label, Some(&aside), &body);
    }
    let body = html! {
        table class="funnel" {
            caption class="sr" { "Answers by value" }
            tbody {
                @for value in &field.values {
                    tr {
                        th scope="row" class="value" { (answer::option(labels, &field.field, &value.value)) }
                        td class="fill" { (chart::share(value.answers, most)) }
                        td class="n" { (thousands(value.answers)) }
                        td class="share" { (percent(value.answers, field.answers)) }
                    }
                }
            }
        }
        @let others = field.distinct - i64::try_from(field.values.len()).unwrap_or(0);
        @if others > 0 { p class="note" { "and " (counted(others, "other value", "other values")) } }
    };
    card(label, Some(&aside), &body)
}

fn answers(
    viewer: &Viewer,
    (id, labels): (i64, &FlowLabels),
    (asked, rows): (&Asked, &Rows<AnswerReport>),
) -> Markup {
    let columns =
        [column("Recipient", Kind::Name), column("Answered", Kind::Quiet), column("Answer", Kind::Quiet)];
    let line = |row: &AnswerReport| {
        vec![
            html! { a class="title" href={ "/campaigns/" (id) "/recipients/" (row.seq) } { "Recipient " (row.seq) } },
            html! { (time::element(row.answered_at, viewer.visit.now, &viewer.zone)) @if row.from_other_number { small { "from another number" } } },
            html! { dl class="facts" { @for (field, value) in answer::fields(&row.answer, labels) { dt { (field) } dd { (value) } } } },
        ]
    };
    let lines: Vec<Vec<Markup>> = rows.items.iter().map(line).collect();
    let body = html! {
        (table("Answers by recipient", &columns, &lines))
        div class="pager" {
            span {}
            @if !asked.after.is_empty() { a href={ "/campaigns/" (id) "/answers" } { "← First" } }
            @if let Some(after) = &rows.next { a href={ "/campaigns/" (id) "/answers?after=" (after) } { "Next →" } }
        }
    };
    flush(Some("Answers"), &body)
}

/// `GET /campaigns/ID/answers.csv`: one row per answer and one column per field.
pub(crate) async fn download(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
) -> Result<Response, Failure> {
    let campaign = CampaignId(id);
    let summary = console.summaries.of(&console.control, &viewer.caller, campaign).await?;
    let fields: Vec<String> = summary.fields.iter().map(|field| field.field.clone()).collect();
    let (control, caller) = (console.control.clone(), viewer.caller);
    let file = File { name: format!("campaign-{id}-answers.csv"), mime: listener::downloads::CSV };
    let runtime = Handle::current();
    download::answer(file, move |mut out| {
        runtime.block_on(write(&control, &caller, campaign, (&fields, &mut out)))
    })
    .await
}

async fn write(
    control: &Control,
    caller: &Caller,
    id: CampaignId,
    (fields, out): (&[String], &mut ChunkWriter),
) -> Result<(), Failure> {
    let fixed = ["recipient", "answered_at", "from_other_number"];
    csv::row(out, fixed.into_iter().chain(fields.iter().map(String::as_str)))?;
    let mut after = None;
    loop {
        let page = control.answers(caller, id, &PageRequest { after, limit: Some(MAX_LIMIT) }).await?;
        for row in &page.items {
            let (seq, at) = (row.seq.to_string(), row.answered_at.to_string());
            let known = [seq.as_str(), &at, if row.from_other_number { "true" } else { "false" }];
            let values: Vec<String> = fields
                .iter()
                .map(|field| row.answer.get(field).map(answer::text).unwrap_or_default())
                .collect();
            csv::row(out, known.into_iter().chain(values.iter().map(String::as_str)))?;
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(out.flush()?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use campaign::FlowJson;
    use control::ValueCount;

    #[test]
    fn bars_have_the_words_of_the_flow_and_unknown_values_as_they_are() {
        let labels = FlowJson::parse(include_str!("../../../../../examples/flow.json")).unwrap().labels();
        let value = |value: &str| ValueCount { value: value.into(), answers: 20 };
        let field = |name: &str| FieldSummary {
            field: name.into(),
            answers: 40,
            distinct: 2,
            values: vec![value("0_very_good"), value("<i>other</i>")],
        };
        let drawn = bars(&field("visit"), &labels).into_string();
        for expected in
            ["<h2>How was your visit?</h2>", "<code>visit</code>", "Very good", "&lt;i&gt;other&lt;/i&gt;"]
        {
            assert!(drawn.contains(expected), "{expected} is not in {drawn}");
        }
        assert!(!drawn.contains("0_very_good"), "{drawn}");
        let raw = bars(&field("town"), &labels).into_string();
        assert!(raw.contains("<h2>town</h2>") && raw.contains("0_very_good"), "{raw}");
    }
}
