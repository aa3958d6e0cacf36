//! `/campaigns/ID/recipients/PLACE`: all that is known of one recipient.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use campaign::{CampaignId, FlowLabels, Seq};
use control::{
    AnswerReport, AttemptReport, CampaignReport, Control, Problem, RecipientDetails, ResolutionReport, Right,
};
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;

use crate::failure::Failure;
use crate::page::campaign::answers::labels;
use crate::page::campaign::recipients::state;
use crate::page::campaign::tab;
use crate::page::campaign::tabs::Tab;
use crate::part::alert::done;
use crate::part::button::{Weight, form};
use crate::part::card::card;
use crate::part::timeline::{Event, timeline};
use crate::session::Console;
use crate::viewer::Viewer;
use crate::words::{Tone, answer, attempt, capital, time};

/// What was done before the page was opened.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    done: String,
}

/// What is known of a recipient.
struct Known {
    report: CampaignReport,
    details: RecipientDetails,
    answers: Vec<AnswerReport>,
    /// The words of the flow for the answers.
    labels: FlowLabels,
    /// The whole number, if the person asked for it.
    number: Option<String>,
}

/// `GET /campaigns/ID/recipients/PLACE`
pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path((id, seq)): Path<(i64, i32)>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Failure> {
    let known = read(&console.control, &viewer, (id, seq)).await?;
    Ok(draw(&viewer, &known, &asked))
}

async fn read(control: &Control, viewer: &Viewer, (id, seq): (i64, i32)) -> Result<Known, Failure> {
    let (reader, caller, id) = (control.reader().await?, &viewer.caller, CampaignId(id));
    let report = Box::pin(reader.report(caller, id)).await?;
    let details = Box::pin(reader.recipient(caller, id, Seq(seq))).await?;
    let answers = if caller.rights.has(Right::ViewAnswers) && details.recipient.answered_at.is_some() {
        Box::pin(reader.answers_of(caller, id, Seq(seq))).await?
    } else {
        Vec::new()
    };
    let labels = if answers.is_empty() {
        FlowLabels::default()
    } else {
        Box::pin(labels(&reader, caller, id)).await?
    };
    Ok(Known { report, details, answers, labels, number: None })
}

/// `POST /campaigns/ID/recipients/PLACE/number`: the same page with the whole number; it is in no address.
pub(crate) async fn number(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path((id, seq)): Path<(i64, i32)>,
) -> Result<Response, Failure> {
    let shown = console.control.reveal_number(&viewer.caller, CampaignId(id), Seq(seq)).await;
    let number = match shown {
        Ok(shown) => shown.number.unwrap_or_else(|| "erased".into()),
        Err(error) if error.problem() == Problem::LogInAgain => {
            let page = format!("/log-in?next=%2Fcampaigns%2F{id}%2Frecipients%2F{seq}");
            return Ok(Redirect::to(&page).into_response());
        }
        Err(error) => return Err(error.into()),
    };
    let known = read(&console.control, &viewer, (id, seq)).await?;
    let known = Known { number: Some(number), ..known };
    Ok(draw(&viewer, &known, &Asked::default()).into_response())
}

/// `POST /campaigns/ID/recipients/PLACE/suppress`
pub(crate) async fn suppress(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path((id, seq)): Path<(i64, i32)>,
) -> Result<Redirect, Failure> {
    console.control.suppress_recipient(&viewer.caller, CampaignId(id), Seq(seq)).await?;
    Ok(Redirect::to(&format!("/campaigns/{id}/recipients/{seq}?done=suppressed")))
}

fn draw(viewer: &Viewer, known: &Known, asked: &Asked) -> Markup {
    let Known { report, details, answers, number, .. } = known;
    let (recipient, rights) = (&details.recipient, &viewer.caller.rights);
    let own = format!("/campaigns/{}/recipients/{}", report.campaign_id, recipient.seq);
    let facts = html! {
        dl class="facts" {
            dt { "Number" }
            dd { @if let Some(number) = number { b { (number) } } @else { (recipient.number) } }
            dt { "State" } dd { (state(recipient)) }
            @if let Some(reason) = &recipient.reason { dt { "Reason" } dd { (capital(reason)) @if let Some(code) = &recipient.reason_code { " " code { (code) } } } }
            dt { "Place in the list" } dd { (recipient.seq) }
            dt { "Country code" } dd { "+" (recipient.calling_code) }
            dt { "Requests" } dd { (recipient.attempts) }
        }
        div class="actions" {
            @if number.is_none() && rights.has(Right::Numbers) { (form(&format!("{own}/number"), "Show number", Weight::Plain)) }
            @if rights.has(Right::Suppress) { (form(&format!("{own}/suppress"), "Never send to this person again", Weight::Danger)) }
        }
    };
    let mut events = events(details);
    events.extend(answers.iter().map(|row| of_answer(row, &known.labels)));
    events.sort_by_key(|(at, ..)| *at);
    let drawn = |(at, text, tone): (Timestamp, Markup, Tone)| Event {
        at: time::element(at, viewer.visit.now, &viewer.zone),
        text,
        tone,
    };
    let events: Vec<Event> = events.into_iter().map(drawn).collect();
    let body = html! {
        @if asked.done == "suppressed" { (done("The person is on the suppression list of every sender and gets no further message.")) }
        div class="cols" {
            (card("What happened", None, &html! { @if events.is_empty() { p class="aside" { "Nothing was sent yet." } } @else { (timeline(&events)) } }))
            (card("Recipient", None, &facts))
        }
    };
    tab::page(viewer, report, Tab::Recipients, &body)
}

