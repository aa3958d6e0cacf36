//! A sender ready to send: one account at one provider, over the shared client.

use std::fmt;
use std::time::Duration;

use campaign::{CampaignId, FlowMessage, Msisdn, Provider, Reference, Verdict};
use reqwest::header::HeaderMap;
use reqwest::{Method, Request, Response};
use serde::Serialize;
use tokio::time::Instant;
use url::Url;

use crate::account::Account;
use crate::answer::{self, Heard, judge_answer};
use crate::client::Client;
use crate::error::Error;
use crate::kaleyra;
use crate::transport::{ANSWER_TOO_LARGE, judge_failure};

/// One message on its way to one recipient.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// The recipient.
    pub to: Msisdn,
    /// What is sent.
    pub message: &'a FlowMessage,
    /// Leads back to the recipient's row; the flow token, and what receipts carry.
    pub reference: Reference,
    /// The campaign.
    pub campaign: CampaignId,
    /// Which attempt this is, from 1.
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
}

/// An account over the client, with address and headers made once; cheap to clone.
#[derive(Clone)]
pub struct Channel {
    client: Client,
    provider: Provider,
    url: Url,
    headers: HeaderMap,
}

impl Channel {
    /// Checks the account and makes address and headers; sends nothing.
    pub fn new(client: Client, account: &Account) -> Result<Self, Error> {
        let base = account.checked_base(client.allow_plain_http)?;
        let (url, headers) = match account.provider {
            Provider::Kaleyra => (kaleyra::url(account, &base)?, kaleyra::headers(account)?),
        };
        Ok(Self { client, provider: account.provider, url, headers })
    }

    /// Sends one message, as one HTTP request. Every end of it is a verdict. A future dropped before its end leaves
    /// the outcome unknown.
    pub async fn send(&self, outgoing: &Outgoing<'_>) -> Answer {
        let mut request = Request::new(Method::POST, self.url.clone());
        *request.headers_mut() = self.headers.clone();
        *request.body_mut() = Some(self.body(outgoing).into());
        let began = Instant::now();
        let (http_status, verdict) = match self.client.http.execute(request).await {
            Ok(response) => (Some(response.status().as_u16()), self.hear(response).await),
            Err(error) => (None, judge_failure(&error)),
        };
        Answer { verdict, http_status, latency: began.elapsed() }
    }

    /// The request as text, for a person's eyes: the key is masked, number and texts of the recipient are not.
    pub fn dry_run(&self, outgoing: &Outgoing<'_>) -> String {
        let mut shown = format!("POST {}\n", self.url);
        for (name, value) in &self.headers {
            let value = if value.is_sensitive() { "********" } else { value.to_str().unwrap_or_default() };
            shown.extend([name.as_str(), ": ", value, "\n"]);
        }
        let body = self.body(outgoing);
        match serde_json::from_slice::<serde_json::Value>(&body) {
            Ok(body) => format!("{shown}\n{body:#}\n"),
            Err(_) => format!("{shown}\n{}\n", String::from_utf8_lossy(&body)),
        }
    }

    fn body(&self, outgoing: &Outgoing<'_>) -> Vec<u8> {
        match self.provider {
            Provider::Kaleyra => json(&kaleyra::body(outgoing)),
        }
    }

    /// Reads the answer to its end, or to the limit, and judges it.
    async fn hear(&self, mut response: Response) -> Verdict {
        let status = response.status().as_u16();
        let retry_after = answer::retry_after(response.headers());
        let judge = |body: &[u8]| judge_answer(self.provider, &Heard { status, retry_after, body });
        match read(&mut response, self.client.max_answer_bytes).await {
            Ok(body) => judge(&body),
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
        }
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel")
            .field("provider", &self.provider)
            .field("host", &self.url.host_str())
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

fn json(body: &impl Serialize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1024);
    #[expect(clippy::expect_used, reason = "text keys only, and a Vec takes every write")]
    serde_json::to_writer(&mut bytes, body).expect("the body of a message is JSON");
    bytes
}
