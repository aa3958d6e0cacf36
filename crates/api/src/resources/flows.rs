//! `/senders/{name}/flows`

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use control::{FlowDetails, FlowView, NewFlow, Page};

use crate::admission::Api;
use crate::body::{Empty, Path, Query, Reader, Write};
use crate::page::{self, PageQuery};
use crate::problem::Failure;
use crate::{etag, resources::changed};

/// List the known flows of a sender, by id
#[utoipa::path(get, path = "/senders/{name}/flows", tag = "senders",
    params(("name" = String, Path, description = "Name of the sender"), PageQuery),
    responses((status = 200, body = Page<FlowView>)))]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(name): Path<String>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<PageQuery>,
) -> Result<Response, Failure> {
    Ok(page::answer(&uri, &api.control.flows(&caller, &name, &query.into()).await?))
}

/// Show a known flow with its Flow JSON
#[utoipa::path(get, path = "/senders/{name}/flows/{flow_id}", tag = "senders",
    params(("name" = String, Path, description = "Name of the sender"), ("flow_id" = String, Path, description = "Id of the flow")),
    responses((status = 200, body = FlowDetails), (status = 304, description = "not changed")))]
pub(crate) async fn show(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path((name, flow_id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    Ok(etag::versioned(&headers, &api.control.flow(&caller, &name, &flow_id).await?))
}

/// Add a flow to a sender, or replace the one with this id. Nothing is sent to the provider
#[utoipa::path(put, path = "/senders/{name}/flows/{flow_id}", tag = "senders",
    params(("name" = String, Path, description = "Name of the sender"), ("flow_id" = String, Path, description = "Id of the flow"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the flow that was read; left out: any")),
    request_body = NewFlow,
    responses((status = 200, body = FlowView)))]
pub(crate) async fn replace(
    State(api): State<Arc<Api>>,
    Path((name, flow_id)): Path<(String, String)>,
    Write { caller, body }: Write<NewFlow>,
) -> Result<Response, Failure> {
    Ok(changed(StatusCode::OK, &api.control.set_flow(&caller, &name, &flow_id, &body).await?))
}

/// Remove a known flow. Campaigns that use it go on
#[utoipa::path(delete, path = "/senders/{name}/flows/{flow_id}", tag = "senders",
    params(("name" = String, Path, description = "Name of the sender"), ("flow_id" = String, Path, description = "Id of the flow"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the flow that was read; left out: any")),
    responses((status = 200, body = FlowView)))]
pub(crate) async fn remove(
    State(api): State<Arc<Api>>,
    Path((name, flow_id)): Path<(String, String)>,
    Write { caller, body: Empty {} }: Write<Empty>,
) -> Result<Response, Failure> {
    Ok(changed(StatusCode::OK, &api.control.remove_flow(&caller, &name, &flow_id).await?))
}
