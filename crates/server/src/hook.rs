//! One request from its first byte to its answer: who is it, is it theirs, what does it say, is it committed.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use campaign::ReferenceKey;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::Instant;
use whatsapp::Overrides;
use whatsapp::webhook::{SIGNATURE_HEADER, Unreadable};

use crate::committer::{Taken, Waiting};
use crate::config::Config;
use crate::limit::BadRequests;
use crate::senders::{Known, PathOf, Sender, Senders};
use crate::upkeep::{Pulse, Refusals};
use crate::{address, intake};

/// The longest challenge of Meta that is repeated.
const LONGEST_CHALLENGE: usize = 256;

/// What requests are answered with.
pub(crate) struct Desk {
    pub(crate) config: Config,
    pub(crate) senders: Arc<Senders>,
    pub(crate) references: ReferenceKey,
    pub(crate) overrides: Overrides,
    pub(crate) refusals: Arc<Refusals>,
    pub(crate) pulse: Arc<Pulse>,
    /// Requests that are none of the provider's.
    pub(crate) bad: BadRequests,
    /// Posts of providers that cannot be read.
    pub(crate) unreadable: BadRequests,
    pub(crate) queue: mpsc::Sender<Waiting>,
    /// Bytes of bodies that may be held still.
    pub(crate) room: Arc<Semaphore>,
}

/// The addresses there are.
pub(crate) fn router(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/webhook/{path}", get(verify).post(take_in))
        .with_state(desk)
}

async fn health(State(desk): State<Arc<Desk>>) -> (StatusCode, &'static str) {
    if desk.pulse.is_healthy() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "postgres does not answer\n")
    }
}

