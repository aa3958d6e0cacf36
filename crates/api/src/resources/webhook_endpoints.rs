//! `/webhook-endpoints`: addresses of the customer that receive events.

use std::sync::Arc;

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use control::{
    NewWebhookEndpoint, Page, PingedEndpoint, ResentEvents, WebhookDelivery, WebhookEndpoint,
    WebhookEndpointEdit, WebhookEndpointSecret,
};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::admission::Api;
use crate::body::{Empty, Path, Query, Reader, Write};
use crate::page::{self, PageQuery};
use crate::problem::Failure;
use crate::{etag, resources::changed};

/// Which events are delivered again.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recovery {
    /// All events since this time that were not delivered.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
}

/// List webhook endpoints, by name
#[utoipa::path(get, path = "/webhook-endpoints", tag = "webhooks", responses((status = 200, body = Page<WebhookEndpoint>)))]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
) -> Result<Json<Page<WebhookEndpoint>>, Failure> {
    Ok(Json(Page { items: api.control.webhook_endpoints(&caller).await?, next: None }))
}

/// Add a webhook endpoint. The answer contains its secret, which is shown only once
#[utoipa::path(post, path = "/webhook-endpoints", tag = "webhooks", request_body = NewWebhookEndpoint,
    responses((status = 201, body = WebhookEndpointSecret)))]
pub(crate) async fn add(
    State(api): State<Arc<Api>>,
    Write { caller, body }: Write<NewWebhookEndpoint>,
) -> Result<Response, Failure> {
    Ok(changed(StatusCode::CREATED, &api.control.add_webhook_endpoint(&caller, &body).await?))
}

/// Show a webhook endpoint without its secret
#[utoipa::path(get, path = "/webhook-endpoints/{name}", tag = "webhooks",
    params(("name" = String, Path, description = "Name of the endpoint")),
    responses((status = 200, body = WebhookEndpoint), (status = 304, description = "not changed")))]
pub(crate) async fn show(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    Ok(etag::versioned(&headers, &api.control.webhook_endpoint(&caller, &name).await?))
}

/// Change, disable or enable a webhook endpoint
#[utoipa::path(patch, path = "/webhook-endpoints/{name}", tag = "webhooks",
    params(("name" = String, Path, description = "Name of the endpoint"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the endpoint that was read; left out: any")),
    request_body = WebhookEndpointEdit,
    responses((status = 200, body = WebhookEndpoint)))]
pub(crate) async fn change(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Write { caller, body }: Write<WebhookEndpointEdit>,
) -> Result<Response, Failure> {
    let done = api.control.change_webhook_endpoint(&caller, &name, &body).await?;
    Ok(etag::with_new_tag(changed(StatusCode::OK, &done), &done.result))
}

/// Remove a webhook endpoint with its deliveries
#[utoipa::path(delete, path = "/webhook-endpoints/{name}", tag = "webhooks",
    params(("name" = String, Path, description = "Name of the endpoint"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the endpoint that was read; left out: any")),
    responses((status = 200, body = WebhookEndpoint)))]
pub(crate) async fn remove(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Write { caller, body: Empty {} }: Write<Empty>,
) -> Result<Response, Failure> {
    Ok(changed(StatusCode::OK, &api.control.remove_webhook_endpoint(&caller, &name).await?))
}

/// Renew the secret. For 24 hours, deliveries are signed with both secrets
#[utoipa::path(post, path = "/webhook-endpoints/{name}/renew", tag = "webhooks",
    params(("name" = String, Path, description = "Name of the endpoint")), request_body = Option<Empty>,
    responses((status = 200, body = WebhookEndpointSecret)))]
pub(crate) async fn renew(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Write { caller, body: Empty {} }: Write<Empty>,
) -> Result<Response, Failure> {
    Ok(changed(StatusCode::OK, &api.control.renew_webhook_secret(&caller, &name).await?))
}

/// Deliver the event `test.ping`
#[utoipa::path(post, path = "/webhook-endpoints/{name}/ping", tag = "webhooks",
    params(("name" = String, Path, description = "Name of the endpoint")), request_body = Option<Empty>,
    responses((status = 200, body = PingedEndpoint)))]
pub(crate) async fn ping(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Write { caller, body: Empty {} }: Write<Empty>,
) -> Result<Response, Failure> {
    Ok(changed(StatusCode::OK, &api.control.ping_webhook_endpoint(&caller, &name).await?))
}

/// List the deliveries to a webhook endpoint, the newest event first
#[utoipa::path(get, path = "/webhook-endpoints/{name}/deliveries", tag = "webhooks",
    params(("name" = String, Path, description = "Name of the endpoint"), PageQuery),
    responses((status = 200, body = Page<WebhookDelivery>)))]
pub(crate) async fn deliveries(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(name): Path<String>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<PageQuery>,
) -> Result<Response, Failure> {
    Ok(page::answer(&uri, &api.control.webhook_deliveries(&caller, &name, &query.into()).await?))
}

/// Deliver one event again, also if it was delivered before
#[utoipa::path(post, path = "/webhook-endpoints/{name}/deliveries/{event}/resend", tag = "webhooks",
    params(("name" = String, Path, description = "Name of the endpoint"),
        ("event" = i64, Path, description = "Number of the event", minimum = 1)),
    request_body = Option<Empty>, responses((status = 200, body = ResentEvents)))]
pub(crate) async fn resend(
    State(api): State<Arc<Api>>,
    Path((name, event)): Path<(String, i64)>,
    Write { caller, body: Empty {} }: Write<Empty>,
) -> Result<Response, Failure> {
    Ok(changed(StatusCode::OK, &api.control.resend_webhook_delivery(&caller, &name, event).await?))
}

/// Deliver all events since a time that were not delivered
#[utoipa::path(post, path = "/webhook-endpoints/{name}/recover", tag = "webhooks",
    params(("name" = String, Path, description = "Name of the endpoint")), request_body = Recovery,
    responses((status = 200, body = ResentEvents)))]
pub(crate) async fn recover(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Write { caller, body: Recovery { since } }: Write<Recovery>,
) -> Result<Response, Failure> {
    Ok(changed(StatusCode::OK, &api.control.recover_webhook_deliveries(&caller, &name, since).await?))
}
