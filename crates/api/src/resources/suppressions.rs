//! `/suppressions`

use std::sync::Arc;

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use axum::response::Response;
use control::{NumberLookup, Page, SuppressedNumber, SuppressionView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admission::Api;
use crate::body::{Path, Query, Question, Reader, Write};
use crate::page::{self, PageQuery};
use crate::problem::Failure;
use crate::resources::changed;

/// A number to suppress.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSuppression {
    /// The phone number with its country code.
    number: String,
    /// Name of the sender; left out or `null`: every sender.
    #[serde(default)]
    sender: Option<String>,
}

/// A number to look up.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NumberQuestion {
    /// The phone number with its country code.
    number: String,
}

/// List the suppression list, the newest entries first
#[utoipa::path(get, path = "/suppressions", tag = "suppressions", params(PageQuery),
    responses((status = 200, body = Page<SuppressionView>)))]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<PageQuery>,
) -> Result<Response, Failure> {
    Ok(page::answer(&uri, &api.control.suppressions(&caller, &query.into()).await?))
}

/// Suppress a number for a sender, or for every sender
#[utoipa::path(post, path = "/suppressions", tag = "suppressions", request_body = NewSuppression,
    responses((status = 201, body = SuppressedNumber)))]
pub(crate) async fn add(
    State(api): State<Arc<Api>>,
    Write { caller, body }: Write<NewSuppression>,
) -> Result<Response, Failure> {
    let added = api.control.suppress(&caller, &body.number, body.sender.as_deref()).await?;
    Ok(changed(StatusCode::CREATED, &added))
}

/// Look up a number
#[utoipa::path(post, path = "/suppressions/lookup", tag = "suppressions", request_body = NumberQuestion,
    responses((status = 200, body = NumberLookup)))]
pub(crate) async fn lookup(
    State(api): State<Arc<Api>>,
    Question { caller, body }: Question<NumberQuestion>,
) -> Result<Json<NumberLookup>, Failure> {
    Ok(Json(api.control.look_up_number(&caller, &body.number).await?))
}

/// Remove the person of an entry from the list of its sender, or from the list for every sender
#[utoipa::path(delete, path = "/suppressions/{id}", tag = "suppressions",
    params(("id" = i64, description = "Number of the entry")), responses((status = 204, description = "removed")))]
pub(crate) async fn remove(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(id): Path<i64>,
) -> Result<StatusCode, Failure> {
    api.control.remove_suppression(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
