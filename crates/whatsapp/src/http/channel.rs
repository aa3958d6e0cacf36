//! Sending messages of one account over the shared HTTP client.

use std::fmt;
use std::time::Duration;

use campaign::{Message, Msisdn, Provider, Refusal, StopReason, Verdict};
use reqwest::{Method, Request, Response};
use tokio::time::Instant;

use crate::account::Account;
use crate::classification::answer::{self, Explanation, HttpAnswer};
use crate::error::Error;
use crate::http::client::Client;
use crate::http::request_error::{ANSWER_TOO_LARGE, classify_request_error};
use crate::providers::adapter::{Adapter, Route};
use crate::providers::adapter_of;
use crate::request::outgoing::Outgoing;

/// The replacement for a key in output.
const MASK: &str = "********";

/// The result of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The classification of the result.
    pub verdict: Verdict,
    /// The HTTP status, if the headers of an answer arrived.
    pub http_status: Option<u16>,
    /// The time from the start of the request to the end of the answer.
    pub latency: Duration,
    /// The recipient's number at WhatsApp, if the provider returned it and the known spelling rules do not derive it from the
    /// dialed number.
    pub wa_id: Option<Msisdn>,
    /// Whether the provider accepted the message and holds it back for a check of its quality.
    pub is_held: bool,
}

/// A classified answer, and what else is read of its body.
struct Reading {
    verdict: Verdict,
    wa_id: Option<Msisdn>,
    is_held: bool,
    /// The complete body of a refusal.
    refusal: Vec<u8>,
}

impl From<Verdict> for Reading {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, wa_id: None, is_held: false, refusal: Vec::new() }
    }
}

/// Sends the messages of one account. URLs and headers are built once; cheap to clone.
#[derive(Clone)]
pub struct Channel {
    pub(super) client: Client,
    pub(super) provider: Provider,
    pub(super) route: Route,
}

impl Channel {
    /// Checks the account, and builds URLs and headers. Sends nothing.
    pub fn new(client: Client, account: &Account) -> Result<Self, Error> {
        let base = account.checked_base(client.allow_plain_http)?;
        let route = adapter_of(account.provider).route(account, &base)?;
        Ok(Self { client, provider: account.provider, route })
    }

    /// Sends one message as one HTTP request. Every result is a verdict. If the future is dropped early, the outcome is unknown.
    pub async fn send(&self, outgoing: &Outgoing<'_>) -> Answer {
        self.exchange(outgoing).await.0
    }

    /// Sends one message, and returns the provider's explanation of a refusal too. It is for test messages: the words of a provider may
    /// be about the recipient.
    pub async fn send_and_explain(&self, outgoing: &Outgoing<'_>) -> (Answer, Explanation) {
        let (answer, refusal) = self.exchange(outgoing).await;
        (answer, Explanation::of(&refusal, &self.secrets()))
    }

    async fn exchange(&self, outgoing: &Outgoing<'_>) -> (Answer, Vec<u8>) {
        let started = Instant::now();
        let (http_status, reading) = match self.body(outgoing) {
            Ok(body) => self.post(outgoing.message, body).await,
            Err(refusal) => (None, unsendable(outgoing.message, refusal).into()),
        };
        let Reading { verdict, wa_id, is_held, refusal } = reading;
        let wa_id = wa_id.filter(|wa_id| wa_id.person() != outgoing.to.person());
        (Answer { verdict, http_status, latency: started.elapsed(), wa_id, is_held }, refusal)
    }

    /// The key, as it is in the URL or in a header.
    fn secrets(&self) -> Vec<String> {
        let in_url = self.route.template.query_pairs().map(|(_, value)| value.into_owned());
        let in_headers = self.route.headers.values().filter(|value| value.is_sensitive());
        let in_headers = in_headers.filter_map(|value| value.to_str().ok());
        let in_headers = in_headers.map(|text| text.strip_prefix("Bearer ").unwrap_or(text).to_owned());
        in_url.chain(in_headers).filter(|secret| !secret.is_empty()).collect()
    }

