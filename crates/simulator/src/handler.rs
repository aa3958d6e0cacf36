//! One request from its first byte to its answer: read, examine, decide, wait, answer.

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use hyper::{Request, Response, StatusCode};

use crate::admin;
use crate::connection::{Flight, Link};
use crate::desk::{Decision, Desk};
use crate::fault::{Effect, Garbage, ResetPoint};
use crate::outcome::{ACCEPTED, RATE_LIMITED};
use crate::provider::Arrived;
use crate::reply::{Broken, HalfDone, Manner, Reply};

/// The longest body that is read.
const MOST_BODY_BYTES: usize = 1 << 20;

/// Answers a request, or ends its connection.
pub(crate) async fn handle(
    desk: Arc<Desk>,
    link: Arc<Link>,
    request: Request<Incoming>,
) -> Result<Response<Reply>, Broken> {
    let (head, body) = request.into_parts();
    let flight = Flight::begin(Arc::clone(&desk), Arc::clone(&link));
    let body = read(body).await?;
    if head.uri.path().starts_with("/_admin") {
        drop(flight);
        return Ok(admin::answer(&desk, &head, body.as_deref().unwrap_or_default()));
    }
    let arrived = Arrived {
        method: &head.method,
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body: body.as_deref(),
    };
    let examined = desk.rules.examine(&arrived);
    let decision = desk.decide(examined, &link);

    if let Some(after) = decision.close_idle_after {
        link.close_idle_after(after);
    }
    if !decision.delay.is_zero() {
        tokio::time::sleep(decision.delay).await;
    }
    match decision.effect {
        Some(Effect::Hang {}) => pending().await,
        Some(Effect::Reset { at: ResetPoint::NoAnswer }) => {
            link.end_with_reset();
            Err(Broken)
        }
        _ => Ok(respond(&desk, decision, flight)),
    }
}

/// The whole body, or nothing if it is too long.
async fn read(mut body: Incoming) -> Result<Option<Bytes>, Broken> {
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        let Ok(data) = frame.map_err(|_| Broken)?.into_data() else { continue };
        if all.len() + first.len() + data.len() > MOST_BODY_BYTES {
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

fn respond(desk: &Desk, decision: Decision, flight: Flight) -> Response<Reply> {
    let outcome = desk.outcomes.get(decision.told);
    let body =
        decision.accepted_body.or_else(|| outcome.map(|outcome| outcome.body.clone())).unwrap_or_default();
    let its_type = outcome.map_or("application/json", |outcome| outcome.content_type);
    let mut content_type = HeaderValue::from_static(its_type);
    let mut retry_after = (decision.told == RATE_LIMITED).then_some(desk.config.retry_after_s).flatten();
    let mut location = None;
    let (bytes, manner) = match decision.effect {
        Some(Effect::Reset { .. }) => (body, Manner::Half(HalfDone::default())),
        Some(Effect::Drip { every }) => (body, Manner::drip(every)),
        Some(Effect::Huge { bytes }) => {
            let padding = bytes.saturating_sub(u64::try_from(body.len()).unwrap_or(u64::MAX));
            (body, Manner::Padded(padding))
        }
        Some(Effect::Garbage { body: garbage, .. }) => {
            let (bytes, its_type) = garbled(garbage, &body);
            content_type = HeaderValue::from_static(its_type);
            (bytes, Manner::Whole)
        }
        Some(Effect::Refuse { retry_after_s, .. }) => {
            retry_after = retry_after_s;
            (body, Manner::Whole)
        }
        Some(Effect::Redirect { location: to }) => {
            location = HeaderValue::try_from(to).ok();
            (body, Manner::Whole)
        }
        _ => (body, Manner::Whole),
    };
    let mut response = Response::new(Reply::new(bytes, manner, Some(flight)));
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
    if status == Some(StatusCode::METHOD_NOT_ALLOWED) && decision.told != ACCEPTED {
        headers.insert(ALLOW, HeaderValue::from_static("POST"));
    }
    response
}

/// What stands where the provider's answer should be, and its content type.
fn garbled(garbage: Garbage, body: &Bytes) -> (Bytes, &'static str) {
    let html: &[u8] = b"<html><head><title>Error</title></head><body><h1>Bad Gateway</h1></body></html>";
    match garbage {
        Garbage::Text => (Bytes::from_static(b"upstream said something unexpected"), "text/plain"),
        Garbage::Html => (Bytes::from_static(html), "text/html"),
        Garbage::Truncated if body.is_empty() => (Bytes::from_static(br#"{"code":"#), "application/json"),
        Garbage::Truncated => (body.slice(..body.len() / 2), "application/json"),
    }
}
