//! The resources, one file per subject.

pub(crate) mod accounts;
pub(crate) mod answers;
pub(crate) mod audit;
pub(crate) mod campaigns;
pub(crate) mod events;
pub(crate) mod flows;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod list_reports;
pub(crate) mod lists;
pub(crate) mod live;
pub(crate) mod preview;
pub(crate) mod prices;
pub(crate) mod recipients;
pub(crate) mod running;
pub(crate) mod sender_stops;
pub(crate) mod senders;
pub(crate) mod suppressions;
pub(crate) mod system;
pub(crate) mod templates;
pub(crate) mod waiting;
pub(crate) mod webhook_endpoints;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use control::Done;
use serde::Serialize;

/// Set on the answer to a repeated request, which was executed before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The answer to a change.
pub(crate) fn changed<T: Serialize>(status: StatusCode, done: &Done<T>) -> Response {
    marked((status, Json(&done.result)).into_response(), done)
}

/// The answer to a change that has no result.
pub(crate) fn no_content<T>(done: &Done<T>) -> Response {
    marked(StatusCode::NO_CONTENT.into_response(), done)
}

fn marked<T>(mut response: Response, done: &Done<T>) -> Response {
    if done.is_replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}
