//! `/campaigns/ID/resolve`: a decision about unconfirmed recipients.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use campaign::{CampaignId, Resolution};
use control::Resolve;
use maud::html;
use serde::Deserialize;

use crate::failure::Failure;
use crate::page::ask::{choice, reason};
use crate::page::campaign::action::{Subject, beside_form};
use crate::session::Console;
use crate::viewer::Viewer;
use crate::words::number::counted;

/// The decision, and why.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Filled {
    #[serde(default)]
    decision: String,
    #[serde(default)]
    reason: String,
}

/// `GET /campaigns/ID/resolve`
pub(crate) async fn ask(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
) -> Result<Response, Failure> {
    draw(&console, &viewer, id, (&Filled::default(), None)).await
}

async fn draw(
    console: &Console,
    viewer: &Viewer,
    id: i64,
    (filled, error): (&Filled, Option<String>),
) -> Result<Response, Failure> {
    let subject = Subject::read(console, viewer, CampaignId(id)).await?;
    let options = [
        (
            Resolution::GiveUp.word().to_owned(),
            html! { b { "Give up" } ": nobody gets the message twice; those who did not get it do not get it" },
        ),
        (
            Resolution::Resend.word().to_owned(),
            html! { b { "Send again" } ": everybody gets the message; some get it twice" },
        ),
    ];
    let body = html! {
        p {
            (counted(subject.report.unknown, "recipient is", "recipients are"))
            " unconfirmed: the connection broke, and the provider may have accepted the message. A delivery receipt resolves a \
            recipient by itself; wait for receipts before you decide."
        }
        (choice("decision", "Decision for all of them", &options, &filled.decision))
        (reason(&filled.reason))
    };
    let address = format!("/campaigns/{id}/resolve");
    Ok(subject.ask("Resolve unconfirmed recipients", "Resolve", body, error).draw(viewer, &address))
}

/// `POST /campaigns/ID/resolve`
pub(crate) async fn resolve(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
    Form(filled): Form<Filled>,
) -> Result<Response, Failure> {
    let known = [Resolution::GiveUp, Resolution::Resend];
    let resolution = known.into_iter().find(|resolution| resolution.word() == filled.decision);
    let Some(resolution) = resolution.filter(|_| !filled.reason.trim().is_empty()) else {
        let text = "choose a decision and write a reason; nothing was changed";
        return draw(&console, &viewer, id, (&filled, Some(text.into()))).await;
    };
    let wanted = Resolve { resolution, seqs: Vec::new(), reason: filled.reason.trim().to_owned() };
    match console.control.resolve_recipients(&viewer.caller, CampaignId(id), &wanted).await {
        Ok(done) => {
            let n = done.resent + done.failed;
            Ok(Redirect::to(&format!("/campaigns/{id}?done=resolved&n={n}")).into_response())
        }
        Err(error) => draw(&console, &viewer, id, (&filled, Some(beside_form(error)?))).await,
    }
}
