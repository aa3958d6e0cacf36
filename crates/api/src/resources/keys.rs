//! `/keys`: API keys. A key adds no keys, so that revoking a key ends all access that it gave.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use control::{ApiKey, Page};

use crate::admission::Api;
use crate::body::{Empty, Path, Reader, Write};
use crate::problem::Failure;
use crate::{etag, resources::changed};

/// List all API keys without their secrets, the newest first
#[utoipa::path(get, path = "/keys", tag = "keys", responses((status = 200, body = Page<ApiKey>)))]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
) -> Result<Json<Page<ApiKey>>, Failure> {
    Ok(Json(Page { items: api.control.keys(&caller).await?, next: None }))
}

/// Show an API key: the key of the request itself, or with the right to manage accounts any key
#[utoipa::path(get, path = "/keys/{id}", tag = "keys", params(("id" = String, Path, description = "Id of the key")),
    responses((status = 200, body = ApiKey), (status = 304, description = "not changed")))]
pub(crate) async fn show(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    Ok(etag::versioned(&headers, &api.control.key(&caller, &id).await?))
}

/// Revoke an API key: the key of the request itself, or with the right to manage accounts any key
#[utoipa::path(delete, path = "/keys/{id}", tag = "keys",
    params(("id" = String, Path, description = "Id of the key"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the key that was read; left out: any")),
    responses((status = 200, body = ApiKey)))]
pub(crate) async fn revoke(
    State(api): State<Arc<Api>>,
    Path(id): Path<String>,
    Write { caller, body: Empty {} }: Write<Empty>,
) -> Result<Response, Failure> {
    let done = api.control.revoke_key(&caller, &id).await?;
    Ok(etag::with_new_tag(changed(StatusCode::OK, &done), &done.result))
}
