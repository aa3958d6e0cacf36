//! Forged requests: a page of another site makes the browser of a person send a form.
//!
//! `tower-http` compares `Sec-Fetch-Site` and `Origin` with the address of the request, and lets requests pass that have neither,
//! because no browser sent them. Here these are refused too: nothing but a browser has a reason to send a form to a page.

use axum::extract::Request;
use axum::http::header::ORIGIN;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower_http::csrf::ProtectionError;

use crate::failure::Failure;

/// Refuses a request that changes something and does not say from which site it comes.
pub(crate) async fn refuse_unknown_origin(request: Request, next: Next) -> Response {
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let headers = request.headers();
    if !is_safe && !headers.contains_key("sec-fetch-site") && !headers.contains_key(ORIGIN) {
        return forged();
    }
    next.run(request).await
}

/// The answer to a forged request.
pub(crate) fn refused(_: ProtectionError) -> Response {
    forged()
}

fn forged() -> Response {
    let text = "the form was not sent by a page of this console, and nothing was changed; open the page here and send it again. If \
                this happens with every form, let the proxy pass the headers Host and Origin unchanged";
    Failure::new(StatusCode::FORBIDDEN, text).into_response()
}
