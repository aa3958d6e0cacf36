//! Who gets a page: people who are logged in.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use control::{Caller, CallerSession, PendingFactor, Problem};
use listener::connections::Connection;
use tokio::time::Instant;

use crate::failure::Failure;
use crate::page::campaign;
use crate::session::{Console, From, log_in_first, pending_page};
use crate::viewer::Viewer;
use crate::visit::Visit;

/// Lets people who are logged in pass, and sends others to the log-in.
pub(crate) async fn require_session(
    State(console): State<Arc<Console>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let (Ok(visit), Ok(From(client))) = (
        Visit::from_request_parts(&mut parts, &console).await,
        From::from_request_parts(&mut parts, &console).await,
    ) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let caller = console.caller(&parts, client).await;
    if let Ok(Caller { session: Some(CallerSession { pending: Some(pending), .. }), .. }) = &caller {
        return complete_first(&parts, *pending);
    }
    let viewer = async { console.viewer(caller?, visit).await };
    let viewer = match viewer.await {
        Ok(viewer) => viewer,
        Err(error) if error.problem() == Problem::Unauthorized => {
            console.recent.forget(console.token(&parts));
            return log_in_first(&parts);
        }
        Err(error) => return while_away(&console, &parts, error),
    };
    console.recent.note(console.token(&parts), &viewer, Instant::now());
    if let Some(connection) = parts.extensions.get::<Arc<Connection>>() {
        connection.mark_authenticated();
        console.unlisted.warn_if_unlisted(connection.peer, &parts.headers);
    }
    parts.extensions.insert(viewer.clone());
    let mut response = next.run(Request::from_parts(parts, body)).await;
    // An error page has the frame of the person.
    response.extensions_mut().insert(viewer);
    response
}

/// The answer while PostgreSQL does not answer: the last numbers of a page that this process has, and nothing else.
fn while_away(console: &Console, parts: &Parts, error: control::Error) -> Response {
    let is_shown = error.problem() == Problem::Unavailable && parts.method == Method::GET;
    let viewer = console.recent.find(console.token(parts), Instant::now()).filter(|_| is_shown);
    let visit = parts.extensions.get::<Visit>().cloned();
    let viewer = viewer.zip(visit).map(|(viewer, visit)| Viewer { visit, ..viewer });
    let page = viewer.as_ref().and_then(|viewer| campaign::last(console, viewer, parts.uri.path()));
    let mut response = page.map_or_else(|| Failure::from(error).into_response(), IntoResponse::into_response);
    if let Some(viewer) = viewer {
        response.extensions_mut().insert(viewer);
    }
    response
}

/// Sends a person whose log-in is not complete to its next step.
fn complete_first(parts: &Parts, pending: PendingFactor) -> Response {
    let page = parts.uri.path_and_query().filter(|_| parts.method == Method::GET);
    Redirect::to(&pending_page(pending, page.map_or("", |page| page.as_str()))).into_response()
}
