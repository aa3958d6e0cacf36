//! `/campaigns/ID/recipients`: the recipients of a campaign, by state and code, with masked numbers.

pub(crate) mod one;

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use campaign::{CampaignId, RecipientState};
use control::{CampaignReport, Page as Rows, PageRequest, RecipientReport, Right};
use maud::{Markup, html};
use serde::Deserialize;
use url::form_urlencoded::Serializer;

use crate::failure::Failure;
use crate::page::campaign::export;
use crate::page::campaign::tab;
use crate::page::campaign::tabs::Tab;
use crate::part::badge::badge;
use crate::part::card::{empty, flush};
use crate::part::filter::{Choice, filter_bar, search, select};
use crate::part::table::{Kind, column, table};
use crate::session::Console;
use crate::viewer::Viewer;
use crate::words::{Tone, capital, kind, recipient, time};

/// Which recipients are shown.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    state: String,
    code: String,
    after: String,
}

impl Asked {
    fn next(&self, campaign: i64, after: &str) -> String {
        let mut query = Serializer::new(String::new());
        for (name, value) in [("state", &self.state), ("code", &self.code)] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        format!("/campaigns/{campaign}/recipients?{}", query.append_pair("after", after).finish())
    }
}

/// `GET /campaigns/ID/recipients`
pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Failure> {
    let (reader, caller, id) = (console.control.reader().await?, &viewer.caller, CampaignId(id));
    let report = reader.report(caller, id).await?;
    let request =
        PageRequest { after: Some(asked.after.clone()).filter(|after| !after.is_empty()), limit: None };
    let code = Some(asked.code.trim()).filter(|code| !code.is_empty());
    let rows = reader.recipients(caller, id, (kind::of(&asked.state), code), &request).await?;
    Ok(draw(&viewer, &report, &asked, &rows))
}

fn draw(viewer: &Viewer, report: &CampaignReport, asked: &Asked, rows: &Rows<RecipientReport>) -> Markup {
    let id = report.campaign_id;
    let mut kinds: Vec<Choice<'_>> = vec![("", "All recipients")];
    kinds.extend(kind::ALL.iter().map(|own| (kind::word(*own), kind::label(*own))));
    let fields = html! {
        (select("state", "State", &kinds, &asked.state))
        (search("code", "Code", "such as 131026", &asked.code))
    };
    let own = format!("/campaigns/{id}/recipients");
    let columns = [
        column("Number", Kind::Name),
        column("State", Kind::Text),
        column("Reason", Kind::Quiet),
        column("Changed", Kind::Quiet),
        column("Attempts", Kind::Number),
        column("Row", Kind::Number),
    ];
    let lines: Vec<Vec<Markup>> = rows.items.iter().map(|row| line(viewer, id, row)).collect();
    // The kinds that a download has, for people who may see numbers.
    let download = viewer.may(Right::Numbers).then(|| export::with(id, &asked.state));
    let is_filtered = !(asked.state.is_empty() && asked.code.is_empty());
    let body = html! {
        (filter_bar(&own, &fields, is_filtered))
        @if lines.is_empty() { (empty("No recipient found", &html! { "No recipient of this campaign is in this state with this code." }, None)) }
        @else { (table("Recipients in the order of the lists", &columns, &lines)) }
        div class="pager" {
            span { "Numbers are masked" @if let Some(address) = &download { ". " a href=(address) { "Download…" } } }
            @if !asked.after.is_empty() { a href=(asked.next(id, "")) { "← First" } }
            @if let Some(after) = &rows.next { a href=(asked.next(id, after)) { "Next →" } }
        }
    };
    tab::page(viewer, report, Tab::Recipients, &flush(None, &body))
}

fn line(viewer: &Viewer, campaign: i64, row: &RecipientReport) -> Vec<Markup> {
    let reason = row.undelivered_reason.as_deref().or(row.reason.as_deref());
    let code = row.undelivered_code.as_deref().or(row.reason_code.as_deref());
    vec![
        html! { a class="title" href={ "/campaigns/" (campaign) "/recipients/" (row.seq) } { (row.number) } },
        state(row),
        html! {
            @if let Some(reason) = reason { (capital(reason)) " " }
            @if let Some(code) = code.filter(|code| Some(*code) != reason) { code { (code) } }
        },
        html! { @if let Some(at) = row.changed_at { (time::element(at, viewer.visit.now, &viewer.zone)) } },
        html! { (row.attempts) },
        html! { (row.seq) },
    ]
}

