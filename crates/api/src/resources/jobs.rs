//! Long actions: each begins a job, which `/jobs/{id}` shows.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use campaign::{CampaignId, Resolution, Seq};
use control::{Done, Job, JobBegun, ResendClass, Resolve, Retry};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admission::Api;
use crate::body::{Empty, Path, Reader, Write};
use crate::etag;
use crate::problem::Failure;
use crate::resources::changed;

/// Which recipients are sent to again, and why.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetryRequest {
    /// Which recipients.
    class: RetryClass,
    /// Only recipients with this code.
    #[serde(default)]
    code: Option<String>,
    /// The reason, kept with each recipient.
    reason: String,
}

/// Which recipients are sent to again.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RetryClass {
    /// Recipients that the provider refused, or that were given up.
    Failed,
    /// Accepted recipients that were reported as not delivered.
    Undelivered,
}

/// A decision about unconfirmed recipients.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResolveRequest {
    /// How the recipients are resolved.
    resolution: ResolutionWord,
    /// Only recipients at these positions of the list; left out: all unconfirmed ones.
    #[serde(default)]
    seqs: Vec<i32>,
    /// The reason, kept with each recipient.
    reason: String,
}

/// How unconfirmed recipients are resolved.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ResolutionWord {
    /// Send again, as one more attempt.
    Resend,
    /// The recipient becomes failed.
    GiveUp,
}

/// Show a job
#[utoipa::path(get, path = "/jobs/{id}", tag = "jobs", params(("id" = i64, description = "Id of the job")),
    responses((status = 200, body = Job), (status = 304, description = "not changed")))]
pub(crate) async fn show(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(id): Path<i64>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    Ok(etag::answer(&headers, &api.control.job(&caller, id).await?))
}

/// Give up a running job; steps that are done stay done
#[utoipa::path(delete, path = "/jobs/{id}", tag = "jobs", params(("id" = i64, description = "Id of the job")),
    responses((status = 200, body = Job)))]
pub(crate) async fn give_up(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(id): Path<i64>,
) -> Result<Response, Failure> {
    Ok(changed(StatusCode::OK, &api.control.give_up_job(&caller, id).await?))
}

/// Check whether a campaign can be started; estimate time and cost
#[utoipa::path(post, path = "/campaigns/{id}/check", tag = "campaigns",
    params(("id" = i64, description = "Id of the campaign")), request_body = Option<Empty>,
    responses((status = 202, body = JobBegun)))]
pub(crate) async fn check(
    State(api): State<Arc<Api>>,
    Path(id): Path<i64>,
    Write { caller, body: Empty {} }: Write<Empty>,
) -> Result<Response, Failure> {
    Ok(begun(&api.control.begin_check(&caller, CampaignId(id)).await?))
}

/// Send again to failed or undelivered recipients
#[utoipa::path(post, path = "/campaigns/{id}/retry", tag = "campaigns",
    params(("id" = i64, description = "Id of the campaign")), request_body = RetryRequest,
    responses((status = 202, body = JobBegun)))]
pub(crate) async fn retry(
    State(api): State<Arc<Api>>,
    Path(id): Path<i64>,
    Write { caller, body }: Write<RetryRequest>,
) -> Result<Response, Failure> {
    let class = match body.class {
        RetryClass::Failed => ResendClass::Failed,
        RetryClass::Undelivered => ResendClass::Undelivered,
    };
    let retry = Retry { class, code: body.code, reason: body.reason };
    Ok(begun(&api.control.begin_retry(&caller, CampaignId(id), &retry).await?))
}

/// Resolve unconfirmed recipients
#[utoipa::path(post, path = "/campaigns/{id}/resolve", tag = "campaigns",
    params(("id" = i64, description = "Id of the campaign")), request_body = ResolveRequest,
    responses((status = 202, body = JobBegun)))]
pub(crate) async fn resolve(
    State(api): State<Arc<Api>>,
    Path(id): Path<i64>,
    Write { caller, body }: Write<ResolveRequest>,
) -> Result<Response, Failure> {
    let resolution = match body.resolution {
        ResolutionWord::Resend => Resolution::Resend,
        ResolutionWord::GiveUp => Resolution::GiveUp,
    };
    let seqs = body.seqs.into_iter().map(Seq).collect();
    let resolve = Resolve { resolution, seqs, reason: body.reason };
    Ok(begun(&api.control.begin_resolve(&caller, CampaignId(id), &resolve).await?))
}

/// Delete the rows of an ended campaign, and keep its counters
#[utoipa::path(post, path = "/campaigns/{id}/archive", tag = "campaigns",
    params(("id" = i64, description = "Id of the campaign")), request_body = Option<Empty>,
    responses((status = 202, body = JobBegun)))]
pub(crate) async fn archive(
    State(api): State<Arc<Api>>,
    Path(id): Path<i64>,
    Write { caller, body: Empty {} }: Write<Empty>,
) -> Result<Response, Failure> {
    Ok(begun(&api.control.begin_archive(&caller, CampaignId(id)).await?))
}

/// Compare the counters of all reports with a full count
#[utoipa::path(post, path = "/system/counters/check", tag = "system", request_body = Option<Empty>,
    responses((status = 202, body = JobBegun)))]
pub(crate) async fn check_counters(
    State(api): State<Arc<Api>>,
    Write { caller, body: Empty {} }: Write<Empty>,
) -> Result<Response, Failure> {
    Ok(begun(&api.control.begin_count_check(&caller).await?))
}

pub(crate) fn begun(done: &Done<JobBegun>) -> Response {
    let mut response = changed(StatusCode::ACCEPTED, done);
    if let Ok(address) = HeaderValue::from_str(&format!("/api/v1/jobs/{}", done.result.job_id)) {
        response.headers_mut().insert(LOCATION, address);
    }
    response
}
