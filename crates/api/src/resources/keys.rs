//! `/keys`: API keys. A key adds no keys, so that revoking a key ends all access that it gave.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use control::{ApiKey, Page};

use crate::admission::Api;
use crate::body::{Path, Reader};
use crate::problem::Failure;

/// List all API keys without their secrets, the newest first
#[utoipa::path(get, path = "/keys", tag = "keys", responses((status = 200, body = Page<ApiKey>)))]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
) -> Result<Json<Page<ApiKey>>, Failure> {
    Ok(Json(Page { items: api.control.keys(&caller).await?, next: None }))
}

/// Revoke an API key: the key of the request itself, or with the right to manage accounts any key
#[utoipa::path(delete, path = "/keys/{id}", tag = "keys", params(("id" = String, Path, description = "Id of the key")),
    responses((status = 200, body = ApiKey)))]
pub(crate) async fn revoke(
    State(api): State<Arc<Api>>,
    Reader(caller): Reader,
    Path(id): Path<String>,
) -> Result<Json<ApiKey>, Failure> {
    Ok(Json(api.control.revoke_key(&caller, &id).await?.result))
}
