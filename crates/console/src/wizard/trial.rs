//! Test messages to up to five numbers, with the answers of the provider.
//!
//! **Invariant.** Numbers are in no address. A form that is sent twice sends each message once.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use campaign::{CampaignId, Msisdn, MsisdnError};
use control::{Error, TestMessage, TestResult};
use futures::future::join_all;
use maud::{Markup, html};
use uuid::Uuid;

use crate::frame::sentence;
use crate::local_number::{LocalCountry, with_code};
use crate::part::alert::form_error;
use crate::part::badge::badge;
use crate::part::button::{Weight, submit};
use crate::part::card::card;
use crate::part::table::{Kind, column, table};
use crate::session::Console;
use crate::viewer::Viewer;
use crate::wizard::fields::Fields;
use crate::wizard::message::{Sent, once};
use crate::wizard::{Exit, check, draft};
use crate::words::Tone;

/// The most numbers of one form.
const MOST: usize = 5;

/// The form of test messages after it was sent.
#[derive(Default)]
pub(crate) struct Trial {
    /// The answers of the provider, or what is wrong with the form.
    answers: Markup,
    /// What was written into the form.
    written: String,
}

impl Trial {
    /// The card with the form and the last answers.
    pub(crate) fn card(&self, id: i64) -> Markup {
        let body = html! {
            (self.answers)
            form class="stack narrow-form" method="post" action={ "/campaigns/" (id) "/test" } {
                input type="hidden" name="once" value=(Uuid::new_v4());
                div class="field" {
                    label for="f-numbers" { "Phone numbers" }
                    textarea id="f-numbers" name="numbers" rows="2" maxlength="400" required autocomplete="off" aria-describedby="h-numbers" { "\n" (self.written) }
                    p class="hint" id="h-numbers" { "Up to " (MOST) " numbers with their country codes, such as +254 712 000 001, one in a line. Variables show their names. Test messages cost as usual and count in no report." }
                }
                div class="actions" { (submit("Send test message", Weight::Plain)) }
            }
        };
        card("Send a test message", None, &body)
    }
}

