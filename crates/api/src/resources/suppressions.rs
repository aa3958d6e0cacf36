//! `/suppressions`

use std::sync::Arc;

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use axum::response::Response;
use control::{
    CountedSuppressions, ImportOptions, ImportedNumbers, ListOptions, NumberLookup, Page, SuppressedNumber,
    SuppressionView,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::admission::Api;
use crate::body::{Empty, Path, Query, Question, Reader, Write};
use crate::page::{self, PageQuery};
use crate::problem::Failure;
use crate::resources::lists::country;
use crate::resources::{changed, no_content};
use crate::upload::Upload;

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

/// How a list of numbers is read, and for whom the numbers are suppressed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct NumbersQuery {
    /// The file name, for errors.
    #[serde(default)]
    name: Option<String>,
    /// Country of numbers without a country code, two letters of ISO 3166.
    #[serde(default)]
    default_country: Option<String>,
    /// Name of the column with the phone number; left out: found by its name.
    #[serde(default)]
    number_column: Option<String>,
    /// Sheet of a workbook; left out: the first sheet that is not hidden.
    #[serde(default)]
    sheet: Option<String>,
    /// Encoding of a text file; left out: detected.
    #[serde(default)]
    encoding: Option<String>,
    /// Whether hidden rows of a sheet are read.
    #[serde(default)]
    include_hidden: bool,
    /// Name of the sender; left out: every sender.
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

/// Remove a number from the list of a sender, or from the list for every sender
#[utoipa::path(post, path = "/suppressions/remove", tag = "suppressions", request_body = NewSuppression,
    responses((status = 204, description = "removed")))]
pub(crate) async fn remove_number(
    State(api): State<Arc<Api>>,
    Write { caller, body }: Write<NewSuppression>,
) -> Result<Response, Failure> {
    Ok(no_content(&api.control.unsuppress(&caller, &body.number, body.sender.as_deref()).await?))
}

/// Count the entries of the suppression list
#[utoipa::path(get, path = "/suppressions/count", tag = "suppressions",
    responses((status = 200, body = CountedSuppressions)))]
pub(crate) async fn count(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
) -> Result<Json<CountedSuppressions>, Failure> {
    Ok(Json(api.control.count_suppressions(&caller).await?))
}

/// Suppress all numbers of a list for a sender, or for every sender; the body is the file
///
/// CSV, Excel (.xlsx) or JSON Lines, also gzipped. Numbers that are on the list already stay there.
#[utoipa::path(post, path = "/suppressions/import", tag = "suppressions", params(NumbersQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = ImportedNumbers)))]
pub(crate) async fn import(
    State(api): State<Arc<Api>>,
    Query(query): Query<NumbersQuery>,
    upload: Upload,
) -> Result<Json<ImportedNumbers>, Failure> {
    let NumbersQuery { name, default_country, number_column, sheet, encoding, include_hidden, sender } =
        query;
    let default_country = default_country.as_deref().map(country).transpose()?;
    // Before the list is read, which may take minutes.
    api.control.may_suppress(&upload.caller, sender.as_deref()).await?;
    let arrived = upload.arrive(&api).await?;
    let form = ListOptions { sheet, encoding, include_hidden, ..ListOptions::default() };
    let (caller, list) = arrived.open(name.as_deref(), form).await?;
    let options = ImportOptions { default_country, number_column, ..ImportOptions::default() };
    Ok(Json(api.control.import_suppressions(&caller, list, options, sender.as_deref()).await?))
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
    Path(id): Path<i64>,
    Write { caller, body: Empty {} }: Write<Empty>,
) -> Result<StatusCode, Failure> {
    api.control.remove_suppression(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
