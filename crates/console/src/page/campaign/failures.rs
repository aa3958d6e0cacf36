//! Why messages of a campaign were not accepted or not delivered.

use control::ErrorReport;
use maud::{Markup, html};

use crate::part::card;
use crate::part::table::{Kind, column, table};
use crate::words::capital;
use crate::words::number::thousands;
use crate::words::recipient::advice;

/// The most reasons that are shown.
const MOST: usize = 12;

/// The card.
pub(crate) fn card(errors: &[ErrorReport]) -> Markup {
    let columns = [
        column("Reason", Kind::Name),
        column("Recipients", Kind::Number),
        column("What you can do", Kind::Quiet),
    ];
    // Recipients of other classes are sent to again; they have not failed.
    let errors: Vec<&ErrorReport> =
        errors.iter().filter(|error| ["failed", "undelivered", "unknown"].contains(&&*error.class)).collect();
    let rows: Vec<Vec<Markup>> = errors.iter().take(MOST).map(|error| row(error)).collect();
    let body = html! {
        @if rows.is_empty() { p class="aside" { "No message has failed." } }
        @else { (table("Reasons, the most frequent first", &columns, &rows)) }
        @if errors.len() > MOST { p class="note" { "and " (errors.len() - MOST) " other reasons" } }
    };
    card::card("Why messages failed", None, &body)
}

fn row(error: &ErrorReport) -> Vec<Markup> {
    let reason = error.reason.as_deref().or(error.code.as_deref()).unwrap_or("no reason given");
    vec![
        html! { (capital(reason)) " " @if let Some(code) = error.code.as_ref().filter(|code| *code != reason) { code { (code) } } },
        html! { (thousands(error.recipients)) },
        html! { (advice(&error.class)) },
    ]
}
