//! `/campaigns/ID/pause` and `/campaigns/ID/resume`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use campaign::CampaignId;
use maud::html;

use crate::failure::Failure;
use crate::page::campaign::action::{Subject, beside_form, waiting};
use crate::session::Console;
use crate::viewer::Viewer;
use crate::words::number::counted;

/// `GET /campaigns/ID/pause`
pub(crate) async fn ask(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
) -> Result<Response, Failure> {
    draw(&console, &viewer, id, None).await
}

async fn draw(
    console: &Console,
    viewer: &Viewer,
    id: i64,
    error: Option<String>,
) -> Result<Response, Failure> {
    let subject = Subject::read(console, viewer, CampaignId(id)).await?;
    let body = html! {
        p {
            "No further message is sent to the " (counted(waiting(&subject.report), "waiting recipient", "waiting recipients"))
            " within a second. Messages that are being sent are completed. Resume the campaign at any time."
        }
    };
    Ok(subject
        .ask("Pause the campaign", "Pause", body, error)
        .draw(viewer, &format!("/campaigns/{id}/pause")))
}

/// `POST /campaigns/ID/pause`
pub(crate) async fn pause(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
) -> Result<Response, Failure> {
    match console.control.pause_campaign(&viewer.caller, CampaignId(id)).await {
        Ok(_) => Ok(Redirect::to(&format!("/campaigns/{id}?done=paused")).into_response()),
        Err(error) => draw(&console, &viewer, id, Some(beside_form(error)?)).await,
    }
}

/// `POST /campaigns/ID/resume`
pub(crate) async fn resume(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
) -> Result<Redirect, Failure> {
    console.control.resume_campaign(&viewer.caller, CampaignId(id)).await?;
    Ok(Redirect::to(&format!("/campaigns/{id}?done=resumed")))
}
