//! A sender ready to send: one account at one provider, over the shared client.

use std::fmt;
use std::time::Duration;

use campaign::{CampaignId, Message, Msisdn, Provider, Reference, Refusal, StopReason, Verdict};
use reqwest::{Method, Request, Response};
use tokio::time::Instant;

use crate::account::Account;
use crate::adapter::{Adapter, Route, adapter};
use crate::answer::{self, Heard};
use crate::client::Client;
use crate::error::Error;
use crate::transport::{ANSWER_TOO_LARGE, judge_failure};

/// What is shown where a key stands.
const MASK: &str = "********";

/// One message on its way to one recipient.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// The recipient.
    pub to: Msisdn,
    /// What is sent.
    pub message: &'a Message,
    /// Leads back to the recipient's row; the flow token, and what receipts carry.
    pub reference: Reference,
    /// The campaign.
    pub campaign: CampaignId,
    /// Which attempt this is, from 1; 0 is a test, which is no attempt.
    pub attempt: u16,
}

/// How one request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What it means.
    pub verdict: Verdict,
    /// The HTTP status, if an answer began.
    pub http_status: Option<u16>,
    /// From handing it to the client to the end of the answer.
    pub latency: Duration,
    /// The number under which WhatsApp says that it knows the recipient, where the rules of spelling do not lead from one to the
    /// other.
    pub wa_id: Option<Msisdn>,
}

/// An account over the client, with address and headers made once; cheap to clone.
#[derive(Clone)]
pub struct Channel {
    client: Client,
    provider: Provider,
    route: Route,
}

impl Channel {
    /// Checks the account and makes address and headers; sends nothing.
    pub fn new(client: Client, account: &Account) -> Result<Self, Error> {
        let base = account.checked_base(client.allow_plain_http)?;
        let route = adapter(account.provider).route(account, &base)?;
        Ok(Self { client, provider: account.provider, route })
    }

    /// Sends one message, as one HTTP request. Every end of it is a verdict. A future dropped before its end leaves
    /// the outcome unknown.
    pub async fn send(&self, outgoing: &Outgoing<'_>) -> Answer {
        let began = Instant::now();
        let (http_status, verdict, wa_id) = match self.body(outgoing) {
            Ok(body) => self.post(outgoing.message, body).await,
            Err(refusal) => (None, unsendable(outgoing.message, refusal), None),
        };
        let wa_id = wa_id.filter(|wa_id| wa_id.person() != outgoing.to.person());
        Answer { verdict, http_status, latency: began.elapsed(), wa_id }
    }

    /// The body of the request; a refusal for a message that the provider cannot send.
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
                let (verdict, wa_id) = self.hear(response).await;
                (Some(status), verdict, wa_id)
            }
            Err(error) => (None, judge_failure(&error), None),
        }
    }

    /// The request as text, for a person's eyes: the key is masked, number and texts of the recipient are not. A
    /// refusal for a message that the provider cannot send.
    pub fn dry_run(&self, outgoing: &Outgoing<'_>) -> Result<String, Refusal> {
        let body = self.body(outgoing)?;
        let mut url = self.route.url(outgoing.message).clone();
        // All that ever stands in a query is a key.
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
        adapter(self.provider)
    }

    /// Reads the answer to its end, or to the limit, and judges it. An acceptance may say under which number WhatsApp knows the
    /// recipient.
    async fn hear(&self, mut response: Response) -> (Verdict, Option<Msisdn>) {
        let status = response.status().as_u16();
        let retry_after = answer::retry_after(response.headers());
        let judge = |body: &[u8]| {
            let verdict = self.adapter().judge(&Heard { status, retry_after, body });
            self.client.overrides.apply(self.provider, verdict)
        };
        let verdict = match read(&mut response, self.client.max_answer_bytes).await {
            Ok(body) => {
                let verdict = judge(&body);
                let is_accepted = matches!(verdict, Verdict::Accepted { .. });
                return (verdict, is_accepted.then(|| answer::wa_id(&body)).flatten());
            }
            // Not the provider's: its status is all there is to go by.
            Err(Unread::TooLarge) => match judge(&[]) {
                Verdict::Unknown { .. } => Verdict::Unknown { refusal: ANSWER_TOO_LARGE },
                verdict => verdict,
            },
            // The lost part may have held the code that decides, unless the status is enough.
            Err(Unread::Broken(error)) => match status {
                300..=399 | 429 | 503 => judge(&[]),
                _ => judge_failure(&error),
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

/// Why the body of an answer is not there.
enum Unread {
    TooLarge,
    Broken(reqwest::Error),
}

async fn read(response: &mut Response, limit: usize) -> Result<Vec<u8>, Unread> {
    let announced = response.content_length().unwrap_or(0);
    if usize::try_from(announced).map_or(true, |announced| announced > limit) {
        return Err(Unread::TooLarge);
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Unread::Broken)? {
        if body.len() + chunk.len() > limit {
            return Err(Unread::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// A message that the provider has no request for; it is the same for every recipient of the campaign.
fn unsendable(message: &Message, refusal: Refusal) -> Verdict {
    let reason = match message {
        Message::Flow(_) => StopReason::FlowFault,
        Message::Template(_) => StopReason::TemplateFault,
    };
    Verdict::StopCampaign { refusal, reason }
}
