//! Entity tags of single resources, and changes that name the tag that they are based on (RFC 9110, 13.1.1).
//!
//! The tag of a resource that can be changed has two parts: the version of its settings, and a hash of all members. `If-Match` is
//! compared by the first part, so that a count that changes meanwhile does not refuse a change.

use axum::Json;
use axum::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use control::Versioned;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// The answer with a single resource and its tag, or 304 if the client has it.
pub(crate) fn answer<T: Serialize>(request: &HeaderMap, resource: &T) -> Response {
    tagged(request, &format!("\"{}\"", hash(resource)), resource)
}

/// The same for a resource that can be changed.
pub(crate) fn versioned<T: Serialize + Versioned>(request: &HeaderMap, resource: &T) -> Response {
    tagged(request, &tag(resource), resource)
}

/// The same with a known tag.
pub(crate) fn tagged<T: Serialize>(request: &HeaderMap, tag: &str, resource: &T) -> Response {
    let known = request.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known = known
        .flat_map(|value| value.split(','))
        .any(|known| known.trim().trim_start_matches("W/") == tag || known.trim() == "*");
    let response =
        if is_known { StatusCode::NOT_MODIFIED.into_response() } else { Json(resource).into_response() };
    with_tag(response, tag)
}

/// The answer to a change, with the new tag of the resource.
pub(crate) fn with_new_tag<T: Serialize + Versioned>(response: Response, resource: &T) -> Response {
    with_tag(response, &tag(resource))
}

/// The versions in `If-Match`; empty: any version. A tag that is not one of ours, also a weak one, is a version that no object has.
pub(crate) fn expected_versions(request: &HeaderMap) -> Vec<String> {
    let mut versions = Vec::new();
    for value in request.get_all(IF_MATCH) {
        let value = value.to_str().unwrap_or_default().trim();
        if value == "*" {
            return Vec::new();
        }
        versions.extend(value.split(',').map(|tag| version(tag.trim()).unwrap_or("-").to_owned()));
    }
    versions
}

/// The first part of a strong tag.
fn version(tag: &str) -> Option<&str> {
    tag.strip_prefix('"')?.strip_suffix('"')?.split('-').next().filter(|version| !version.is_empty())
}

fn tag<T: Serialize + Versioned>(resource: &T) -> String {
    format!("\"{}-{}\"", resource.version(), hash(resource))
}

fn hash<T: Serialize>(resource: &T) -> String {
    let body = serde_json::to_vec(resource).unwrap_or_default();
    let hash = Sha256::digest(&body);
    let tag = hash.iter().take(16).fold(0_u128, |tag, byte| tag << 8 | u128::from(*byte));
    format!("{tag:032x}")
}

fn with_tag(mut response: Response, tag: &str) -> Response {
    if let Ok(tag) = HeaderValue::from_str(tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_match_names_versions_and_a_star_names_none() {
        let expected = |values: &[&str]| {
            let values = values.iter().map(|value| (IF_MATCH, value.parse().unwrap()));
            expected_versions(&values.collect())
        };
        assert!(
            expected(&[]).is_empty() && expected(&["*"]).is_empty() && expected(&["\"a\"", "*"]).is_empty()
        );
        assert_eq!(expected(&["\"7f-00\""]), ["7f"]);
        assert_eq!(expected(&["\"1-draft-0\", \"2\"", "\"3-x\""]), ["1", "2", "3"]);
        for foreign in ["W/\"7f-00\"", "7f", "", "\"\"", "\"-\""] {
            assert_eq!(expected(&[foreign]), ["-"], "{foreign}");
        }
    }
}