/// The state of a recipient, with what was reported after the message was accepted.
fn state(row: &RecipientReport) -> Markup {
    let Ok(state) = row.state.parse::<RecipientState>() else { return badge(Tone::Quiet, &row.state) };
    match state {
        RecipientState::Accepted if row.undelivered_at.is_some() => badge(Tone::Bad, "Undelivered"),
        RecipientState::Accepted if row.answered_at.is_some() => badge(Tone::Good, "Answered"),
        RecipientState::Accepted if row.read_at.is_some() => badge(Tone::Good, "Read"),
        RecipientState::Accepted if row.delivered_at.is_some() => badge(Tone::Good, "Delivered"),
        _ => badge(tone(state), recipient::label(state)),
    }
}

fn tone(state: RecipientState) -> Tone {
    match state {
        RecipientState::Accepted => Tone::Good,
        RecipientState::Failed => Tone::Bad,
        RecipientState::Unknown | RecipientState::Retry => Tone::Warn,
        RecipientState::Sending => Tone::Info,
        RecipientState::Pending
        | RecipientState::Skipped
        | RecipientState::Expired
        | RecipientState::Cancelled => Tone::Quiet,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use campaign::CampaignState;

    use super::*;
    use crate::viewer::tests::viewer;
    use crate::words::state::tests::report;

    pub(crate) fn recipient() -> RecipientReport {
        RecipientReport {
            seq: 42,
            number: "2547••••••34".into(),
            calling_code: "254".into(),
            state: "failed".into(),
            reason_code: Some("131026".into()),
            reason: Some("not on <WhatsApp>".into()),
            attempts: 2,
            changed_at: "2026-11-30T10:00:00Z".parse().ok(),
            first_sent_at: "2026-11-30T09:00:00Z".parse().ok(),
            last_sent_at: "2026-11-30T10:00:00Z".parse().ok(),
            delivered_at: None,
            read_at: None,
            undelivered_at: None,
            undelivered_code: None,
            undelivered_reason: None,
            answered_at: None,
        }
    }

    #[test]
    fn recipients_have_masked_numbers_their_state_and_an_escaped_reason() {
        let rows = Rows { items: vec![recipient()], next: Some("42".into()) };
        let asked = Asked { state: "failed".into(), code: "a&b".into(), after: "1".into() };
        let page = draw(&viewer(), &report(CampaignState::Finished), &asked, &rows).into_string();
        for expected in [
            r#"<a class="title" href="/campaigns/7/recipients/42">2547••••••34</a>"#,
            r#"<span class="badge bad">Failed</span>"#,
            "Not on &lt;WhatsApp&gt; <code>131026</code>",
            "/campaigns/7/recipients?state=failed&amp;code=a%26b&amp;after=42",
            r#"<option value="failed" selected>Failed</option>"#,
            r#"<a href="/campaigns/7/recipients" aria-current="page">Recipients</a>"#,
        ] {
            assert!(page.contains(expected), "{expected} is not in {page}");
        }
        assert!(!page.contains("/download"), "whole numbers need a right");
        let mut with_numbers = viewer();
        with_numbers.caller.rights =
            [Right::View, Right::ViewRecipients, Right::Numbers].into_iter().collect();
        for (state, link) in
            [("failed", "?chosen=failed"), ("undelivered", "?chosen=not_delivered"), ("", "")]
        {
            let asked = Asked { state: state.into(), ..Asked::default() };
            let page = draw(&with_numbers, &report(CampaignState::Finished), &asked, &rows).into_string();
            assert!(
                page.contains(&format!("href=\"/campaigns/7/download{link}\"")),
                "{link} is not in {page}"
            );
        }
        let delivered =
            RecipientReport { state: "accepted".into(), delivered_at: recipient().changed_at, ..recipient() };
        assert!(state(&delivered).into_string().contains("good\">Delivered"));
    }
}
