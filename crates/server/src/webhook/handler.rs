//! The handler of webhook requests: look up the sender, authenticate, read, parse, commit, answer.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use campaign::ReferenceKey;
use listener::bad_requests::BadRequests;
use listener::client_address;
use listener::connections::Connection;
use listener::unlisted_proxies::UnlistedProxies;
use store::Ingest;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use whatsapp::Overrides;
use whatsapp::webhook::{InvalidBody, SIGNATURE_HEADER};

use crate::config::Config;
use crate::http::body_memory::{AuthenticatedBody, BodyMemory};
use crate::http::content_coding::{ContentCoding, DecodeError, Decoder};
use crate::http::health::DatabaseHealth;
use crate::http::read_body::{self, BodyError};
use crate::metrics::{self, EventCounts};
use crate::webhook::committer::{CommitResult, QueuedRequest};
use crate::webhook::events;
use crate::webhook::refusal_counts::RefusalCounts;
use crate::webhook::senders::{Sender, SenderLookup, Senders, SourceCheck};

/// The maximum length of a challenge of Meta.
const MAX_CHALLENGE: usize = 256;

/// The state of the webhook handler.
pub(crate) struct WebhookState {
    pub(crate) config: Config,
    pub(crate) senders: Arc<Senders>,
    pub(crate) references: ReferenceKey,
    pub(crate) overrides: Overrides,
    pub(crate) refusals: Arc<RefusalCounts>,
    pub(crate) health: Arc<DatabaseHealth>,
    /// Requests that are not from the provider.
    pub(crate) bad_requests: BadRequests,
    /// Requests of providers that cannot be read or parsed.
    pub(crate) invalid_requests: BadRequests,
    pub(crate) queue: mpsc::Sender<QueuedRequest>,
    /// Warns about proxies that are not listed in the settings.
    pub(crate) proxies: Arc<UnlistedProxies>,
    /// Decodes bodies with a content coding.
    pub(crate) decoder: Decoder,
    /// The memory for bodies.
    pub(crate) memory: Arc<BodyMemory>,
}

/// The routes `/health` and `/webhook/{path}`.
pub(crate) fn router(state: Arc<WebhookState>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/webhook/{path}", get(verify).post(receive))
        .with_state(state)
}

async fn health(State(state): State<Arc<WebhookState>>) -> (StatusCode, &'static str) {
    if state.health.is_healthy() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "postgres does not answer\n")
    }
}

