//! `/campaigns`: drafts, reports.

use std::sync::Arc;

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::header::{IF_MATCH, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use campaign::CampaignId;
use control::{Campaign, CampaignReport, Draft, ErrorReport, Page, PageRequest, Problem, Waiting};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::admission::Api;
use crate::body::{Empty, Path, Query, Reader, Write, WriteDefinition};
use crate::page::{self, PageQuery};
use crate::problem::{Failure, Kind};
use crate::schema::described;
use crate::{etag, resources::changed};

/// The report of a campaign.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct Report(CampaignReport);
described!(Report, "The report of a campaign: the columns of the view report.campaign");

/// Errors of a campaign by code.
#[derive(Serialize)]
#[serde(transparent)]
pub(crate) struct ErrorCount(ErrorReport);
described!(ErrorCount, "Errors of a campaign by code: the columns of the view report.error");

/// The definition of a campaign.
pub(crate) struct CampaignDefinition;
described!(CampaignDefinition, "The definition of a campaign: the members of a campaign file");

/// How a campaign is cloned.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Clone {
    /// Name of the new draft; left out: the same name.
    #[serde(default)]
    name: Option<String>,
}

/// List the reports of campaigns, the newest first
#[utoipa::path(get, path = "/campaigns", tag = "campaigns", params(PageQuery),
    responses((status = 200, body = Page<Report>)))]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<PageQuery>,
) -> Result<Response, Failure> {
    let request = PageRequest::from(query);
    let (limit, before) = (request.limit()?, request.after_id()?);
    let reports = api.control.campaigns(&caller, before.map(CampaignId), limit + 1).await?;
    let reports = reports.into_iter().map(Report).collect();
    Ok(page::answer(&uri, &Page::of(reports, limit, |report: &Report| report.0.campaign_id.to_string())))
}

/// Create a draft
#[utoipa::path(post, path = "/campaigns", tag = "campaigns",
    request_body(content((CampaignDefinition = "application/json"), (String = "application/toml"))),
    responses((status = 201, body = Draft)))]
pub(crate) async fn create(
    State(api): State<Arc<Api>>,
    WriteDefinition { caller, definition }: WriteDefinition,
) -> Result<Response, Failure> {
    let done = api.control.create_campaign(&caller, &definition).await?;
    let mut response = changed(StatusCode::CREATED, &done);
    locate(&mut response, &format!("/api/v1/campaigns/{}", done.result.campaign_id));
    Ok(response)
}

/// Show a campaign with its definition
#[utoipa::path(get, path = "/campaigns/{id}", tag = "campaigns", params(("id" = i64, description = "Id of the campaign")),
    responses((status = 200, body = Campaign), (status = 304, description = "not changed")))]
pub(crate) async fn show(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(id): Path<i64>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let campaign = api.control.campaign(&caller, CampaignId(id)).await?;
    let tag = format!("\"{}-{}-{}\"", campaign.version, campaign.state, campaign.recipients);
    Ok(etag::tagged(&headers, &tag, &campaign))
}

/// Replace the definition of a draft
#[utoipa::path(put, path = "/campaigns/{id}", tag = "campaigns",
    params(("id" = i64, description = "Id of the campaign"),
        ("If-Match" = String, Header, description = "The ETag of the draft that was read")),
    request_body(content((CampaignDefinition = "application/json"), (String = "application/toml"))),
    responses((status = 200, body = Draft)))]
pub(crate) async fn edit(
    State(api): State<Arc<Api>>,
    Path(id): Path<i64>,
    headers: HeaderMap,
    WriteDefinition { caller, definition }: WriteDefinition,
) -> Result<Response, Failure> {
    let version = version(&headers)?;
    Ok(changed(
        StatusCode::OK,
        &api.control.edit_campaign(&caller, CampaignId(id), version, &definition).await?,
    ))
}

/// The version in the tag of a campaign.
fn version(headers: &HeaderMap) -> Result<i32, Failure> {
    if !headers.contains_key(IF_MATCH) {
        let text = "the header If-Match is missing; send the ETag of the draft that you read, so that no edit of another is lost";
        return Err(Failure::new(Kind::PreconditionRequired, text));
    }
    let version = etag::expected_versions(headers).iter().find_map(|version| version.parse().ok());
    version.ok_or_else(|| Failure::of(Problem::VersionConflict, "If-Match is not the ETag of a campaign"))
}

/// Delete a draft with its lists
#[utoipa::path(delete, path = "/campaigns/{id}", tag = "campaigns",
    params(("id" = i64, description = "Id of the campaign"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the draft that was read; left out: any")),
    responses((status = 204, description = "deleted")))]
pub(crate) async fn delete(
    State(api): State<Arc<Api>>,
    Path(id): Path<i64>,
    Write { caller, body: Empty {} }: Write<Empty>,
) -> Result<StatusCode, Failure> {
    api.control.delete_campaign(&caller, CampaignId(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Create a draft with the definition of a campaign
#[utoipa::path(post, path = "/campaigns/{id}/clone", tag = "campaigns",
    params(("id" = i64, description = "Id of the campaign")), request_body = Option<Clone>,
    responses((status = 201, body = Draft)))]
pub(crate) async fn clone(
    State(api): State<Arc<Api>>,
    Path(id): Path<i64>,
    Write { caller, body }: Write<Clone>,
) -> Result<Response, Failure> {
    let done = api.control.clone_campaign(&caller, CampaignId(id), body.name.as_deref()).await?;
    let mut response = changed(StatusCode::CREATED, &done);
    locate(&mut response, &format!("/api/v1/campaigns/{}", done.result.campaign_id));
    Ok(response)
}

/// Show the report of a campaign
#[utoipa::path(get, path = "/campaigns/{id}/report", tag = "campaigns",
    params(("id" = i64, description = "Id of the campaign")), responses((status = 200, body = Report)))]
pub(crate) async fn report(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(id): Path<i64>,
) -> Result<Json<Report>, Failure> {
    Ok(Json(Report(api.control.report(&caller, CampaignId(id)).await?)))
}

/// List the errors of a campaign, the most frequent first
#[utoipa::path(get, path = "/campaigns/{id}/errors", tag = "campaigns",
    params(("id" = i64, description = "Id of the campaign")), responses((status = 200, body = Page<ErrorCount>)))]
pub(crate) async fn errors(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(id): Path<i64>,
) -> Result<Json<Page<ErrorCount>>, Failure> {
    let errors = api.control.errors(&caller, CampaignId(id)).await?;
    Ok(Json(Page { items: errors.into_iter().map(ErrorCount).collect(), next: None }))
}

/// Show why recipients of a campaign wait
#[utoipa::path(get, path = "/campaigns/{id}/waiting", tag = "campaigns",
    params(("id" = i64, description = "Id of the campaign")), responses((status = 200, body = Page<Waiting>)))]
pub(crate) async fn waiting(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(id): Path<i64>,
) -> Result<Json<Page<Waiting>>, Failure> {
    let items = api.control.waiting_of(&caller, CampaignId(id)).await?;
    Ok(Json(Page { items, next: None }))
}

fn locate(response: &mut Response, address: &str) {
    if let Ok(address) = HeaderValue::from_str(address) {
        response.headers_mut().insert(LOCATION, address);
    }
}
