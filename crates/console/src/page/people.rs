//! `/recipients`: a person is found by number, and the suppression list. A number is in the body of a form and never in an address.

pub(crate) mod list;

use std::sync::Arc;

use axum::Form;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use campaign::RecipientState;
use control::{Error, FoundNumber, LookupEntry, PageRequest, Problem, Right, SuppressionView};
use maud::{Markup, html};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::failure::Failure;
use crate::frame::{Page, Section, sentence};
use crate::local_number::with_code;
use crate::part::alert::{done, form_error};
use crate::part::button::{Weight, form, submit};
use crate::part::card::{card, flush};
use crate::part::table::{Kind, column, table};
use crate::session::Console;
use crate::viewer::Viewer;
use crate::words::number::counted;
use crate::words::{kind, recipient, suppression, time};

/// What was done before the page was opened, and which page of the suppression list is shown.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    done: Option<Done>,
    n: i64,
    after: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Done {
    Added,
    Removed,
    Imported,
}

impl Done {
    fn text(self, n: i64) -> String {
        match self {
            Self::Added => "The number is on the suppression list and gets no message.".into(),
            Self::Removed => "The person is removed from the suppression list.".into(),
            Self::Imported => {
                format!("{} added to the suppression list.", counted(n, "number was", "numbers were"))
            }
        }
    }
}

/// A phone number, whatever it is for.
#[derive(Deserialize)]
pub(crate) struct Number {
    number: SecretString,
}

/// A form of the page.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Card {
    Find,
    Suppress,
}

/// What the page shows.
#[derive(Default)]
struct Shown {
    found: Option<FoundNumber>,
    error: Option<String>,
    /// The form that was refused, with what was written into it.
    refused: Option<(Card, SecretString)>,
    /// The suppression list; `None`: its length only.
    entries: Option<control::Page<SuppressionView>>,
    total: Option<i64>,
}

/// `GET /recipients`
pub(crate) async fn show(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Markup, Failure> {
    let shown = read(&console, &viewer, &asked.after).await?;
    Ok(draw(&viewer, &asked, &shown))
}

async fn read(console: &Console, viewer: &Viewer, after: &str) -> Result<Shown, Failure> {
    let caller = &viewer.caller;
    if !caller.rights.has(Right::Unsuppress) {
        return Ok(Shown::default());
    }
    let total = console.control.count_suppressions(caller).await?.total;
    // Whole numbers need a fresh log-in and are audited; this page shows masked ones.
    let masked = control::Caller { rights: caller.rights.clone().without(Right::Numbers), ..caller.clone() };
    let request =
        PageRequest { after: Some(after.to_owned()).filter(|after| !after.is_empty()), limit: Some(25) };
    let entries = console.control.suppressions(&masked, &request).await?;
    Ok(Shown { entries: Some(entries), total: Some(total), ..Shown::default() })
}

/// `POST /recipients`: finds a number.
pub(crate) async fn find(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Form(Number { number }): Form<Number>,
) -> Result<Response, Failure> {
    let written = with_code(number.expose_secret(), console.country.as_ref());
    match console.control.find_number(&viewer.caller, &written).await {
        Ok(found) => {
            let shown = Shown { found: Some(found), ..read(&console, &viewer, "").await? };
            Ok(draw(&viewer, &Asked::default(), &shown).into_response())
        }
        Err(error) => refused(&console, &viewer, error, (Card::Find, number)).await,
    }
}

/// `POST /recipients/suppress`
pub(crate) async fn suppress(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Form(Number { number }): Form<Number>,
) -> Result<Response, Failure> {
    let written = with_code(number.expose_secret(), console.country.as_ref());
    match console.control.suppress(&viewer.caller, &written, None).await {
        Ok(_) => Ok(Redirect::to("/recipients?done=added").into_response()),
        Err(error) => refused(&console, &viewer, error, (Card::Suppress, number)).await,
    }
}

/// The page with what is wrong with a number, which stays in its form.
async fn refused(
    console: &Console,
    viewer: &Viewer,
    error: Error,
    form: (Card, SecretString),
) -> Result<Response, Failure> {
    if error.problem() != Problem::InvalidBody {
        return Err(error.into());
    }
    let shown = read(console, viewer, "").await?;
    let shown = Shown { error: Some(error.to_string()), refused: Some(form), ..shown };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, draw(viewer, &Asked::default(), &shown)).into_response())
}