/// `POST /campaigns/ID/test`
pub(crate) async fn send(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
    Form(sent): Sent,
) -> Result<Response, Exit> {
    draft(&console, &viewer, id).await?;
    let fields = Fields::sent(sent);
    let written = fields.get("numbers").to_owned();
    let numbers = match numbers(&written, console.country.as_ref()) {
        Ok(numbers) => numbers,
        Err(text) => {
            let page = Box::pin(check::page(
                &console,
                &viewer,
                id,
                (0, &Trial { answers: form_error(&text), written }),
            ))
            .await?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
    };
    let send = async |(n, (written, to)): (usize, &(String, Msisdn))| {
        let key = format!("{}-{n}", fields.get("once"));
        let caller = once(&viewer.caller, &key, &(id, to.to_string()));
        let test =
            TestMessage { campaign: CampaignId(id), sender: None, to: *to, variables: BTreeMap::new() };
        let answer = console.control.send_test_once(&caller, &test).await;
        (written.clone(), answer.map(|done| done.result))
    };
    let answers = join_all(numbers.iter().enumerate().map(send)).await;
    Ok(Box::pin(check::page(&console, &viewer, id, (0, &Trial { answers: drawn(&answers), written })))
        .await?
        .into_response())
}

/// The numbers of a text, each with what was written; the error says what is wrong.
fn numbers(text: &str, local: Option<&LocalCountry>) -> Result<Vec<(String, Msisdn)>, String> {
    let written = text.split(['\n', ',', ';']).map(str::trim).filter(|line| !line.is_empty());
    let read = |line: &str| {
        let number = Msisdn::parse(&with_code(line, local), None);
        let wrong = |error| match error {
            MsisdnError::NoCountryCode => "write the number with its country code, such as +254".to_owned(),
            other => MsisdnError::sentence(other).to_owned(),
        };
        number.map(|number| (line.to_owned(), number)).map_err(|error| format!("“{line}”: {}.", wrong(error)))
    };
    let mut numbers: Vec<(String, Msisdn)> = written.map(read).collect::<Result<_, _>>()?;
    let mut seen = Vec::new();
    numbers.retain(|(_, number)| {
        let is_new = !seen.contains(number);
        seen.push(*number);
        is_new
    });
    match numbers.len() {
        0 => Err("Write at least one number.".into()),
        1..=MOST => Ok(numbers),
        n => Err(format!("These are {n} numbers; write at most {MOST}.")),
    }
}

/// The answers of the provider.
fn drawn(answers: &[(String, Result<TestResult, Error>)]) -> Markup {
    let columns = [column("Number", Kind::Name), column("Answer", Kind::Text), column("Details", Kind::Text)];
    let row = |(number, answer): &(String, Result<TestResult, Error>)| {
        let (label, details) = match answer {
            Ok(result) => (verdict(result), details(result)),
            Err(error) => (badge(Tone::Bad, "Not sent"), html! { (sentence(&error.to_string())) }),
        };
        vec![html! { span class="title" { (number) } }, label, details]
    };
    let rows: Vec<Vec<Markup>> = answers.iter().map(row).collect();
    html! { div role="status" { (table("Answers of the provider to the test messages", &columns, &rows)) } }
}

fn verdict(result: &TestResult) -> Markup {
    match result.verdict.as_str() {
        "accepted" => badge(Tone::Good, "Accepted"),
        "unknown" => badge(Tone::Warn, "Unconfirmed"),
        "throttled" | "retry" => badge(Tone::Warn, "Not accepted now"),
        _ => badge(Tone::Bad, "Refused"),
    }
}

fn details(result: &TestResult) -> Markup {
    html! {
        (crate::words::provider::name(&result.provider)) " answered in " (result.milliseconds) " ms"
        @if let Some(code) = &result.code { ", code " code { (code) } }
        @if let Some(text) = &result.text { ": " (text) }
        @if let Some(details) = &result.details { ". The provider says: " (details) }
        @if let Some(id) = &result.trace_id { ", fbtrace_id " code { (id) } }
        @if result.is_held { ", held back for a check of the template's quality" }
        @if let Some(id) = &result.provider_message_id { ", message id " code { (id) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn up_to_five_numbers_are_read_each_once() {
        let read = |text: &str| numbers(text, None).map(|numbers| numbers.len());
        assert_eq!(read("+254 712 000 001\n+254712000001, +254712000002;\n"), Ok(2));
        assert!(read("").unwrap_err().contains("at least one"));
        let six = ["1", "2", "3", "4", "5", "6"].map(|n| format!("+25471200000{n}")).join("\n");
        assert!(read(&six).unwrap_err().contains("at most 5"), "{:?}", read(&six));
        let without = read("+254712000001\n0712 000 003").unwrap_err();
        assert_eq!(without, "“0712 000 003”: write the number with its country code, such as +254.");
        let kenya = LocalCountry::of("KE");
        assert_eq!(numbers("0712 000 003", kenya.as_ref()).map(|numbers| numbers.len()), Ok(1));
    }

    #[test]
    fn each_answer_has_its_verdict_in_words_and_the_text_of_the_provider() {
        let result = |verdict: &str| TestResult {
            provider: "kaleyra".into(),
            verdict: verdict.into(),
            provider_message_id: None,
            code: Some("E110".into()),
            text: Some("Low <balance>".into()),
            details: Some("Top <up>".into()),
            trace_id: Some("AbC".into()),
            is_held: false,
            http_status: Some(402),
            milliseconds: 12,
        };
        let refused = Err(Error::refused(control::Problem::Unavailable, "no slot"));
        let answers = [
            ("+254".to_owned(), Ok(result("stops_sender"))),
            ("+255".to_owned(), Ok(result("accepted"))),
            ("+256".to_owned(), refused),
        ];
        let drawn = drawn(&answers).into_string();
        for expected in [
            "Refused",
            "Accepted",
            "Not sent",
            "Low &lt;balance&gt;",
            "Top &lt;up&gt;",
            "AbC",
            "E110",
            "No slot.",
        ] {
            assert!(drawn.contains(expected), "{expected} is not in {drawn}");
        }
    }
}
