//! What every answer has: the id of the request, headers, and a problem as its body if the request failed.

use std::time::Instant;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{ALLOW, CONTENT_LENGTH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use control::Problem;
use uuid::Uuid;

use crate::problem::{Failed, Failure, method_not_allowed};

/// The header with the id of a request.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Headers of every answer. The answers are JSON for programs; a browser that opens one shows, runs and keeps nothing.
const HEADERS: [(&str, &str); 9] = [
    ("cache-control", "no-store"),
    (
        "content-security-policy",
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "accelerometer=(), camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ("referrer-policy", "no-referrer"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];

/// The id of a request: that of the client, if it is a UUID, or a new one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestId(pub(crate) Uuid);

/// Gives the request an id, and the answer its headers and the body of a problem.
pub(crate) async fn answer(mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let given = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let id = given.and_then(|id| Uuid::parse_str(id).ok()).unwrap_or_else(Uuid::now_v7);
    request.extensions_mut().insert(RequestId(id));
    let method = request.method().clone();
    let route = request.extensions().get::<axum::extract::MatchedPath>().map(|path| path.as_str().to_owned());
    let mut response = next.run(request).await;
    if response.status() == StatusCode::METHOD_NOT_ALLOWED && response.extensions().get::<Failed>().is_none()
    {
        response = method_not_allowed(response.headers_mut().remove(ALLOW));
    }
    let id = id.to_string();
    let body = response.extensions().get::<Failed>().map(|failed| failed.body(&id));
    if let Some(body) = body {
        response.headers_mut().remove(CONTENT_LENGTH);
        *response.body_mut() = Body::from(body);
    }
    add_headers(response.headers_mut(), &id);
    tracing::info!(
        request.id = %id, http.method = %method, http.route = route.as_deref().unwrap_or("-"),
        http.status = response.status().as_u16(), duration_ms = began.elapsed().as_secs_f64() * 1_000.0, "a request was answered"
    );
    response
}

fn add_headers(headers: &mut HeaderMap, id: &str) {
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
}

/// The answer to a request that no route matches.
pub(crate) async fn no_route() -> Failure {
    Failure::of(Problem::NotFound, "there is no such resource; GET /api/v1/openapi.json lists the resources")
}
