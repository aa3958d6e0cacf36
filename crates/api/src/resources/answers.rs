//! Flow answers of a campaign: one by one, and counted.

use std::sync::Arc;

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::response::Response;
use campaign::CampaignId;
use control::{AnswerReport, AnswerSummary, Page};
use serde::Serialize;

use crate::admission::Api;
use crate::body::{Path, Query, Reader};
use crate::page::{self, PageQuery};
use crate::problem::Failure;
use crate::schema::described;

/// A flow answer.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Answer(AnswerReport);
described!(Answer, "A completed flow: recipient, time, and what the person entered");

/// The answers of a campaign, counted.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Summary(AnswerSummary);
described!(Summary, "Answers of a campaign: their number, and for each field its most frequent values");

/// List flow answers of a campaign
#[utoipa::path(get, path = "/campaigns/{id}/answers", tag = "recipients",
    params(("id" = i64, description = "Id of the campaign"), PageQuery), responses((status = 200, body = Page<Answer>)))]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(id): Path<i64>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<PageQuery>,
) -> Result<Response, Failure> {
    let found = api.control.answers(&caller, CampaignId(id), &query.into()).await?;
    let items = found.items.into_iter().map(Answer).collect();
    Ok(page::answer(&uri, &Page { items, next: found.next }))
}

/// Count the flow answers of a campaign by field and value
#[utoipa::path(get, path = "/campaigns/{id}/answers/summary", tag = "campaigns",
    params(("id" = i64, description = "Id of the campaign")), responses((status = 200, body = Summary)))]
pub(crate) async fn summary(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(id): Path<i64>,
) -> Result<Json<Summary>, Failure> {
    Ok(Json(Summary(api.control.answer_summary(&caller, CampaignId(id)).await?)))
}
