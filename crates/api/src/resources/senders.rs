//! `/senders`

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use control::{Page, SenderChange, SenderToAdd, SenderView, WebhookView};

use crate::admission::Api;
use crate::body::{Path, Query, Reader, Write};
use crate::page::{self, PageQuery};
use crate::problem::Failure;
use crate::{etag, resources::changed};

/// List senders, by name
#[utoipa::path(get, path = "/senders", tag = "senders", params(PageQuery),
    responses((status = 200, body = Page<SenderView>)))]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<PageQuery>,
) -> Result<Response, Failure> {
    Ok(page::answer(&uri, &api.control.senders(&caller, &query.into()).await?))
}

/// Add a sender
#[utoipa::path(post, path = "/senders", tag = "senders", request_body = SenderToAdd,
    responses((status = 201, body = SenderView)))]
pub(crate) async fn add(
    State(api): State<Arc<Api>>,
    Write { caller, body }: Write<SenderToAdd>,
) -> Result<Response, Failure> {
    Ok(changed(StatusCode::CREATED, &api.control.add_sender(&caller, body).await?))
}

/// Show a sender and its stops
#[utoipa::path(get, path = "/senders/{name}", tag = "senders", params(("name" = String, Path, description = "Name of the sender")),
    responses((status = 200, body = SenderView), (status = 304, description = "not changed")))]
pub(crate) async fn show(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    Ok(etag::versioned(&headers, &api.control.sender(&caller, &name).await?))
}

/// Change rate, daily cap or webhook of a sender
#[utoipa::path(patch, path = "/senders/{name}", tag = "senders",
    params(("name" = String, Path, description = "Name of the sender"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the sender that was read; left out: any")),
    request_body = SenderChange, responses((status = 200, body = SenderView)))]
pub(crate) async fn change(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Write { caller, body }: Write<SenderChange>,
) -> Result<Response, Failure> {
    let done = api.control.change_sender(&caller, &name, body).await?;
    Ok(etag::with_new_tag(changed(StatusCode::OK, &done), &done.result))
}

/// Show the webhook of a sender, with its secret address
#[utoipa::path(get, path = "/senders/{name}/webhook", tag = "senders",
    params(("name" = String, Path, description = "Name of the sender")), responses((status = 200, body = WebhookView)))]
pub(crate) async fn webhook(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    Ok(etag::answer(&headers, &api.control.sender_webhook(&caller, &name).await?))
}
