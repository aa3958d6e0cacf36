//! Lists of a campaign: counts, rejected rows, and the sum of all rows.

use std::sync::Arc;

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::HeaderMap;
use axum::response::Response;
use campaign::CampaignId;
use control::{Conservation, ListReport, Page, RejectedRow};
use serde::Serialize;

use crate::admission::Api;
use crate::body::{Path, Query, Reader};
use crate::etag;
use crate::page::{self, PageQuery};
use crate::problem::Failure;
use crate::schema::described;

/// A list of a campaign.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct List(ListReport);
described!(List, "A list of a campaign: its number `list` from 1, and the columns of the view report.import");

/// List the lists of a campaign, in the order of their import
#[utoipa::path(get, path = "/campaigns/{id}/lists", tag = "campaigns",
    params(("id" = i64, description = "Id of the campaign")), responses((status = 200, body = Page<List>)))]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(id): Path<i64>,
) -> Result<Json<Page<List>>, Failure> {
    let lists = api.control.list_reports(&caller, CampaignId(id)).await?;
    Ok(Json(Page { items: lists.into_iter().map(List).collect(), next: None }))
}

/// Show a list of a campaign
#[utoipa::path(get, path = "/campaigns/{id}/lists/{list}", tag = "campaigns",
    params(("id" = i64, description = "Id of the campaign"), ("list" = i64, description = "Number of the list, from 1")),
    responses((status = 200, body = List), (status = 304, description = "not changed")))]
pub(crate) async fn show(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path((id, list)): Path<(i64, i64)>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    Ok(etag::answer(&headers, &List(api.control.list_report(&caller, CampaignId(id), list).await?)))
}

/// List the rejected rows of a list, in the order of their lines; without the right to see numbers, the digits are masked
#[utoipa::path(get, path = "/campaigns/{id}/lists/{list}/rejections", tag = "campaigns",
    params(("id" = i64, description = "Id of the campaign"), ("list" = i64, description = "Number of the list, from 1"), PageQuery),
    responses((status = 200, body = Page<RejectedRow>)))]
pub(crate) async fn rejections(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path((id, list)): Path<(i64, i64)>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<PageQuery>,
) -> Result<Response, Failure> {
    let rows = api.control.rejections(&caller, CampaignId(id), list, &query.into()).await?;
    Ok(page::answer(&uri, &rows))
}

/// Show the rows of the lists of a campaign, and where each of them is now
#[utoipa::path(get, path = "/campaigns/{id}/conservation", tag = "campaigns",
    params(("id" = i64, description = "Id of the campaign")), responses((status = 200, body = Conservation)))]
pub(crate) async fn conservation(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(id): Path<i64>,
) -> Result<Json<Conservation>, Failure> {
    Ok(Json(api.control.conservation(&caller, CampaignId(id)).await?))
}
