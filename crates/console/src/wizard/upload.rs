//! `POST /campaigns/ID/list`: a list arrives and its import begins.
//!
//! **Invariant.** Memory does not grow with the list. The request ends when the list has arrived; a job imports it.

use std::sync::Arc;

use axum::extract::multipart::{Field, Multipart};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use campaign::CampaignId;
use control::{ArrivedList, Problem};

use crate::failure::Failure;
use crate::session::Console;
use crate::viewer::Viewer;
use crate::wizard::fields::Fields;
use crate::wizard::{Exit, Step, draft, list, upload_form};

/// The longest option in bytes.
const LONGEST_OPTION: usize = 4_096;
/// The most options.
const MOST_OPTIONS: usize = 20;

/// A form that has arrived.
struct Arrived {
    options: Fields,
    name: String,
    list: ArrivedList,
}

/// `POST /campaigns/ID/list`
pub(crate) async fn send(
    State(console): State<Arc<Console>>,
    viewer: Viewer,
    Path(id): Path<i64>,
    form: Multipart,
) -> Result<Response, Exit> {
    draft(&console, &viewer, id).await?;
    // Before the list is read, which may take minutes.
    console.control.may_import(&viewer.caller, CampaignId(id)).await?;
    let limits = console.uploads.limits;
    let begun = async {
        let _admitted = console.uploads.admit(viewer.caller.name())?;
        let arrived = tokio::time::timeout(limits.timeout, arrive(&console, form)).await;
        let arrived = arrived.map_err(|_| {
            Failure::new(StatusCode::REQUEST_TIMEOUT, "the list did not arrive in time; upload it again")
        })??;
        begin(&console, &viewer, id, arrived).await
    };
    match Box::pin(begun).await {
        Ok(()) => Ok(Redirect::to(&Step::List.address(id)).into_response()),
        // What is wrong with the list is said beside the form.
        Err(failure) if is_about_the_list(failure.status) => {
            let page = Box::pin(list::page(&console, &viewer, id, Some(&failure.text))).await?;
            Ok((failure.status, page).into_response())
        }
        Err(failure) => Err(failure.into()),
    }
}

fn is_about_the_list(status: StatusCode) -> bool {
    status.is_client_error() && status != StatusCode::FORBIDDEN && status != StatusCode::NOT_FOUND
        || status == StatusCode::SERVICE_UNAVAILABLE
}

async fn begin(console: &Console, viewer: &Viewer, id: i64, arrived: Arrived) -> Result<(), Failure> {
    let wrong = |text: String| Failure::new(StatusCode::UNPROCESSABLE_ENTITY, text);
    let upload_form::Options { mut import, list } = upload_form::options(&arrived.options).map_err(wrong)?;
    import.errors = Some(console.control.annotated_file()?);
    let list = arrived.list.open(&arrived.name, list).await?;
    Box::pin(console.control.begin_import(&viewer.caller, CampaignId(id), list, import)).await?;
    Ok(())
}

/// Reads the form; the file is written to a temporary file.
async fn arrive(console: &Console, mut form: Multipart) -> Result<Arrived, Failure> {
    let (mut options, mut file) = (Vec::new(), None);
    while let Some(field) = form.next_field().await.map_err(|_| broken())? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" {
            file = Some(file_of(console, field).await?);
        } else if options.len() < MOST_OPTIONS {
            options.push((name, text_of(field).await?));
        }
    }
    let (name, list) = file.ok_or_else(no_file)?;
    if name.is_empty() {
        return Err(no_file());
    }
    Ok(Arrived { options: Fields::sent(options), name, list })
}

async fn text_of(mut field: Field<'_>) -> Result<String, Failure> {
    let mut text = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|_| broken())? {
        text.extend_from_slice(&chunk);
        if text.len() > LONGEST_OPTION {
            return Err(Failure::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "an option of the list is too long; shorten it",
            ));
        }
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

async fn file_of(console: &Console, mut field: Field<'_>) -> Result<(String, ArrivedList), Failure> {
    let name = field.file_name().unwrap_or_default().to_owned();
    let mut list = console.control.arriving_list(console.uploads.limits.max_bytes)?;
    while let Some(chunk) = field.chunk().await.map_err(|_| broken())? {
        list.add(&chunk).await?;
    }
    Ok((name, list.finish().await?))
}

fn broken() -> Failure {
    let text = "the connection ended before the list was complete; upload it again";
    Failure::new(StatusCode::from_u16(Problem::InvalidBody.http_status()).unwrap_or_default(), text)
}

fn no_file() -> Failure {
    Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "no file was chosen; choose the list, then upload it")
}
