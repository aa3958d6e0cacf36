//! `/system`: the state of the installation, and dead-lettered queue messages.

use std::sync::Arc;

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use control::{DeadLetter, Page, RedrivenLetters, SystemView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admission::Api;
use crate::body::{Query, Reader, Write};
use crate::page::{self, PageQuery};
use crate::problem::Failure;
use crate::resources::changed;

/// Which dead letters are redriven.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Redrive {
    /// Numbers of dead letters; left out or `null`: all that were not redriven yet.
    #[serde(default)]
    ids: Option<Vec<i64>>,
}

/// Read what feeds and sends each sender, and the state of the database
#[utoipa::path(get, path = "/system", tag = "system", responses((status = 200, body = SystemView)))]
pub(crate) async fn show(State(api): State<Arc<Api>>, Reader(caller): Reader) -> Result<Response, Failure> {
    Ok(Json(api.control.system(&caller).await?).into_response())
}

/// List dead-lettered queue messages, the highest number first
#[utoipa::path(get, path = "/system/dead-letters", tag = "system", params(PageQuery),
    responses((status = 200, body = Page<DeadLetter>)))]
pub(crate) async fn dead_letters(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<PageQuery>,
) -> Result<Response, Failure> {
    Ok(page::answer(&uri, &api.control.dead_letters(&caller, &query.into()).await?))
}

/// Publish the recipients of dead-lettered messages again, if they are still waiting
#[utoipa::path(post, path = "/system/dead-letters/redrive", tag = "system", request_body = Redrive,
    responses((status = 200, body = RedrivenLetters)))]
pub(crate) async fn redrive(
    State(api): State<Arc<Api>>,
    Write { caller, body }: Write<Redrive>,
) -> Result<Response, Failure> {
    Ok(changed(StatusCode::OK, &api.control.redrive(&caller, body.ids.as_deref()).await?))
}
