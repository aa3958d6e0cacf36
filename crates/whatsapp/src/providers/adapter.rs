//! The interface of a provider: the trait [`Adapter`] and its types.

use campaign::{Message, Refusal, Verdict};
use reqwest::header::HeaderMap;
use serde::Serialize;
use serde_json::Value;
use url::Url;

use crate::account::Account;
use crate::classification::answer::HttpAnswer;
use crate::classification::error_rule::Rule;
use crate::error::{Error, TemplateListError};
use crate::request::outgoing::Outgoing;
use crate::webhook::InvalidBody;
use crate::webhook::reader::Reader;

/// The wire format of one provider: URL, headers and body of a request, the meaning of an answer, and the webhook.
pub(crate) trait Adapter: Sync {
    /// Checks the account, and builds the parts that all its requests share.
    fn route(&self, account: &Account, base: &Url) -> Result<Route, Error>;

    /// Builds the body of a request; a refusal if the provider cannot send the message.
    fn body(&self, route: &Route, outgoing: &Outgoing<'_>) -> Result<Vec<u8>, Refusal>;

    /// Classifies a complete answer.
    fn classify(&self, answer: &HttpAnswer<'_>) -> Verdict;

    /// The URL of a page of the list of approved templates; `None` if the provider documents no list. `after` is where the page
    /// begins, as the page before says.
    fn templates_url(
        &self,
        _: &Route,
        _business_account: Option<&str>,
        _after: Option<&str>,
    ) -> Option<Result<Url, TemplateListError>> {
        None
    }

    /// The table of documented answers.
    fn errors(&self) -> &'static [Rule];

    /// Parses the body of a webhook request.
    fn read_webhook(&self, body: &Value, reader: &mut Reader<'_>) -> Result<(), InvalidBody>;
}

/// The parts that all requests of an account share. It has no `Debug`, because the query of a URL may contain the key.
#[derive(Clone)]
pub(crate) struct Route {
    /// The URL for free-form flow messages.
    pub(crate) flow: Url,
    /// The URL for template messages.
    pub(crate) template: Url,
    /// The headers; the header with the key is marked sensitive.
    pub(crate) headers: HeaderMap,
    /// Our business number, digits only.
    pub(crate) number: String,
}

impl Route {
    /// The URL for this message.
    pub(crate) fn url(&self, message: &Message) -> &Url {
        match message {
            Message::Flow(_) => &self.flow,
            Message::Template(_) => &self.template,
        }
    }
}

/// Serializes a body.
#[expect(clippy::unnecessary_wraps, reason = "the return type of Adapter::body")]
pub(crate) fn json(body: &impl Serialize) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::with_capacity(1024);
    #[expect(clippy::expect_used, reason = "all keys are strings, and writing to a Vec cannot fail")]
    serde_json::to_writer(&mut bytes, body).expect("the body of a message is JSON");
    Ok(bytes)
}
