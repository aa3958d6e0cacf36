//! `/campaigns/ID/retry`: the message is sent again to failed or undelivered recipients.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use campaign::CampaignId;
use control::{ResendClass, ResendCount, Retry};
use maud::{Markup, html};
use serde::Deserialize;

use crate::failure::Failure;
use crate::page::ask::{choice, reason};
use crate::page::campaign::action::{Subject, beside_form};
use crate::session::Console;
use crate::viewer::Viewer;
use crate::words::capital;
use crate::words::number::counted;

/// Whom to send to again, and why.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Filled {
    /// `CLASS` for all of a class, `CLASS CODE` for those with a code.
    #[serde(default)]
    who: String,
    #[serde(default)]
    reason: String,
}

/// `GET /campaigns/ID/retry`
pub(crate) async fn ask(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
    Query(filled): Query<Filled>,
) -> Result<Response, Failure> {
    draw(&console, &viewer, id, (&filled, None)).await
}

async fn draw(
    console: &Console,
    viewer: &Viewer,
    id: i64,
    (filled, error): (&Filled, Option<String>),
) -> Result<Response, Failure> {
    let subject = Subject::read(console, viewer, CampaignId(id)).await?;
    let counts = console.control.resend_counts(&viewer.caller, CampaignId(id)).await?;
    let body = body(&counts, filled);
    // Without a choice there is nothing to send.
    let button = if counts.is_empty() { "" } else { "Retry" };
    Ok(subject
        .ask("Retry failed recipients", button, body, error)
        .draw(viewer, &format!("/campaigns/{id}/retry")))
}

fn body(counts: &[ResendCount], filled: &Filled) -> Markup {
    let mut options: Vec<(String, Markup)> = Vec::new();
    for class in [ResendClass::Failed, ResendClass::Undelivered] {
        let own: Vec<&ResendCount> = counts.iter().filter(|count| count.class == class).collect();
        let all: i64 = own.iter().map(|count| count.recipients).sum();
        if all == 0 {
            continue;
        }
        let label = html! { b { "All " (name(class)) } ": " (counted(all, "recipient", "recipients")) };
        options.push((class.word().to_owned(), label));
        for count in own.iter().filter(|count| count.code.is_some() && count.recipients < all) {
            let code = count.code.as_deref().unwrap_or_default();
            let text = count.reason.as_deref().unwrap_or(code);
            let label = html! { (capital(text)) " " code { (code) } ": " (counted(count.recipients, "recipient", "recipients")) };
            options.push((format!("{} {code}", class.word()), label));
        }
    }
    let chosen = options.iter().find(|(value, _)| *value == filled.who).or(options.first());
    let chosen = chosen.map(|(value, _)| value.clone()).unwrap_or_default();
    html! {
        p { "The message is sent again, as a new attempt. Correct the cause first. A completed campaign runs again." }
        @if options.is_empty() { p { b { "No recipient failed, and none is undelivered." } } }
        @else { (choice("who", "Whom", &options, &chosen)) (reason(&filled.reason)) }
    }
}

fn name(class: ResendClass) -> &'static str {
    match class {
        ResendClass::Failed => "failed",
        ResendClass::Undelivered => "undelivered",
    }
}

/// `POST /campaigns/ID/retry`
pub(crate) async fn retry(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
    Form(filled): Form<Filled>,
) -> Result<Response, Failure> {
    let (class, code) = match filled.who.split_once(' ') {
        Some((class, code)) => (class, Some(code.to_owned())),
        None => (filled.who.as_str(), None),
    };
    let class = [ResendClass::Failed, ResendClass::Undelivered].into_iter().find(|own| own.word() == class);
    let Some(class) = class.filter(|_| !filled.reason.trim().is_empty()) else {
        let text = "choose recipients and write a reason; nothing was changed";
        return draw(&console, &viewer, id, (&filled, Some(text.into()))).await;
    };
    let wanted = Retry { class, code, reason: filled.reason.trim().to_owned() };
    match console.control.retry_recipients(&viewer.caller, CampaignId(id), &wanted).await {
        Ok(done) => {
            Ok(Redirect::to(&format!("/campaigns/{id}?done=retried&n={}", done.resent)).into_response())
        }
        Err(error) => draw(&console, &viewer, id, (&filled, Some(beside_form(error)?))).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_a_choice_with_its_count_and_texts_are_escaped() {
        let count = |code: Option<&str>, recipients| ResendCount {
            class: ResendClass::Failed,
            code: code.map(str::to_owned),
            reason: code.map(|_| "not on <WhatsApp>".to_owned()),
            recipients,
        };
        let shown = body(&[count(Some("131026"), 842), count(None, 3)], &Filled::default()).into_string();
        for expected in [
            r#"value="failed" required checked"#,
            "<b>All failed</b>: 845 recipients",
            r#"value="failed 131026""#,
            "Not on &lt;WhatsApp&gt; <code>131026</code>: 842 recipients",
        ] {
            assert!(shown.contains(expected), "{expected} is not in {shown}");
        }
        assert!(body(&[], &Filled::default()).into_string().contains("none is undelivered"));
    }
}