/// Meta verifies that the URL is ours: the request contains the verify token, and the answer repeats the challenge.
async fn verify(
    State(state): State<Arc<WebhookState>>,
    Extension(connection): Extension<Arc<Connection>>,
    Path(path): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let address = client_address::of(connection.peer, &headers, &state.config.trusted_proxies);
    let sender = match state.senders.lookup(&path).await {
        SenderLookup::Found(sender) => sender,
        SenderLookup::Unknown => return state.unknown_path(address),
        SenderLookup::NotLoaded => return retry_later(),
    };
    state.proxies.warn_if_unlisted(connection.peer, &headers);
    let query = query.unwrap_or_default();
    let parameter = |name: &str| {
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    let (token, challenge) = (parameter("hub.verify_token"), parameter("hub.challenge").unwrap_or_default());
    let is_valid = (1..=MAX_CHALLENGE).contains(&challenge.len())
        && challenge.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    let is_subscribe = parameter("hub.mode").as_deref() == Some("subscribe") && is_valid;
    if is_subscribe && token.is_some_and(|token| sender.is_verify_token(&token)) {
        connection.mark_authenticated();
        tracing::info!(sender.id = %sender.id, "the webhook of sender {} is verified", sender.name);
        let text_plain = HeaderValue::from_static("text/plain");
        return ([(header::CONTENT_TYPE, text_plain)], challenge).into_response();
    }
    state.refuse(&sender, address, (StatusCode::FORBIDDEN, "bad_token"))
}

/// Receives a webhook request; the answer is 200 after the commit.
async fn receive(
    State(state): State<Arc<WebhookState>>,
    Extension(connection): Extension<Arc<Connection>>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let address = client_address::of(connection.peer, &headers, &state.config.trusted_proxies);
    let sender = match state.senders.lookup(&path).await {
        SenderLookup::Found(sender) => sender,
        SenderLookup::Unknown => return state.unknown_path(address),
        SenderLookup::NotLoaded => return retry_later(),
    };
    state.proxies.warn_if_unlisted(connection.peer, &headers);
    let header_value = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    match sender.check_source(address, header_value(header::AUTHORIZATION.as_str())) {
        SourceCheck::Accepted => {}
        SourceCheck::NotReady => return state.busy(&sender, "no_secret"),
        SourceCheck::Refused(kind) => return state.refuse(&sender, address, (StatusCode::FORBIDDEN, kind)),
    }
    if sender.has_password() {
        connection.mark_authenticated();
    }
    let arriving = state.memory.begin(sender.id, client_address::network(address), Instant::now());
    let (max_bytes, timeout) = (state.config.max_body_bytes, state.config.read_timeout);
    let body = match read_body::read(body, &arriving, max_bytes, timeout).await {
        Ok(body) => body,
        Err(BodyError::OutOfMemory) => return state.busy(&sender, "overload"),
        Err(error) if sender.has_password() => {
            return state.invalid(&sender, address, error.answer());
        }
        Err(error) => return state.refuse(&sender, address, error.answer()),
    };
    if !sender.is_signed(&body, header_value(SIGNATURE_HEADER)) {
        return state.refuse(&sender, address, (StatusCode::UNAUTHORIZED, "bad_signature"));
    }
    let Ok(memory) = arriving.into_authenticated() else { return state.busy(&sender, "overload") };
    connection.mark_authenticated();
    // Providers sign the bytes that they send, so the body is decoded after its signature is checked.
    let Some(coding) = ContentCoding::of(&headers) else {
        state.invalid(&sender, address, (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unknown_encoding"));
        return unsupported_encoding();
    };
    let (body, memory) = match state.decoder.decode(coding, body, memory).await {
        Ok(decoded) => decoded,
        Err(DecodeError::OutOfMemory) => return state.busy(&sender, "overload"),
        Err(error) => return state.invalid(&sender, address, error.answer()),
    };
    let bad_request = |kind| (StatusCode::BAD_REQUEST, kind);
    let parsed = match whatsapp::read_webhook(sender.provider, &body, &state.overrides) {
        Ok(parsed) => parsed,
        Err(InvalidBody::NotJson) => return state.invalid(&sender, address, bad_request("not_json")),
        Err(InvalidBody::Shape) => return state.invalid(&sender, address, bad_request("wrong_shape")),
    };
    let raw_body = (!state.config.keep_bodies.is_zero()).then_some(body);
    state.commit(&sender, events::rows(&sender, &state.references, parsed, raw_body), memory).await
}

impl WebhookState {
    /// Queues the rows of a request and waits for their commit.
    async fn commit(&self, sender: &Sender, rows: Ingest, memory: AuthenticatedBody) -> Response {
        let (answer, result) = oneshot::channel();
        let events = EventCounts::of(&rows);
        if self.queue.try_send(QueuedRequest { rows, answer, memory }).is_err() {
            return self.busy(sender, "overload");
        }
        match tokio::time::timeout(self.config.commit_timeout, result).await {
            Ok(Ok(CommitResult::Committed)) => {
                sender.metrics.count_committed(events);
                StatusCode::OK.into_response()
            }
            Ok(Ok(CommitResult::NotCommitted) | Err(_)) | Err(_) => self.busy(sender, "not_committed"),
        }
    }

    /// Refuses a request that is not from the provider: counts it and logs one line. Above `bad_requests` per minute, the answer
    /// is 429, and nothing is logged.
    fn refuse(
        &self,
        sender: &Sender,
        address: IpAddr,
        (status, kind): (StatusCode, &'static str),
    ) -> Response {
        self.count_refused(sender, kind);
        if self.bad_requests.count_exceeds_limit(Some(sender.id.0), address, Instant::now()) {
            return too_many_requests();
        }
        tracing::warn!(sender.id = %sender.id, kind, "a webhook request to sender {} was refused: {kind}", sender.name);
        status.into_response()
    }

    /// Refuses a request of the provider that cannot be read or parsed: counts it by its kind, but not as a bad request. At most
    /// `bad_requests` of them per minute are logged.
    fn invalid(
        &self,
        sender: &Sender,
        address: IpAddr,
        (status, kind): (StatusCode, &'static str),
    ) -> Response {
        self.count_refused(sender, kind);
        if !self.invalid_requests.count_exceeds_limit(Some(sender.id.0), address, Instant::now()) {
            tracing::warn!(sender.id = %sender.id, kind, "a webhook request to sender {} was refused: {kind}", sender.name);
        }
        status.into_response()
    }

    fn unknown_path(&self, address: IpAddr) -> Response {
        if self.bad_requests.count_exceeds_limit(None, address, Instant::now()) {
            return too_many_requests();
        }
        tracing::warn!("a request to an unknown webhook was refused");
        StatusCode::NOT_FOUND.into_response()
    }

    /// Asks the provider to repeat the request soon.
    fn busy(&self, sender: &Sender, kind: &'static str) -> Response {
        self.count_refused(sender, kind);
        retry_later()
    }

    fn count_refused(&self, sender: &Sender, kind: &'static str) {
        self.refusals.count(sender.id, kind);
        metrics::count_refused(&sender.name, kind);
    }
}

fn retry_later() -> Response {
    let seconds = HeaderValue::from_static("1");
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, seconds)]).into_response()
}

fn unsupported_encoding() -> Response {
    let supported = [(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip, deflate"))];
    let text = "this Content-Encoding is not supported; use gzip, deflate or none\n";
    (StatusCode::UNSUPPORTED_MEDIA_TYPE, supported, text).into_response()
}

fn too_many_requests() -> Response {
    let seconds = HeaderValue::from_static("60");
    (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds)]).into_response()
}
