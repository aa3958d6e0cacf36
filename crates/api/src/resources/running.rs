//! Campaigns are started, paused, resumed and ended.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use campaign::CampaignId;
use control::{Ended, Paused, StartApproval, StartRequested, Started};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admission::Api;
use crate::body::{Empty, Path, Reader, Write};
use crate::problem::Failure;
use crate::resources::changed;

/// How a campaign is started.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Start {
    /// The fingerprint of a check. The start is refused if the campaign or its lists were changed since; left out: any.
    #[serde(default)]
    fingerprint: Option<String>,
}

/// Start a draft
#[utoipa::path(post, path = "/campaigns/{id}/start", tag = "campaigns",
    params(("id" = i64, description = "Id of the campaign")), request_body = Option<Start>,
    responses((status = 200, body = Started)))]
pub(crate) async fn start(
    State(api): State<Arc<Api>>,
    Path(id): Path<i64>,
    Write { caller, body }: Write<Start>,
) -> Result<Response, Failure> {
    let done =
        Box::pin(api.control.start_campaign(&caller, CampaignId(id), body.fingerprint.as_deref())).await?;
    Ok(changed(StatusCode::OK, &done))
}

/// Whether the start needs a second person, and who requested it
#[utoipa::path(get, path = "/campaigns/{id}/start-request", tag = "campaigns",
    params(("id" = i64, description = "Id of the campaign")), responses((status = 200, body = StartApproval)))]
pub(crate) async fn approval(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(id): Path<i64>,
) -> Result<Json<StartApproval>, Failure> {
    Ok(Json(api.control.start_approval(&caller, CampaignId(id)).await?))
}

/// Request the start of a campaign that another person has to start
#[utoipa::path(post, path = "/campaigns/{id}/start-request", tag = "campaigns",
    params(("id" = i64, description = "Id of the campaign")), request_body = Option<Start>,
    responses((status = 200, body = StartRequested)))]
pub(crate) async fn request_start(
    State(api): State<Arc<Api>>,
    Path(id): Path<i64>,
    Write { caller, body }: Write<Start>,
) -> Result<Response, Failure> {
    let done =
        Box::pin(api.control.request_start(&caller, CampaignId(id), body.fingerprint.as_deref())).await?;
    Ok(changed(StatusCode::OK, &done))
}

/// Pause a running campaign
#[utoipa::path(post, path = "/campaigns/{id}/pause", tag = "campaigns",
    params(("id" = i64, description = "Id of the campaign")), request_body = Option<Empty>,
    responses((status = 200, body = Paused)))]
pub(crate) async fn pause(
    State(api): State<Arc<Api>>,
    Path(id): Path<i64>,
    Write { caller, body: Empty {} }: Write<Empty>,
) -> Result<Response, Failure> {
    Ok(changed(StatusCode::OK, &api.control.pause_campaign(&caller, CampaignId(id)).await?))
}

/// Resume a paused campaign
#[utoipa::path(post, path = "/campaigns/{id}/resume", tag = "campaigns",
    params(("id" = i64, description = "Id of the campaign")), request_body = Option<Empty>,
    responses((status = 200, body = Started)))]
pub(crate) async fn resume(
    State(api): State<Arc<Api>>,
    Path(id): Path<i64>,
    Write { caller, body: Empty {} }: Write<Empty>,
) -> Result<Response, Failure> {
    Ok(changed(StatusCode::OK, &api.control.resume_campaign(&caller, CampaignId(id)).await?))
}

/// End a campaign: recipients that were not sent to are cancelled
#[utoipa::path(post, path = "/campaigns/{id}/end", tag = "campaigns",
    params(("id" = i64, description = "Id of the campaign")), request_body = Option<Empty>,
    responses((status = 200, body = Ended)))]
pub(crate) async fn end(
    State(api): State<Arc<Api>>,
    Path(id): Path<i64>,
    Write { caller, body: Empty {} }: Write<Empty>,
) -> Result<Response, Failure> {
    Ok(changed(StatusCode::OK, &api.control.end_campaign(&caller, CampaignId(id)).await?))
}
