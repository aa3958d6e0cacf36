//! `/campaigns/ID/end`: for good.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use campaign::CampaignId;
use maud::html;
use serde::Deserialize;

use crate::failure::Failure;
use crate::page::ask::Ask;
use crate::page::campaign::action::{Subject, beside_form, waiting};
use crate::part::button::Weight;
use crate::session::Console;
use crate::viewer::Viewer;
use crate::words::number::counted;

/// Above so many waiting recipients the name of the campaign has to be typed.
const MOST_WITHOUT_NAME: i64 = 1_000;

/// The form.
#[derive(Deserialize)]
pub(crate) struct Filled {
    #[serde(default)]
    name: String,
}

/// `GET /campaigns/ID/end`
pub(crate) async fn ask(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
) -> Result<Response, Failure> {
    let subject = Subject::read(&console, &viewer, CampaignId(id)).await?;
    Ok(draw(&viewer, &subject, None))
}

fn draw(viewer: &Viewer, subject: &Subject, error: Option<String>) -> Response {
    let report = &subject.report;
    let left = waiting(report);
    let body = html! {
        p {
            (counted(left, "waiting recipient gets", "waiting recipients get")) " no message. "
            b { "This cannot be undone." } " To stop for some time, pause the campaign instead."
        }
        @if left > MOST_WITHOUT_NAME {
            label {
                "Type the name of the campaign: " (report.name)
                input name="name" required autocomplete="off" maxlength="200" aria-invalid=[error.is_some().then_some("true")];
            }
        }
    };
    let ask = subject.ask("End the campaign", "End campaign", body, error);
    Ask { weight: Weight::Danger, ..ask }.draw(viewer, &format!("/campaigns/{}/end", report.campaign_id))
}

/// `POST /campaigns/ID/end`
pub(crate) async fn end(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
    Form(filled): Form<Filled>,
) -> Result<Response, Failure> {
    let subject = Subject::read(&console, &viewer, CampaignId(id)).await?;
    if waiting(&subject.report) > MOST_WITHOUT_NAME && filled.name.trim() != subject.report.name.trim() {
        let text = "the name is not that of the campaign, and nothing was changed; type it as it stands above the field";
        return Ok(draw(&viewer, &subject, Some(text.into())));
    }
    match console.control.end_campaign(&viewer.caller, CampaignId(id)).await {
        Ok(done) => {
            let n = done.result.cancelled;
            Ok(Redirect::to(&format!("/campaigns/{id}?done=ended&n={n}")).into_response())
        }
        Err(error) => Ok(draw(&viewer, &subject, Some(beside_form(error)?))),
    }
}
