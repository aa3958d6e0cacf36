//! Entity tags of single resources.

use axum::Json;
use axum::http::header::{ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// The answer with a single resource and its tag, or 304 if the client has it.
pub(crate) fn answer<T: Serialize>(request: &HeaderMap, resource: &T) -> Response {
    let body = serde_json::to_vec(resource).unwrap_or_default();
    let hash = Sha256::digest(&body);
    let tag = hash.iter().take(16).fold(0_u128, |tag, byte| tag << 8 | u128::from(*byte));
    tagged(request, &format!("\"{tag:032x}\""), resource)
}

/// The same with a known tag.
pub(crate) fn tagged<T: Serialize>(request: &HeaderMap, tag: &str, resource: &T) -> Response {
    let known = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known = known
        .flat_map(|value| value.split(','))
        .any(|known| known.trim().trim_start_matches("W/") == tag || known.trim() == "*");
    let mut response =
        if is_known { StatusCode::NOT_MODIFIED.into_response() } else { Json(resource).into_response() };
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}
