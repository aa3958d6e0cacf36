//! `/audit`

use std::sync::Arc;

use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::response::Response;
use control::{AuditCheck, AuditQuery, AuditView, Page, PageRequest};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::admission::Api;
use crate::body::{Query, Reader};
use crate::page;
use crate::problem::Failure;

/// Which rows, and which page of them.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditParameters {
    /// Rows of this actor.
    #[serde(default)]
    actor: Option<String>,
    /// Rows of this action, such as `campaign.start`.
    #[serde(default)]
    action: Option<String>,
    /// Rows of this kind of object, such as `campaign`.
    #[serde(default)]
    object_kind: Option<String>,
    /// Rows of this object.
    #[serde(default)]
    object: Option<String>,
    /// `next` of the previous page; left out: the first page.
    #[serde(default)]
    after: Option<String>,
    /// The most items, 1 to 200; left out: 50.
    #[serde(default)]
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// List the audit, the newest rows first
#[utoipa::path(get, path = "/audit", tag = "system", params(AuditParameters),
    responses((status = 200, body = Page<AuditView>)))]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<AuditParameters>,
) -> Result<Response, Failure> {
    let AuditParameters { actor, action, object_kind, object, after, limit } = query;
    let which = AuditQuery { actor, action, object_kind, object };
    let page = api.control.audit(&caller, &which, &PageRequest { after, limit }).await?;
    Ok(page::answer(&uri, &page))
}

/// Check that no row of the audit was changed or removed; reads all rows
#[utoipa::path(get, path = "/audit/check", tag = "system", responses((status = 200, body = AuditCheck)))]
pub(crate) async fn check(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
) -> Result<Json<AuditCheck>, Failure> {
    Ok(Json(api.control.verify_audit(&caller).await?))
}
