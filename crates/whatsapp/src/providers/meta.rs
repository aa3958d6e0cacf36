//! Meta's Cloud API: requests and answers.
//!
//! Sources: `POST /{Version}/{Phone-Number-ID}/messages` of the `OpenAPI` document (version 23.0), and the page of error codes,
//! which says to decide by `error.code`. The sender's account is the phone number id. `biz_opaque_callback_data` is not in that
//! document, but every receipt repeats it.

pub(super) mod errors;
mod webhook;

use campaign::{Refusal, Verdict};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::Value;
use url::Url;

use self::errors::ERRORS;
use crate::account::Account;
use crate::classification::answer::{self, HttpAnswer, ParsedAnswer};
use crate::classification::classify::{classify, find_rule};
use crate::classification::error_rule::Rule;
use crate::error::{Error, TemplateListError};
use crate::providers::adapter::{Adapter, Route, json};
use crate::request::message_object::MessageObject;
use crate::request::outgoing::Outgoing;
use crate::webhook::InvalidBody;
use crate::webhook::reader::Reader;

/// The version of the Graph API that this file implements. A sender may have another one.
const VERSION: &str = "v23.0";

pub(crate) struct Meta;

impl Adapter for Meta {
    fn route(&self, account: &Account, base: &Url) -> Result<Route, Error> {
        let mut url = base.clone();
        url.set_path(&format!(
            "/{}/{}/messages",
            account.checked_version(VERSION)?,
            account.checked_account()?
        ));
        let mut headers = HeaderMap::with_capacity(2);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(AUTHORIZATION, account.checked_bearer()?);
        let number = account.checked_number()?.to_owned();
        Ok(Route { flow: url.clone(), template: url, headers, number })
    }

    fn body(&self, _: &Route, outgoing: &Outgoing<'_>) -> Result<Vec<u8>, Refusal> {
        json(&MessageObject::new(outgoing, "", Some(outgoing.reference)))
    }

    /// An answer accepts the message if it has `messages[0].id`, whatever its `message_status`: Meta sends a message that it
    /// holds for a check later.
    fn classify(&self, answer: &HttpAnswer<'_>) -> Verdict {
        let body: Value = serde_json::from_slice(answer.body).unwrap_or(Value::Null);
        let code = answer::clean_code(body.pointer("/error/code"));
        let message = body.pointer("/error/message").and_then(Value::as_str).unwrap_or_default();
        let message_id = body.pointer("/messages/0/id");
        let mut parsed = ParsedAnswer { code, message, message_id, is_refusal: false };
        let is_known = find_rule(&[ERRORS], None, &mut parsed).is_some();
        classify(&[ERRORS], answer, ParsedAnswer { is_refusal: is_known, ..parsed })
    }

    /// `GET /{Version}/{WABA-ID}/message_templates`.
    fn templates_url(
        &self,
        route: &Route,
        business_account: Option<&str>,
        after: Option<&str>,
    ) -> Option<Result<Url, TemplateListError>> {
        let is_id = |id: &&str| (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit());
        let Some(account) = business_account.filter(is_id) else {
            return Some(Err(TemplateListError::NoBusinessAccount));
        };
        let mut url = route.template.clone();
        let version =
            url.path_segments().and_then(|mut segments| segments.next()).unwrap_or(VERSION).to_owned();
        url.set_path(&format!("/{version}/{account}/message_templates"));
        let mut query = url.query_pairs_mut();
        query.append_pair("fields", "name,language,status,category,components").append_pair("limit", "100");
        if let Some(after) = after {
            query.append_pair("after", after);
        }
        drop(query);
        Some(Ok(url))
    }

    fn errors(&self) -> &'static [Rule] {
        ERRORS
    }

    fn read_webhook(&self, body: &Value, reader: &mut Reader<'_>) -> Result<(), InvalidBody> {
        webhook::read(body, reader)
    }
}