/// Meta asks whether the address is ours: it shows the token it was given, and gets its challenge back.
async fn verify(
    State(desk): State<Arc<Desk>>,
    Extension(peer): Extension<SocketAddr>,
    Path(path): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let address = address::of(peer.ip(), &headers, &desk.config.trusted_proxies);
    let sender = match desk.senders.of(&path).await {
        PathOf::Sender(sender) => sender,
        PathOf::Nobody => return desk.unknown_path(address),
        PathOf::NotKnownYet => return later(),
    };
    let query = query.unwrap_or_default();
    let shown = |name: &str| {
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    let (token, challenge) = (shown("hub.verify_token"), shown("hub.challenge").unwrap_or_default());
    let is_clean = (1..=LONGEST_CHALLENGE).contains(&challenge.len())
        && challenge.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    let is_asked = shown("hub.mode").as_deref() == Some("subscribe") && is_clean;
    if is_asked && token.is_some_and(|token| sender.verifies(&token)) {
        tracing::info!(sender.id = %sender.id, "the webhook of sender {} is verified", sender.name);
        let plain = HeaderValue::from_static("text/plain");
        return ([(header::CONTENT_TYPE, plain)], challenge).into_response();
    }
    desk.refuse(&sender, address, (StatusCode::FORBIDDEN, "bad_token"))
}

/// A post: 200 when it is committed.
async fn take_in(
    State(desk): State<Arc<Desk>>,
    Extension(peer): Extension<SocketAddr>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let address = address::of(peer.ip(), &headers, &desk.config.trusted_proxies);
    let sender = match desk.senders.of(&path).await {
        PathOf::Sender(sender) => sender,
        PathOf::Nobody => return desk.unknown_path(address),
        PathOf::NotKnownYet => return later(),
    };
    let shown = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    match sender.knows(address, shown(header::AUTHORIZATION.as_str())) {
        Known::Yes => {}
        Known::NotYet => return desk.busy(&sender, "no_secret"),
        Known::No(kind) => return desk.refuse(&sender, address, (StatusCode::FORBIDDEN, kind)),
    }
    let Some(room) = desk.room_for(&headers) else { return desk.busy(&sender, "overload") };
    let body = match tokio::time::timeout(desk.config.read_timeout, desk.read(body)).await {
        Ok(Ok(body)) => body,
        Ok(Err(refused)) => return desk.refuse(&sender, address, refused),
        Err(_) => return desk.refuse(&sender, address, (StatusCode::REQUEST_TIMEOUT, "too_slow")),
    };
    if !sender.is_signed(&body, shown(SIGNATURE_HEADER)) {
        return desk.refuse(&sender, address, (StatusCode::UNAUTHORIZED, "bad_signature"));
    }
    let reading = match whatsapp::webhook::read(sender.provider, &body, &desk.overrides) {
        Ok(reading) => reading,
        Err(Unreadable::NotJson) => return desk.unreadable(&sender, address, "not_json"),
        Err(Unreadable::Shape) => return desk.unreadable(&sender, address, "wrong_shape"),
    };
    let kept = (!desk.config.keep_bodies.is_zero()).then_some(body);
    desk.commit(&sender, intake::post(&sender, &desk.references, reading, kept), room).await
}

impl Desk {
    /// Room for a body of the announced length, or for the longest one.
    fn room_for(&self, headers: &HeaderMap) -> Option<OwnedSemaphorePermit> {
        let announced =
            headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let bytes = announced.unwrap_or(self.config.max_body_bytes).clamp(1, self.config.max_body_bytes);
        Arc::clone(&self.room).try_acquire_many_owned(u32::try_from(bytes).ok()?).ok()
    }

    async fn read(&self, body: Body) -> Result<Bytes, (StatusCode, &'static str)> {
        match Limited::new(body, self.config.max_body_bytes).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err((StatusCode::PAYLOAD_TOO_LARGE, "too_large")),
            Err(_) => Err((StatusCode::BAD_REQUEST, "broken_off")),
        }
    }

    /// Puts a post into the queue and waits for its commit.
    async fn commit(&self, sender: &Sender, post: intake::Post, room: OwnedSemaphorePermit) -> Response {
        let (answer, taken) = oneshot::channel();
        if self.queue.try_send(Waiting { post, answer, room }).is_err() {
            return self.busy(sender, "overload");
        }
        match tokio::time::timeout(self.config.commit_timeout, taken).await {
            Ok(Ok(Taken::Yes)) => StatusCode::OK.into_response(),
            Ok(Ok(Taken::NotNow) | Err(_)) | Err(_) => self.busy(sender, "not_committed"),
        }
    }

    /// A request that is none of the provider's: counted, and one line in the log. Beyond `bad_requests` a minute it is answered
    /// 429, without a line.
    fn refuse(
        &self,
        sender: &Sender,
        address: IpAddr,
        (status, kind): (StatusCode, &'static str),
    ) -> Response {
        self.refusals.note(sender.id, kind);
        if self.bad.is_beyond(Some(sender.id), address, Instant::now()) {
            return too_many();
        }
        tracing::warn!(sender.id = %sender.id, kind, "a post to sender {} was refused: {kind}", sender.name);
        status.into_response()
    }

    /// A post of the provider that cannot be read: counted, and a line in the log, of which there are `bad_requests` a minute.
    fn unreadable(&self, sender: &Sender, address: IpAddr, kind: &'static str) -> Response {
        self.refusals.note(sender.id, kind);
        if !self.unreadable.is_beyond(Some(sender.id), address, Instant::now()) {
            tracing::warn!(sender.id = %sender.id, kind, "a post to sender {} was refused: {kind}", sender.name);
        }
        StatusCode::BAD_REQUEST.into_response()
    }

    fn unknown_path(&self, address: IpAddr) -> Response {
        if self.bad.is_beyond(None, address, Instant::now()) {
            return too_many();
        }
        tracing::warn!("a request to an unknown webhook was refused");
        StatusCode::NOT_FOUND.into_response()
    }

    /// The provider shall post again in a moment.
    fn busy(&self, sender: &Sender, kind: &'static str) -> Response {
        self.refusals.note(sender.id, kind);
        later()
    }
}

fn later() -> Response {
    let seconds = HeaderValue::from_static("1");
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, seconds)]).into_response()
}

fn too_many() -> Response {
    let seconds = HeaderValue::from_static("60");
    (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds)]).into_response()
}
