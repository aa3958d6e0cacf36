//! What every answer has: headers, and a page if the request failed. Writes one line to the log.

use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::cookie;
use crate::failure::Failure;
use crate::session::Console;
use crate::viewer::Viewer;
use crate::visit::{Theme, Visit};
use crate::{frame, headers};

/// Gives the request its nonce, and the answer its headers and the page of an error.
pub(crate) async fn answer(
    State(console): State<Arc<Console>>,
    mut request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let theme = cookie::value(request.headers(), console.cookies.theme_name()).map(Theme::of);
    let visit = Visit::new(theme.unwrap_or_default());
    request.extensions_mut().insert(visit.clone());
    let method = request.method().clone();
    // The route, not the address: an address may contain the token of a one-time link.
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let mut response = next.run(request).await;
    if is_bare_error(&response) {
        let failure = response.extensions().get::<Failure>().cloned();
        let failure = failure.unwrap_or_else(|| Failure::of_status(response.status()));
        let viewer = response.extensions().get::<Viewer>().cloned();
        let page = frame::error(&visit, viewer.as_ref(), &failure).into_string();
        *response.body_mut() = Body::from(page);
        response.headers_mut().remove(CONTENT_LENGTH);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    }
    headers::add(response.headers_mut(), &visit.nonce);
    if let Ok(id) = HeaderValue::from_str(&visit.id.to_string()) {
        response.headers_mut().insert(HeaderName::from_static("x-request-id"), id);
    }
    tracing::info!(
        request.id = %visit.id, http.method = %method, http.route = route.as_deref().unwrap_or("-"),
        http.status = response.status().as_u16(), duration_ms = began.elapsed().as_secs_f64() * 1_000.0, "a page was answered"
    );
    response
}

/// Whether an answer is an error without a page of its own. A form with errors is a page of its own.
fn is_bare_error(response: &Response) -> bool {
    let is_error = response.status().is_client_error() || response.status().is_server_error();
    let content = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    is_error && !content.is_some_and(|content| content.starts_with("text/html"))
}

/// The answer when a handler panicked.
pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => {
            panic.downcast_ref::<&str>().map_or_else(|| "unknown".to_owned(), |text| (*text).to_owned())
        }
    };
    tracing::error!("a page panicked: {text}");
    Failure::of_status(StatusCode::INTERNAL_SERVER_ERROR).into_response()
}
