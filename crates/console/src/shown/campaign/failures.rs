//! Why messages of a campaign were not accepted or not delivered.

use control::ErrorReport;
use maud::{Markup, html};
use url::form_urlencoded;

use crate::part::card;
use crate::part::table::{Kind, column, table};
use crate::words::capital;
use crate::words::number::thousands;
use crate::words::recipient::advice;

/// The most reasons that are shown.
const MOST: usize = 12;

/// The card.
pub(crate) fn card(campaign: i64, errors: &[ErrorReport]) -> Markup {
    let columns = [
        column("Reason", Kind::Name),
        column("Recipients", Kind::Number),
        column("What you can do", Kind::Quiet),
    ];
    // Recipients of other classes are sent to again; they have not failed.
    let errors: Vec<&ErrorReport> =
        errors.iter().filter(|error| ["failed", "undelivered", "unknown"].contains(&&*error.class)).collect();
    let rows: Vec<Vec<Markup>> = errors.iter().take(MOST).map(|error| row(campaign, error)).collect();
    let body = html! {
        @if rows.is_empty() { p class="aside" { "No message has failed." } }
        @else { (table("Reasons, the most frequent first", &columns, &rows)) }
        @if errors.len() > MOST { p class="note" { "and " (errors.len() - MOST) " other reasons" } }
    };
    let all = html! { a href={ "/campaigns/" (campaign) "/recipients" } { "All recipients" } };
    card::card("Why messages failed", Some(&all), &body)
}

fn row(campaign: i64, error: &ErrorReport) -> Vec<Markup> {
    let code: String =
        form_urlencoded::byte_serialize(error.code.as_deref().unwrap_or_default().as_bytes()).collect();
    let people = format!("/campaigns/{campaign}/recipients?state={}&code={code}", error.class);
    let reason = error.reason.as_deref().or(error.code.as_deref()).unwrap_or("no reason given");
    vec![
        html! { (capital(reason)) " " @if let Some(code) = error.code.as_ref().filter(|code| *code != reason) { code { (code) } } },
        html! { a href=(people) { (thousands(error.recipients)) } },
        html! { (advice(&error.class)) },
    ]
}