fn draw(viewer: &Viewer, asked: &Asked, shown: &Shown) -> Markup {
    let rights = &viewer.caller.rights;
    let body = html! {
        @if let Some(what) = asked.done { (done(&what.text(asked.n))) }
        @if let Some(error) = &shown.error { (form_error(&sentence(error))) }
        @if rights.has(Right::Suppress) {
            div class="cols even" { (find_card(shown)) (suppress_card(shown)) }
            @if let Some(found) = &shown.found { (found_card(viewer, found)) }
        } @else {
            (card("Find a number", None, &html! { p { "Your role does not include this. Recipients of a campaign are on its page, with masked numbers." } }))
        }
        @if let (Some(entries), Some(total)) = (&shown.entries, shown.total) { (list::card(viewer, asked.after.is_empty(), entries, total)) }
    };
    Page::new("Recipients", Section::Recipients, body).draw(viewer)
}

fn number_field(shown: &Shown, card: Card, hint: &str, id: &str) -> Markup {
    let refused = shown.refused.as_ref().filter(|(own, _)| *own == card);
    let written = refused.map(|(_, number)| number.expose_secret());
    html! {
        label {
            "Phone number"
            input name="number" type="tel" value=[written] aria-invalid=[written.map(|_| "true")] required maxlength="40" autocomplete="off" placeholder="+254 712 345 678" aria-describedby=(id);
            span class="hint" id=(id) { (hint) }
        }
    }
}

fn find_card(shown: &Shown) -> Markup {
    let body = html! {
        form class="form" method="post" action="/recipients" {
            (number_field(shown, Card::Find, "With its country code. Campaigns and suppression list are searched; the search is noted in the activity.", "find-hint"))
            div class="actions" { (submit("Find", Weight::Primary)) }
        }
    };
    card("Find a number", None, &body)
}

fn suppress_card(shown: &Shown) -> Markup {
    let body = html! {
        form class="form" method="post" action="/recipients/suppress" {
            (number_field(shown, Card::Suppress, "Gets no message of any sender from now on.", "suppress-hint"))
            div class="actions" { (submit("Suppress", Weight::Danger)) }
        }
    };
    card("Never send to a number", None, &body)
}

fn found_card(viewer: &Viewer, found: &FoundNumber) -> Markup {
    let columns = [
        column("Campaign", Kind::Name),
        column("State", Kind::Text),
        column("Changed", Kind::Quiet),
        column("Sender", Kind::Quiet),
    ];
    let rows: Vec<Vec<Markup>> = found
        .recipients
        .iter()
        .map(|row| {
            let state = row.state.parse::<RecipientState>().map_or(row.state.as_str(), |state| recipient::label(state));
            let reported = row.report.as_deref().and_then(kind::of).map(kind::label);
            vec![
                html! { a class="title" href={ "/campaigns/" (row.campaign_id) "/recipients/" (row.seq) } { (row.campaign) } },
                html! { (reported.unwrap_or(state)) },
                html! { @if let Some(at) = row.changed_at { (time::element(at, viewer.visit.now, &viewer.zone)) } },
                html! { (row.sender) },
            ]
        })
        .collect();
    let body = html! {
        div class="inset" {
            @if found.entries.is_empty() { p { "Not on the suppression list." } }
            @for entry in &found.entries { p { b { "Suppressed" } " " (entry_text(viewer, entry)) } }
        }
        @if rows.is_empty() { p class="inset" { "In no campaign." } }
        @else { (table("Campaigns with this number, the newest first", &columns, &rows)) }
    };
    flush(Some(&found.masked), &body)
}

fn entry_text(viewer: &Viewer, entry: &LookupEntry) -> Markup {
    html! {
        "for " (entry.sender.as_deref().unwrap_or("every sender")) ": " (suppression::reason(&entry.reason)) ", "
        (time::element(entry.added_at, viewer.visit.now, &viewer.zone)) " "
        @if viewer.caller.rights.has(Right::Unsuppress) {
            (form(&format!("/recipients/suppressions/{}/remove", entry.suppression_id), "Remove", Weight::Plain))
        }
    }
}
