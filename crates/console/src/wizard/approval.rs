//! The second person of a large campaign: who may start it, and how a start is requested.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use campaign::CampaignId;
use control::{Check, Problem, Right, StartApproval};
use maud::{Markup, html};

use crate::part::alert::alert;
use crate::session::Console;
use crate::viewer::Viewer;
use crate::wizard::fields::Fields;
use crate::wizard::message::{Sent, once};
use crate::wizard::start::{TIMES, refused, seen_fingerprint, unsaved};
use crate::wizard::{Exit, Step};
use crate::words::Tone;
use crate::words::number::{counted, thousands};
use crate::words::time::element;

/// What a person can do with a draft that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Start it.
    Starts,
    /// Request its start.
    Requests,
    /// Wait for another person.
    Waits,
}

/// The role of a viewer.
pub(crate) fn role(viewer: &Viewer, approval: &StartApproval) -> Role {
    let may_start = viewer.caller.rights.has(Right::Send);
    match (approval.is_needed, &approval.requested_by) {
        (true, None) => Role::Requests,
        (true, Some(_)) if approval.is_own => Role::Waits,
        _ if may_start => Role::Starts,
        _ => Role::Waits,
    }
}

/// What the page says of the second person; nothing if none is needed.
pub(crate) fn note(viewer: &Viewer, approval: &StartApproval) -> Markup {
    let Some(above) = approval.approval_above.filter(|_| approval.is_needed) else { return html! {} };
    let above = counted(above.into(), "recipient", "recipients");
    let requested = html! {
        @if let (Some(by), Some(at)) = (&approval.requested_by, approval.requested_at) {
            (by) " requested the start " (element(at, viewer.visit.now, &viewer.zone)) ". "
        }
    };
    let (tone, title, text) = match role(viewer, approval) {
        Role::Requests => (
            Tone::Info,
            "Two people start this campaign",
            html! { "It has more than " (above) ". Request the start; another person who may start campaigns then starts it on this page." },
        ),
        Role::Starts => (
            Tone::Info,
            "You are the second person",
            html! { (requested) "Compare what happens below, then start the campaign. It has more than " (above) ", so that two people look at it." },
        ),
        Role::Waits => (
            Tone::Info,
            "Waiting for another person",
            html! { (requested) "Another person who may start campaigns starts it on this page. An edit or another list ends the request." },
        ),
    };
    alert(tone, title, &html! { p { (text) } }, None)
}

/// The button in the foot of the page. It sends the form of the times.
pub(crate) fn request_button(id: i64, check: &Check) -> Markup {
    let address = format!("{}/request", Step::Start.address(id));
    html! {
        button id="request" type="submit" class="button primary" form=(TIMES) formaction=(address) {
            "Request the start: " (thousands(check.recipients)) " recipients"
        }
    }
}

/// `POST /campaigns/ID/start/request`
pub(crate) async fn send(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
    Form(sent): Sent,
) -> Result<Response, Exit> {
    let fields = Fields::sent(sent);
    let fingerprint = seen_fingerprint(&fields)?;
    if let Some(page) = unsaved(&console, &viewer, id, &fields).await? {
        return Ok(page);
    }
    let caller = once(&viewer.caller, fields.get("once"), &(id, "request", fingerprint));
    let requested = Box::pin(console.control.request_start(&caller, CampaignId(id), Some(fingerprint))).await;
    let Err(error) = requested else {
        return Ok(Redirect::to(&Step::Start.address(id)).into_response());
    };
    match error.problem() {
        Problem::CheckOutdated | Problem::ConflictState => refused(&console, &viewer, id, &error).await,
        _ => Err(error.into()),
    }
}
