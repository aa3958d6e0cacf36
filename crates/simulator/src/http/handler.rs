//! The handling of one request: read, examine, decide, wait for the latency, answer.

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use hyper::{Request, Response, StatusCode};

use crate::decision::decide::{Decision, SimulatedProvider};
use crate::http::admin;
use crate::http::connection_state::{ConnectionState, InFlight};
use crate::http::response_body::{Aborted, BodyMode, HalfBody, ResponseBody};
use crate::providers::api::ApiRequest;
use crate::providers::outcome::{ACCEPTED, RATE_LIMITED};
use crate::settings::fault::{Effect, Garbage, ResetPoint};

/// The maximum length of a request body.
const MAX_BODY_BYTES: usize = 1 << 20;

/// Answers a request, or ends its connection.
pub(crate) async fn handle(
    simulated: Arc<SimulatedProvider>,
    connection: Arc<ConnectionState>,
    request: Request<Incoming>,
) -> Result<Response<ResponseBody>, Aborted> {
    let (head, body) = request.into_parts();
    let in_flight = InFlight::begin(Arc::clone(&simulated), Arc::clone(&connection));
    let body = read(body).await?;
    if head.uri.path().starts_with("/_admin") {
        drop(in_flight);
        return Ok(admin::answer(&simulated, &head, body.as_deref().unwrap_or_default()));
    }
    let arrived = ApiRequest {
        method: &head.method,
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body: body.as_deref(),
    };
    if let Some((status, list)) = simulated.api.template_list(&arrived) {
        drop(in_flight);
        return Ok(listed(status, &list));
    }
    let examined = simulated.api.examine(&arrived);
    let decision = simulated.decide(examined, connection.peer_port, connection.received_at());

    if let Some(after) = decision.close_idle_after {
        connection.close_idle_after(after);
    }
    if !decision.delay.is_zero() {
        tokio::time::sleep(decision.delay).await;
    }
    match decision.effect {
        Some(Effect::Hang {}) => pending().await,
        Some(Effect::Reset { at: ResetPoint::NoAnswer }) => {
            connection.end_with_reset();
            Err(Aborted)
        }
        _ => Ok(respond(&simulated, decision, in_flight)),
    }
}

/// The whole body, or `None` if it is too long.
async fn read(mut body: Incoming) -> Result<Option<Bytes>, Aborted> {
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(data) = frame.map_err(|_| Aborted)?.into_data() else { continue };
        if all.len() + first.len() + data.len() > MAX_BODY_BYTES {
            return Ok(None);
        }
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&data);
        }
    }
    Ok(Some(if all.is_empty() { first } else { all.freeze() }))
}

fn respond(simulated: &SimulatedProvider, decision: Decision, in_flight: InFlight) -> Response<ResponseBody> {
    let outcome = simulated.outcomes.get(decision.reported);
    let body =
        decision.accepted_body.or_else(|| outcome.map(|outcome| outcome.body.clone())).unwrap_or_default();
    let outcome_type = outcome.map_or("application/json", |outcome| outcome.content_type);
    let mut content_type = HeaderValue::from_static(outcome_type);
    let mut retry_after =
        (decision.reported == RATE_LIMITED).then_some(simulated.config.retry_after_s).flatten();
    let mut location = None;
    let (bytes, mode) = match decision.effect {
        Some(Effect::Reset { .. }) => (body, BodyMode::Half(HalfBody::default())),
        Some(Effect::Drip { every }) => (body, BodyMode::drip(every)),
        Some(Effect::Huge { bytes }) => {
            let padding = bytes.saturating_sub(u64::try_from(body.len()).unwrap_or(u64::MAX));
            (body, BodyMode::Padded(padding))
        }
        Some(Effect::Garbage { body: garbage, .. }) => {
            let (bytes, garbage_type) = garbage_body(garbage, &body);
            content_type = HeaderValue::from_static(garbage_type);
            (bytes, BodyMode::Whole)
        }
        Some(Effect::Refuse { retry_after_s, .. }) => {
            retry_after = retry_after_s;
            (body, BodyMode::Whole)
        }
        Some(Effect::Redirect { location: to }) => {
            location = HeaderValue::try_from(to).ok();
            (body, BodyMode::Whole)
        }
        _ => (body, BodyMode::Whole),
    };
    let mut response = Response::new(ResponseBody::new(bytes, mode, Some(in_flight)));
    let status = decision.status.and_then(|status| StatusCode::from_u16(status).ok());
    *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    if let Some(seconds) = retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(location) = location {
        headers.insert(LOCATION, location);
    }
    if status == Some(StatusCode::METHOD_NOT_ALLOWED) && decision.reported != ACCEPTED {
        headers.insert(ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

fn listed(status: u16, list: &serde_json::Value) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::new(Bytes::from(list.to_string()), BodyMode::Whole, None));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The body that replaces the provider's answer, and its content type.
fn garbage_body(garbage: Garbage, body: &Bytes) -> (Bytes, &'static str) {
    let html: &[u8] = b"<html><head><title>Error</title></head><body><h1>Bad Gateway</h1></body></html>";
    match garbage {
        Garbage::Text => (Bytes::from_static(b"upstream said something unexpected"), "text/plain"),
        Garbage::Html => (Bytes::from_static(html), "text/html"),
        Garbage::Truncated if body.is_empty() => (Bytes::from_static(br#"{"code":"#), "application/json"),
        Garbage::Truncated => (body.slice(..body.len() / 2), "application/json"),
    }
}
