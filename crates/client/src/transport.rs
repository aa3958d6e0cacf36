//! Attempts: a request is sent until there is an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use control::{Error, Problem};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::address::Address;
use crate::network;
use crate::ongoing::Ongoing;
use crate::problem::{self, Failed};
use crate::request::Request;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The time limit for one attempt. A start reads the whole list.
const TIMEOUT: Duration = Duration::from_mins(2);
/// The time limit for one upload of a list.
const UPLOAD_TIMEOUT: Duration = Duration::from_hours(1);
/// Pauses before a request is repeated that was not answered, in milliseconds.
const PAUSES: [u64; 6] = [250, 1_000, 2_000, 4_000, 4_000, 4_000];
/// Pauses for a request that cannot have changed anything: the user may rather start the command again.
const FEW_PAUSES: usize = 3;
/// How long a request is repeated because the server asks for it.
const MOST_BUSY: Duration = Duration::from_mins(10);

/// A client of the API with an API key. Cheap to clone. Clones belong to one command.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    address: Address,
    authorization: HeaderValue,
    command: Uuid,
    /// The changes that this command has asked for.
    changes: Arc<AtomicU32>,
    pub(crate) ongoing: Ongoing,
}

impl Client {
    /// A client for one command. Nothing is sent yet.
    pub fn new(address: Address, key: &SecretString) -> Result<Self, Error> {
        install_crypto();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("flowcast/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(Policy::none())
            .referer(false)
            .retry(reqwest::retry::never());
        if address.is_loopback() {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| {
            let text = format!("cannot prepare requests to {address}: {}", error.without_url());
            Error::refused(Problem::Internal, text)
        })?;
        let mut authorization = authorization(key)?;
        authorization.set_sensitive(true);
        let (command, changes) = (Uuid::new_v4(), Arc::default());
        Ok(Self { http, address, authorization, command, changes, ongoing: Ongoing::default() })
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// What goes on at the server if the command is interrupted now; `None`: nothing.
    pub fn ongoing(&self) -> Option<String> {
        self.ongoing.read()
    }

    /// The result of a request as JSON.
    pub(crate) async fn read<T: DeserializeOwned>(&self, request: Request) -> Result<T, Error> {
        let (_, body) = self.exchange(request).await?;
        self.parse(&body)
    }

    /// A request without a result.
    pub(crate) async fn execute(&self, request: Request) -> Result<(), Error> {
        self.exchange(request).await.map(drop)
    }

    pub(crate) fn parse<T: DeserializeOwned>(&self, body: &[u8]) -> Result<T, Error> {
        serde_json::from_slice(body).map_err(|error| self.unreadable(&error))
    }

    /// An answer with other members than this version knows.
    pub(crate) fn unreadable(&self, error: &serde_json::Error) -> Error {
        let text = format!(
            "the answer of {} cannot be read: {error}; use the version of flowcast that the server has",
            self.address
        );
        Error::refused(Problem::Internal, text)
    }

    async fn exchange(&self, request: Request) -> Result<(StatusCode, Bytes), Error> {
        let limit = if request.is_upload() { UPLOAD_TIMEOUT } else { TIMEOUT };
        self.until_answered(request, async |request, key| {
            let attempt = async {
                let response = self.attempt(request, key).await?;
                let status = response.status();
                let body = response.bytes().await.map_err(|error| network::failure(&self.address, &error))?;
                Ok((status, body))
            };
            let limited = timeout(limit, attempt).await;
            limited.unwrap_or_else(|_| Err(network::lost(&self.address, "the answer did not come in time")))
        })
        .await
    }

    /// The successful answer to a request, before its body is read.
    pub(crate) async fn open(&self, request: Request) -> Result<Response, Error> {
        self.until_answered(request, async |request, key| {
            let limited = timeout(TIMEOUT, self.attempt(request, key)).await;
            limited.unwrap_or_else(|_| Err(network::lost(&self.address, "the answer did not come in time")))
        })
        .await
    }

    /// Repeats attempts with one `Idempotency-Key` until there is an answer.
    async fn until_answered<T>(
        &self,
        request: Request,
        attempt: impl AsyncFn(&Request, Option<&HeaderValue>) -> Result<T, Failed>,
    ) -> Result<T, Error> {
        let key = if request.is_change() { Some(self.next_key()?) } else { None };
        let _note = request.is_change().then(|| self.ongoing.note(self.interrupted(&request)));
        let (began, mut lost, mut may_be_done) = (Instant::now(), 0, false);
        loop {
            match attempt(&request, key.as_ref()).await {
                Ok(answer) => return Ok(answer),
                Err(Failed::Refused(error)) => return Err(error),
                Err(Failed::Busy(wait, error)) => {
                    if began.elapsed() + wait > MOST_BUSY {
                        return Err(error);
                    }
                    sleep(wait).await;
                }
                Err(Failed::Lost { was_sent, error }) => {
                    may_be_done |= was_sent && request.is_change();
                    let most = if may_be_done { PAUSES.len() } else { FEW_PAUSES };
                    match PAUSES.get(lost).filter(|_| lost < most) {
                        Some(pause) => sleep(Duration::from_millis(*pause)).await,
                        None if may_be_done => return Err(network::unknown_result(&error)),
                        None => return Err(error),
                    }
                    lost += 1;
                }
            }
        }
    }

    async fn attempt(&self, request: &Request, key: Option<&HeaderValue>) -> Result<Response, Failed> {
        let url = self.address.resource(&request.path, &request.query).map_err(Failed::Refused)?;
        let mut sent = self
            .http
            .request(request.method.clone(), url)
            .headers(request.headers.clone())
            .header(AUTHORIZATION, self.authorization.clone())
            .header(ACCEPT, "application/json, */*;q=0.1");
        if let Some(key) = key {
            sent = sent.header(IDEMPOTENCY_KEY, key.clone());
        }
        if let Some(body) = request.body() {
            sent = sent.body(body);
        }
        let response = sent.send().await.map_err(|error| network::failure(&self.address, &error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(problem::failure(&self.address, response).await)
    }

    /// The key of the next change of this command.
    fn next_key(&self) -> Result<HeaderValue, Error> {
        let n = self.changes.fetch_add(1, Ordering::Relaxed);
        HeaderValue::from_str(&format!("{}-{n}", self.command))
            .map_err(|error| Error::refused(Problem::Internal, error.to_string()))
    }

    fn interrupted(&self, request: &Request) -> String {
        if request.is_upload() {
            return "the upload was cut off; a list that has not arrived completely is not imported".into();
        }
        format!(
            "the request was sent to {}, which may execute it; look at the result before you repeat the command",
            self.address
        )
    }
}

fn authorization(key: &SecretString) -> Result<HeaderValue, Error> {
    let key = key.expose_secret();
    let header = HeaderValue::from_str(&format!("Bearer {key}")).ok();
    header.filter(|_| key.bytes().all(|byte| byte.is_ascii_graphic())).ok_or_else(|| {
        let text = "the API key contains characters that no key has; set FLOWCAST_API_KEY to the key as 'flowcast key add' prints it";
        Error::refused(Problem::Unauthorized, text)
    })
}

/// Installs `ring` as the provider of TLS cryptography, unless the process already has one.
fn install_crypto() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Another thread may have installed one in the meantime; then that one is used.
        rustls::crypto::ring::default_provider().install_default().ok();
    }
}
