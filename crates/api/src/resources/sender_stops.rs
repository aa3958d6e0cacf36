//! Stops of senders: hold, resume, probe, history.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use axum::response::Response;
use control::{HeldSender, Page, PastStop, ProbedSender, ResumedSender};

use crate::admission::Api;
use crate::body::{Empty, Path, Query, Reader, Write};
use crate::page::{self, PageQuery};
use crate::problem::Failure;
use crate::resources::changed;

/// Stop a sender until it is resumed
#[utoipa::path(post, path = "/senders/{name}/hold", tag = "senders",
    params(("name" = String, Path, description = "Name of the sender")), request_body = Option<Empty>,
    responses((status = 200, body = HeldSender)))]
pub(crate) async fn hold(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Write { caller, body: Empty {} }: Write<Empty>,
) -> Result<Response, Failure> {
    Ok(changed(StatusCode::OK, &api.control.hold_sender(&caller, &name).await?))
}

/// Resume a stopped sender, unless its daily cap is used up
#[utoipa::path(post, path = "/senders/{name}/resume", tag = "senders",
    params(("name" = String, Path, description = "Name of the sender")), request_body = Option<Empty>,
    responses((status = 200, body = ResumedSender)))]
pub(crate) async fn resume(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Write { caller, body: Empty {} }: Write<Empty>,
) -> Result<Response, Failure> {
    Ok(changed(StatusCode::OK, &api.control.resume_sender(&caller, &name).await?))
}

/// Probe a stopped sender now with one waiting recipient
#[utoipa::path(post, path = "/senders/{name}/probe", tag = "senders",
    params(("name" = String, Path, description = "Name of the sender")), request_body = Option<Empty>,
    responses((status = 200, body = ProbedSender)))]
pub(crate) async fn probe(
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Write { caller, body: Empty {} }: Write<Empty>,
) -> Result<Response, Failure> {
    Ok(changed(StatusCode::OK, &api.control.probe_sender(&caller, &name).await?))
}

/// List the stops of a sender and its campaigns, the newest first
#[utoipa::path(get, path = "/senders/{name}/stops", tag = "senders",
    params(("name" = String, Path, description = "Name of the sender"), PageQuery), responses((status = 200, body = Page<PastStop>)))]
pub(crate) async fn stops(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(name): Path<String>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<PageQuery>,
) -> Result<Response, Failure> {
    Ok(page::answer(&uri, &api.control.sender_stops(&caller, &name, &query.into()).await?))
}
