//! Sending messages of one account over the shared HTTP client.

use std::fmt;
use std::time::Duration;

use campaign::{Message, Msisdn, Provider, Refusal, StopReason, Verdict};
use reqwest::{Method, Request, Response};
use tokio::time::Instant;

use crate::account::Account;
use crate::classification::answer::{self, HttpAnswer};
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
}

/// Sends the messages of one account. URLs and headers are built once; cheap to clone.
#[derive(Clone)]
pub struct Channel {
    client: Client,
    provider: Provider,
    route: Route,
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
        let started = Instant::now();
        let (http_status, verdict, wa_id) = match self.body(outgoing) {
            Ok(body) => self.post(outgoing.message, body).await,
            Err(refusal) => (None, unsendable(outgoing.message, refusal), None),
        };
        let wa_id = wa_id.filter(|wa_id| wa_id.person() != outgoing.to.person());
        Answer { verdict, http_status, latency: started.elapsed(), wa_id }
    }

    /// The body of the request; a refusal if the provider cannot send the message.
    pub fn body(&self, outgoing: &Outgoing<'_>) -> Result<Vec<u8>, Refusal> {
        self.adapter().body(&self.route, outgoing)
    }

    async fn post(&self, message: &Message, body: Vec<u8>) -> (Option<u16>, Verdict, Option<Msisdn>) {
        let mut request = Request::new(Method::POST, self.route.url(message).clone());
        *request.headers_mut() = self.route.headers.clone();
        *request.body_mut() = Some(body.into());
        match self.client.http.execute(request).await {
            Ok(response) => {
                let status = response.status().as_u16();
                let (verdict, wa_id) = self.classify_response(response).await;
                (Some(status), verdict, wa_id)
            }
            Err(error) => (None, classify_request_error(&error), None),
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
    async fn classify_response(&self, mut response: Response) -> (Verdict, Option<Msisdn>) {
        let status = response.status().as_u16();
        let retry_after = answer::retry_after(response.headers());
        let classify = |body: &[u8]| {
            let verdict = self.adapter().classify(&HttpAnswer { status, retry_after, body });
            self.client.overrides.apply(self.provider, verdict)
        };
        let verdict = match read(&mut response, self.client.max_answer_bytes).await {
            Ok(body) => {
                let verdict = classify(&body);
                let is_accepted = matches!(verdict, Verdict::Accepted { .. });
                return (verdict, is_accepted.then(|| answer::wa_id(&body)).flatten());
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
        (verdict, None)
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
