//! Posts what becomes of accepted messages, each piece of news until it is taken.
//!
//! Invariant: a 2xx ends a piece of news; any other answer, or none, brings it again after a pause, as the providers do.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use secrecy::ExposeSecret;
use sha2::Sha256;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::dice::Dice;
use crate::news::{self, Message, Writer};
use crate::{Config, Error, Provider, Returned, Webhook};

/// Most posts at once.
const AT_ONCE: usize = 16;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// The first pause before a post is tried again, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Posts to one address; cheap to clone.
#[derive(Clone)]
pub(crate) struct Postman {
    shared: Arc<Shared>,
}

struct Shared {
    config: Config,
    webhook: Webhook,
    host: String,
    path: String,
    dice: Mutex<Dice>,
    places: Semaphore,
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
    planned: AtomicU64,
    taken: AtomicU64,
    refused: AtomicU64,
    stop: CancellationToken,
}

impl Postman {
    pub(crate) fn new(config: &Config, webhook: Webhook, stop: CancellationToken) -> Result<Self, Error> {
        let (host, path) = webhook.check()?;
        let shared = Shared {
            dice: Mutex::new(Dice::new(config.seed)),
            config: config.clone(),
            webhook,
            host,
            path,
            places: Semaphore::new(AT_ONCE),
            idle: Mutex::default(),
            planned: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            stop,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// What was posted so far.
    pub(crate) fn returned(&self) -> Returned {
        let read = |n: &AtomicU64| n.load(Ordering::Relaxed);
        let Shared { planned, taken, refused, .. } = &*self.shared;
        Returned { planned: read(planned), taken: read(taken), refused: read(refused) }
    }

    /// Tells what becomes of a message that was just accepted.
    pub(crate) fn tell(&self, message: &Message) {
        let shared = &self.shared;
        let mut dice = shared.dice.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = news::plan(&shared.webhook, &mut dice);
        let form = news::form(&shared.webhook, &mut dice);
        drop(dice);
        let now_s = now_s();
        for (after, news) in plan {
            shared.planned.fetch_add(1, Ordering::Relaxed);
            let writer = Writer {
                provider: shared.config.provider,
                account: &shared.config.account,
                number: shared.config.number,
                webhook: &shared.webhook,
            };
            // Tells when it happened, not when it is posted: doubles are the same to the byte.
            let body = Bytes::from(writer.body(message, news, (now_s, &form)).to_string());
            let shared = Arc::clone(shared);
            tokio::spawn(async move {
                let stop = shared.stop.clone();
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = shared.deliver(after, body) => {}
                }
            });
        }
    }
}

impl Shared {
    async fn deliver(&self, after: Duration, body: Bytes) {
        tokio::time::sleep(after).await;
        let mut pause = FIRST_PAUSE;
        while !self.post(body.clone()).await {
            self.refused.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    /// Posts once; whether it was answered with a 2xx.
    async fn post(&self, body: Bytes) -> bool {
        let Ok(_place) = self.places.acquire().await else { return false };
        let posted = tokio::time::timeout(PATIENCE, self.exchange(body)).await;
        matches!(posted, Ok(Some(true)))
    }

    /// Nothing if there was no answer.
    async fn exchange(&self, body: Bytes) -> Option<bool> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut connection = match idle.filter(|connection| !connection.is_closed()) {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        connection.ready().await.ok()?;
        let response = connection.send_request(self.request(body)?).await.ok()?;
        let is_taken = response.status().is_success();
        response.into_body().collect().await.ok()?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        Some(is_taken)
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
            let secret = secret.expose_secret();
            request = match self.config.provider {
                Provider::Meta => request.header("x-hub-signature-256", signature(secret, &body)?),
                Provider::Kaleyra | Provider::LipaChat | Provider::OneMsg => {
                    request.header(header::AUTHORIZATION, format!("Basic {}", base64(secret.as_bytes())))
                }
            };
        }
        request.body(Full::new(body)).ok()
    }
}

fn signature(secret: &str, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(body);
    let mut header = "sha256=".to_owned();
    for byte in mac.finalize().into_bytes() {
        write!(header, "{byte:02x}").ok()?;
    }
    Some(header)
}

fn base64(bytes: &[u8]) -> String {
    use ::base64::Engine;
    ::base64::prelude::BASE64_STANDARD.encode(bytes)
}

/// The provider's own clock.
#[expect(clippy::disallowed_methods, reason = "a provider has a clock of its own, and tells its time")]
fn now_s() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_signed_as_the_page_says() {
        // RFC 4231, test case 2.
        let signed = signature("Jefe", b"what do ya want for nothing?").unwrap();
        assert_eq!(signed, "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        assert_eq!(base64(b"user:password"), "dXNlcjpwYXNzd29yZA==");
    }
}
