//! Posts the events of accepted messages to the webhook.
//!
//! Invariant: an event is posted until the webhook answers 2xx. After any other answer, or none, it is posted again after a
//! pause, as the providers do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use secrecy::ExposeSecret;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::providers::api::ProviderApi;
use crate::providers::api_of;
use crate::providers::events::{AcceptedMessage, EventDetails};
use crate::random::Random;
use crate::webhooks::receipts;
use crate::{Config, Error, Webhook, WebhookCounts};

/// Meta's code for a closed 24-hour window.
const WINDOW_CLOSED: &str = "131047";
/// The maximum number of concurrent posts.
const MAX_CONCURRENT: usize = 16;
/// The time limit for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// The pause before the first repetition of a post; it doubles up to `MAX_PAUSE`.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// Posts to one URL; cheap to clone.
#[derive(Clone)]
pub(crate) struct WebhookSender {
    shared: Arc<Shared>,
}

struct Shared {
    api: Box<dyn ProviderApi>,
    webhook: Webhook,
    host: String,
    path: String,
    random: Mutex<Random>,
    permits: Semaphore,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
    planned: AtomicU64,
    taken: AtomicU64,
    refused: AtomicU64,
    stop: CancellationToken,
}

impl WebhookSender {
    pub(crate) fn new(config: &Config, webhook: Webhook, stop: CancellationToken) -> Result<Self, Error> {
        let (host, path) = webhook.check()?;
        let shared = Shared {
            random: Mutex::new(Random::new(config.seed)),
            api: api_of(config),
            webhook,
            host,
            path,
            permits: Semaphore::new(MAX_CONCURRENT),
            idle: Mutex::default(),
            planned: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            stop,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The counts of posts so far.
    pub(crate) fn counts(&self) -> WebhookCounts {
        let read = |n: &AtomicU64| n.load(Ordering::Relaxed);
        let Shared { planned, taken, refused, .. } = &*self.shared;
        WebhookCounts { planned: read(planned), taken: read(taken), refused: read(refused) }
    }

    /// Schedules the posts of a message that was just accepted. If it meets a closed window, it fails with Meta's code.
    pub(crate) fn schedule(&self, message: &AcceptedMessage, meets_closed_window: bool) {
        let shared = &self.shared;
        let mut random = shared.random.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = meets_closed_window.then(|| Webhook { failed: 1.0, ..shared.webhook.clone() });
        let plan = receipts::plan(failed.as_ref().unwrap_or(&shared.webhook), &mut random);
        let form = receipts::form(&shared.webhook, &mut random);
        drop(random);
        let now_s = now_s();
        for (delay, event) in plan {
            shared.planned.fetch_add(1, Ordering::Relaxed);
            // The body states the time of the event, not of the post, so that a duplicate is identical byte by byte.
            let details = EventDetails {
                at_s: now_s,
                form: &form,
                failed_code: if meets_closed_window { WINDOW_CLOSED } else { &shared.webhook.failed_code },
                opt_out_word: &shared.webhook.opt_out_word,
            };
            let body = Bytes::from(shared.api.webhook_body(message, event, &details).to_string());
            let shared = Arc::clone(shared);
            tokio::spawn(async move {
                let stop = shared.stop.clone();
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = shared.deliver(delay, body) => {}
                }
            });
        }
    }
}

impl Shared {
    async fn deliver(&self, delay: Duration, body: Bytes) {
        tokio::time::sleep(delay).await;
        let mut pause = FIRST_PAUSE;
        while !self.post(body.clone()).await {
            self.refused.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    /// Posts once, and returns whether the answer is 2xx.
    async fn post(&self, body: Bytes) -> bool {
        let Ok(_permit) = self.permits.acquire().await else { return false };
        let posted = tokio::time::timeout(ANSWER_TIMEOUT, self.exchange(body)).await;
        matches!(posted, Ok(Some(true)))
    }

    /// Posts on an idle or a new connection. Returns whether the answer is 2xx, or `None` without an answer.
    async fn exchange(&self, body: Bytes) -> Option<bool> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match idle.filter(|connection| !connection.is_closed()) {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        connection.ready().await.ok()?;
        let response = connection.send_request(self.request(body)?).await.ok()?;
        let is_success = response.status().is_success();
        response.into_body().collect().await.ok()?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Some(is_success)
    }

    async fn connect(&self) -> Option<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(&self.host).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection to the webhook ended");
            }
        });
        Some(sender)
    }

    fn request(&self, body: Bytes) -> Option<Request<Full<Bytes>>> {
        let mut request = Request::post(&self.path)
            .header(header::HOST, &self.host)
            .header(header::CONTENT_TYPE, "application/json");
        if let Some(secret) = &self.webhook.secret {
            let (name, value) = self.api.webhook_authentication(secret.expose_secret(), &body)?;
            request = request.header(name, value);
        }
        request.body(Full::new(body)).ok()
    }
}

/// The time of the provider's clock, in seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "a provider has its own clock and reports its time")]
fn now_s() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