    /// The body of the request; a refusal if the provider cannot send the message.
    pub fn body(&self, outgoing: &Outgoing<'_>) -> Result<Vec<u8>, Refusal> {
        self.adapter().body(&self.route, outgoing)
    }

    async fn post(&self, message: &Message, body: Vec<u8>) -> (Option<u16>, Reading) {
        let mut request = Request::new(Method::POST, self.route.url(message).clone());
        *request.headers_mut() = self.route.headers.clone();
        *request.body_mut() = Some(body.into());
        match self.client.http.execute(request).await {
            Ok(response) => {
                let status = response.status().as_u16();
                (Some(status), self.classify_response(response).await)
            }
            Err(error) => (None, classify_request_error(&error).into()),
        }
    }

    /// The request as text, to be shown to a user: the key is masked, number and texts of the recipient are not. A refusal if the
    /// provider cannot send the message.
    pub fn dry_run(&self, outgoing: &Outgoing<'_>) -> Result<String, Refusal> {
        let body = self.body(outgoing)?;
        let mut url = self.route.url(outgoing.message).clone();
        // The only query parameter of any provider is a key.
        let query = url.query_pairs().map(|(name, _)| format!("{name}={MASK}")).collect::<Vec<_>>().join("&");
        url.set_query((!query.is_empty()).then_some(&query));
        let mut shown = format!("POST {url}\n");
        for (name, value) in &self.route.headers {
            let value = if value.is_sensitive() { MASK } else { value.to_str().unwrap_or_default() };
            shown.extend([name.as_str(), ": ", value, "\n"]);
        }
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        Ok(format!("{shown}\n{body:#}\n"))
    }

    fn adapter(&self) -> &'static dyn Adapter {
        adapter_of(self.provider)
    }

    /// Reads the answer up to its end or to the length limit, and classifies it. An accepting answer may contain the recipient's
    /// number at WhatsApp.
    async fn classify_response(&self, mut response: Response) -> Reading {
        let status = response.status().as_u16();
        let retry_after = answer::retry_after(response.headers());
        let classify = |body: &[u8]| {
            let verdict = self.adapter().classify(&HttpAnswer { status, retry_after, body });
            self.client.overrides.apply(self.provider, verdict)
        };
        let verdict = match read(&mut response, self.client.max_answer_bytes).await {
            Ok(body) => {
                let verdict = classify(&body);
                if !matches!(verdict, Verdict::Accepted { .. }) {
                    return Reading { refusal: body, ..verdict.into() };
                }
                let (wa_id, is_held) = (answer::wa_id(&body), answer::is_held(&body));
                return Reading { wa_id, is_held, ..verdict.into() };
            }
            // An answer that long is not the provider's, so only its status is classified.
            Err(ReadError::TooLarge) => match classify(&[]) {
                Verdict::Unknown { .. } => Verdict::Unknown { refusal: ANSWER_TOO_LARGE },
                verdict => verdict,
            },
            // The lost part may contain the code that decides, except for statuses that decide alone.
            Err(ReadError::Interrupted(error)) => match status {
                300..=399 | 429 | 503 => classify(&[]),
                _ => classify_request_error(&error),
            },
        };
        verdict.into()
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("provider", &self.provider)
            .field("host", &self.route.flow.host_str())
            .finish_non_exhaustive()
    }
}

/// The reason why the body of an answer cannot be read.
enum ReadError {
    TooLarge,
    Interrupted(reqwest::Error),
}

async fn read(response: &mut Response, limit: usize) -> Result<Vec<u8>, ReadError> {
    let announced = response.content_length().unwrap_or(0);
    if usize::try_from(announced).map_or(true, |announced| announced > limit) {
        return Err(ReadError::TooLarge);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(ReadError::Interrupted)? {
        if body.len() + chunk.len() > limit {
            return Err(ReadError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The verdict on a message that the provider cannot send. It stops the campaign, because it applies to every recipient.
fn unsendable(message: &Message, refusal: Refusal) -> Verdict {
    let reason = match message {
        Message::Flow(_) => StopReason::FlowFault,
        Message::Template(_) => StopReason::TemplateFault,
    };
    Verdict::StopCampaign { refusal, reason }
}
