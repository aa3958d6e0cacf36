//! Meta's Cloud API: where a message is posted, its body, and its answers.
//!
//! Meta: `POST /{Version}/{Phone-Number-ID}/messages` of its `OpenAPI` document (version 23.0), and its page of error codes,
//! which says to decide on `error.code`. The sender's account is the phone number id. `biz_opaque_callback_data` is not in
//! that document but comes back in every receipt.

use campaign::{Refusal, Verdict};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::Value;
use url::Url;

use crate::account::Account;
use crate::adapter::{Adapter, Route, json};
use crate::answer::{self, Heard, Said};
use crate::channel::Outgoing;
use crate::error::Error;
use crate::message_object::MessageObject;
use crate::meta_errors::ERRORS;
use crate::rule::Rule;

/// The version of the Graph API whose documents this file was written from.
const VERSION: &str = "v23.0";

pub(crate) struct Meta;

impl Adapter for Meta {
    fn route(&self, account: &Account, base: &Url) -> Result<Route, Error> {
        let mut url = base.clone();
        url.set_path(&format!("/{VERSION}/{}/messages", account.checked_account()?));
        let mut headers = HeaderMap::with_capacity(2);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(AUTHORIZATION, account.checked_bearer()?);
        let number = account.checked_number()?.to_owned();
        Ok(Route { flow: url.clone(), template: url, headers, number })
    }

    fn body(&self, _: &Route, outgoing: &Outgoing<'_>) -> Result<Vec<u8>, Refusal> {
        json(&MessageObject::new(outgoing, "", Some(outgoing.reference)))
    }

    /// Taken is what has `messages[0].id`, whatever its `message_status`: one that is held for a check is sent later.
    fn judge(&self, heard: &Heard<'_>) -> Verdict {
        let body: Value = serde_json::from_slice(heard.body).unwrap_or(Value::Null);
        let code = answer::clean_code(body.pointer("/error/code"));
        let message = body.pointer("/error/message").and_then(Value::as_str).unwrap_or_default();
        let message_id = body.pointer("/messages/0/id");
        let said = Said { code, message, message_id, is_refusal: false };
        let is_known = ERRORS.iter().any(|rule| !rule.is_by_status() && rule.covers(heard.status, &said));
        answer::decide(ERRORS, heard, Said { is_refusal: is_known, ..said })
    }

    fn errors(&self) -> &'static [Rule] {
        ERRORS
    }
}
