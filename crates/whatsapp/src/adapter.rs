//! What every provider's adapter can do, and which adapter is whose.

use campaign::{Message, Provider, Refusal, Verdict};
use reqwest::header::HeaderMap;
use serde::Serialize;
use url::Url;

use crate::account::Account;
use crate::answer::Heard;
use crate::channel::Outgoing;
use crate::error::Error;
use crate::kaleyra::Kaleyra;
use crate::lipachat::LipaChat;
use crate::meta::Meta;
use crate::one_msg::OneMsg;
use crate::rule::Rule;

/// One provider's wire format: where a message is posted, its body, and what an answer means.
pub(crate) trait Adapter: Sync {
    /// Checks the account and makes what is the same for all its requests.
    fn route(&self, account: &Account, base: &Url) -> Result<Route, Error>;

    /// The body of a request; a refusal for a message that the provider cannot send.
    fn body(&self, route: &Route, outgoing: &Outgoing<'_>) -> Result<Vec<u8>, Refusal>;

    /// What a whole answer means.
    fn judge(&self, heard: &Heard<'_>) -> Verdict;

    /// The table of documented answers.
    fn errors(&self) -> &'static [Rule];
}

/// The adapter of this provider.
pub(crate) fn adapter(provider: Provider) -> &'static dyn Adapter {
    match provider {
        Provider::Kaleyra => &Kaleyra,
        Provider::LipaChat => &LipaChat,
        Provider::OneMsg => &OneMsg,
        Provider::Meta => &Meta,
    }
}

/// What is the same for all requests of an account. An address may hold a key in its query, so it has no `Debug`.
#[derive(Clone)]
pub(crate) struct Route {
    /// Where a free-form flow is posted.
    pub(crate) flow: Url,
    /// Where a template is posted.
    pub(crate) template: Url,
    /// The headers; the one with the key is marked sensitive.
    pub(crate) headers: HeaderMap,
    /// Our number, digits.
    pub(crate) number: String,
}

impl Route {
    /// Where this message is posted.
    pub(crate) fn url(&self, message: &Message) -> &Url {
        match message {
            Message::Flow(_) => &self.flow,
            Message::Template(_) => &self.template,
        }
    }
}

/// The bytes of a body.
#[expect(clippy::unnecessary_wraps, reason = "what every adapter gives; some messages are refused before")]
pub(crate) fn json(body: &impl Serialize) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::with_capacity(1024);
    #[expect(clippy::expect_used, reason = "text keys only, and a Vec takes every write")]
    serde_json::to_writer(&mut bytes, body).expect("the body of a message is JSON");
    Ok(bytes)
}