type Happened = (Timestamp, Markup, Tone);

/// Requests, receipts and resolutions.
fn events(details: &RecipientDetails) -> Vec<Happened> {
    let recipient = &details.recipient;
    let receipts =
        [(recipient.delivered_at, "Delivered", Tone::Good), (recipient.read_at, "Read", Tone::Good)];
    let mut events: Vec<Happened> = details.attempts.iter().map(of_attempt).collect();
    events.extend(details.resolutions.iter().map(of_resolution));
    events.extend(
        receipts.into_iter().filter_map(|(at, text, tone)| Some((at?, html! { b { (text) } }, tone))),
    );
    if let Some(at) = recipient.undelivered_at {
        let reason = recipient.undelivered_reason.as_deref().unwrap_or("no reason given");
        let text = html! { b { "Not delivered: " } (reason) @if let Some(code) = &recipient.undelivered_code { " " code { (code) } } };
        events.push((at, text, Tone::Bad));
    }
    events
}

fn of_attempt(row: &AttemptReport) -> Happened {
    let (text, tone) = attempt::outcome(&row.outcome);
    let text = html! {
        b { (text) }
        @if let Some(reason) = &row.reason { ": " (reason) }
        @if let Some(code) = &row.code { " " code { (code) } }
        @if let Some(latency) = row.latency_ms { " · answered in " (format!("{latency:.0} ms")) }
        @if row.late { " · the recipient had been resolved before" }
    };
    (row.sent_at.unwrap_or(row.recorded_at), text, tone)
}

fn of_resolution(row: &ResolutionReport) -> Happened {
    let text = html! {
        b { (row.actor.as_deref().unwrap_or(&row.resolved_by)) } " resolved: " (attempt::resolved(&row.to_state))
        @if let Some(reason) = &row.reason { " (" (reason) ")" }
    };
    (row.resolved_at, text, Tone::Quiet)
}

fn of_answer(row: &AnswerReport, labels: &FlowLabels) -> Happened {
    let text = html! {
        b { "Answered" }
        @if row.from_other_number { " from another number" }
        dl class="facts" { @for (field, value) in answer::fields(&row.answer, labels) { dt { (field) } dd { (value) } } }
    };
    (row.answered_at, text, Tone::Good)
}

#[cfg(test)]
mod tests {
    use campaign::CampaignState;

    use super::*;
    use crate::page::campaign::recipients::tests::recipient;
    use crate::viewer::tests::viewer;
    use crate::words::state::tests::report;

    #[test]
    fn a_recipient_has_a_timeline_and_its_answers_are_text() {
        let attempt = AttemptReport {
            claim_id: 1,
            sent_at: "2026-11-30T09:00:00Z".parse().ok(),
            recorded_at: "2026-11-30T09:00:01Z".parse().unwrap(),
            latency_ms: Some(120.4),
            http_status: Some(200),
            outcome: "accepted".into(),
            late: false,
            code: None,
            reason: None,
        };
        let answer = AnswerReport {
            seq: 42,
            answer_id: "a".into(),
            answered_at: "2026-11-30T09:30:00Z".parse().unwrap(),
            answer: serde_json::json!({ "comment": "<img src=x onerror=alert(1)>", "stars": ["4", "5"] }),
            from_other_number: false,
        };
        let details =
            RecipientDetails { recipient: recipient(), attempts: vec![attempt], resolutions: Vec::new() };
        let known = Known {
            report: report(CampaignState::Finished),
            details,
            answers: vec![answer],
            labels: FlowLabels::default(),
            number: None,
        };
        let page = draw(&viewer(), &known, &Asked::default()).into_string();
        for expected in [
            "<b>Accepted</b> · answered in 120 ms",
            "<dd>&lt;img src=x onerror=alert(1)&gt;</dd>",
            "<dd>4, 5</dd>",
            "Never send to this person again",
        ] {
            assert!(page.contains(expected), "{expected} is not in {page}");
        }
        assert!(!page.contains("Show number"), "a marketer without the right sees masked numbers only");
        assert!(page.find("Accepted").unwrap() < page.find("<b>Answered").unwrap());
    }
}
