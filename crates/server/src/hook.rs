//! One request from its first byte to its answer: who is it, is it theirs, what does it say, is it committed.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use campaign::ReferenceKey;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use whatsapp::Overrides;
use whatsapp::webhook::{InvalidBody, SIGNATURE_HEADER};

use crate::body::{self, NotRead};
use crate::committer::{Taken, Waiting};
use crate::config::Config;
use crate::connections::Connection;
use crate::content_coding::{ContentCoding, Decoder, NotDecoded};
use crate::limit::BadRequests;
use crate::memory::{Kept, Memory};
use crate::proxies::UnnamedProxies;
use crate::senders::{Known, PathOf, Sender, Senders};
use crate::upkeep::{Pulse, Refusals};
use crate::{address, intake};

/// The longest challenge of Meta that is repeated.
const LONGEST_CHALLENGE: usize = 256;

/// What requests are answered with.
pub(crate) struct WebhookState {
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
    /// Proxies that are not named in the settings.
    pub(crate) proxies: Arc<UnnamedProxies>,
    /// Decodes bodies with a content coding.
    pub(crate) decoder: Decoder,
    /// Memory for bodies.
    pub(crate) memory: Arc<Memory>,
}

/// The addresses there are.
pub(crate) fn router(state: Arc<WebhookState>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/webhook/{path}", get(verify).post(take_in))
        .with_state(state)
}

async fn health(State(state): State<Arc<WebhookState>>) -> (StatusCode, &'static str) {
    if state.pulse.is_healthy() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "postgres does not answer\n")
    }
}

/// Meta asks whether the address is ours: it shows the token it was given, and gets its challenge back.
async fn verify(
    State(state): State<Arc<WebhookState>>,
    Extension(connection): Extension<Arc<Connection>>,
    Path(path): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let address = address::of(connection.peer, &headers, &state.config.trusted_proxies);
    let sender = match state.senders.of(&path).await {
        PathOf::Sender(sender) => sender,
        PathOf::Nobody => return state.unknown_path(address),
        PathOf::NotKnownYet => return later(),
    };
    state.proxies.look(connection.peer, &headers);
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
        connection.mark_checked();
        tracing::info!(sender.id = %sender.id, "the webhook of sender {} is verified", sender.name);
        let plain = HeaderValue::from_static("text/plain");
        return ([(header::CONTENT_TYPE, plain)], challenge).into_response();
    }
    state.refuse(&sender, address, (StatusCode::FORBIDDEN, "bad_token"))
}

/// A post: 200 when it is committed.
async fn take_in(
    State(state): State<Arc<WebhookState>>,
    Extension(connection): Extension<Arc<Connection>>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let address = address::of(connection.peer, &headers, &state.config.trusted_proxies);
    let sender = match state.senders.of(&path).await {
        PathOf::Sender(sender) => sender,
        PathOf::Nobody => return state.unknown_path(address),
        PathOf::NotKnownYet => return later(),
    };
    state.proxies.look(connection.peer, &headers);
    let shown = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    match sender.knows(address, shown(header::AUTHORIZATION.as_str())) {
        Known::Yes => {}
        Known::NotYet => return state.busy(&sender, "no_secret"),
        Known::No(kind) => return state.refuse(&sender, address, (StatusCode::FORBIDDEN, kind)),
    }
    if sender.has_password() {
        connection.mark_checked();
    }
    let arrival = state.memory.arrival(sender.id, address::network(address), Instant::now());
    let limits = (state.config.max_body_bytes, state.config.read_timeout);
    let body = match body::read(body, &arrival, limits.0, limits.1).await {
        Ok(body) => body,
        Err(NotRead::Full) => return state.busy(&sender, "overload"),
        Err(not_read) if sender.has_password() => {
            return state.unreadable(&sender, address, not_read.answer());
        }
        Err(not_read) => return state.refuse(&sender, address, not_read.answer()),
    };
    if !sender.is_signed(&body, shown(SIGNATURE_HEADER)) {
        return state.refuse(&sender, address, (StatusCode::UNAUTHORIZED, "bad_signature"));
    }
    let Ok(memory) = arrival.keep() else { return state.busy(&sender, "overload") };
    connection.mark_checked();
    // Providers sign the bytes that they send, so a body is decoded after its signature was checked.
    let Some(coding) = ContentCoding::of(&headers) else {
        state.unreadable(&sender, address, (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unknown_encoding"));
        return unknown_encoding();
    };
    let (body, memory) = match state.decoder.decode(coding, body, memory).await {
        Ok(decoded) => decoded,
        Err(NotDecoded::Full) => return state.busy(&sender, "overload"),
        Err(not_decoded) => return state.unreadable(&sender, address, not_decoded.answer()),
    };
    let bad = |kind| (StatusCode::BAD_REQUEST, kind);
    let reading = match whatsapp::read_webhook(sender.provider, &body, &state.overrides) {
        Ok(reading) => reading,
        Err(InvalidBody::NotJson) => return state.unreadable(&sender, address, bad("not_json")),
        Err(InvalidBody::Shape) => return state.unreadable(&sender, address, bad("wrong_shape")),
    };
    let kept = (!state.config.keep_bodies.is_zero()).then_some(body);
    state.commit(&sender, intake::post(&sender, &state.references, reading, kept), memory).await
}

impl WebhookState {
    /// Puts a post into the queue and waits for its commit.
    async fn commit(&self, sender: &Sender, post: intake::Post, memory: Kept) -> Response {
        let (answer, taken) = oneshot::channel();
        if self.queue.try_send(Waiting { post, answer, memory }).is_err() {
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

    /// A post of the provider that cannot be read: it does not count as a bad request. It is counted by its kind, and a line in the log, of which there are `bad_requests` a minute.
    fn unreadable(
        &self,
        sender: &Sender,
        address: IpAddr,
        (status, kind): (StatusCode, &'static str),
    ) -> Response {
        self.refusals.note(sender.id, kind);
        if !self.unreadable.is_beyond(Some(sender.id), address, Instant::now()) {
            tracing::warn!(sender.id = %sender.id, kind, "a post to sender {} was refused: {kind}", sender.name);
        }
        status.into_response()
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

fn unknown_encoding() -> Response {
    let known = [(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate"))];
    let says = "the Content-Encoding of this post is not known here; send gzip, deflate or none\n";
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, known, says).into_response()
}

fn too_many() -> Response {
    let seconds = HeaderValue::from_static("60");
    (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds)]).into_response()
}
