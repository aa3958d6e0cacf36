//! 1msg.io: requests and answers.
//!
//! Sources: "Sending WhatsApp Flow" for the flow button of a template; the provider's own clients, which `one_msg/errors.rs`
//! names, for the fields of `sendFlow` and `sendTemplate` and the forms of refusals. The sender's account is the instance id. The
//! token is only in the query of the URL, because a second token elsewhere would override it. The provider's 401 repeats the
//! token in its text, which is not kept.

mod errors;
mod webhook;

use campaign::{
    FlowAction, FlowMessage, FlowName, Message, Msisdn, Reference, Refusal, TemplateMessage, Verdict,
};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Serialize;
use serde_json::{Map, Value};
use url::Url;

use self::errors::ERRORS;
use crate::account::Account;
use crate::classification::answer::{self, HttpAnswer, ParsedAnswer};
use crate::classification::classify::classify;
use crate::classification::error_rule::Rule;
use crate::error::{Error, TemplateListError};
use crate::providers::adapter::{Adapter, Route, json};
use crate::providers::meta::errors as meta_errors;
use crate::request::interactive::as_text;
use crate::request::outgoing::Outgoing;
use crate::request::template::{Component, components};
use crate::webhook::InvalidBody;
use crate::webhook::reader::Reader;

const BY_NAME: Refusal = Refusal::own("flow_by_name");
const QUEUED: Refusal = Refusal::own("queued");

pub(crate) struct OneMsg;

impl Adapter for OneMsg {
    fn route(&self, account: &Account, base: &Url) -> Result<Route, Error> {
        let (instance, token) = (account.checked_account()?, account.checked_token()?);
        let url = |method| {
            let mut url = base.clone();
            url.set_path(&format!("/{instance}/{method}"));
            url.query_pairs_mut().append_pair("token", token);
            url
        };
        let mut headers = HeaderMap::with_capacity(1);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let number = account.checked_number()?.to_owned();
        Ok(Route { flow: url("sendFlow"), template: url("sendTemplate"), headers, number })
    }

    fn body(&self, _: &Route, outgoing: &Outgoing<'_>) -> Result<Vec<u8>, Refusal> {
        match outgoing.message {
            Message::Flow(message) => json(&FlowBody::new(outgoing, message)?),
            Message::Template(message) => json(&TemplateBody::new(outgoing, message)),
        }
    }

    fn classify(&self, answer: &HttpAnswer<'_>) -> Verdict {
        let body: Value = serde_json::from_slice(answer.body).unwrap_or(Value::Null);
        let is_sent = body.get("sent").and_then(parse_bool);
        // The answer for a queued message has `sent: false` and a job id, which is not a message id.
        if (200..300).contains(&answer.status) && is_sent == Some(false) && body.get("jobId").is_some() {
            return Verdict::Unknown { refusal: QUEUED };
        }
        let plain_text = String::from_utf8_lossy(answer.body.get(..1024).unwrap_or(answer.body));
        let message = match error_text(&body) {
            // The text of an accepting answer is not searched for refusals.
            _ if is_sent == Some(true) => "",
            Some(text) => text,
            None if body.is_null() => &plain_text,
            None => "",
        };
        let has_error = body.get("error").is_some() || body.pointer("/response/error").is_some();
        let parsed = ParsedAnswer {
            code: answer::clean_code(body.pointer("/error/code")),
            message,
            message_id: body.get("id").filter(|_| is_sent == Some(true)),
            is_refusal: has_error || is_sent == Some(false),
        };
        // 1msg passes Meta's refusals on with Meta's codes. The rules by status are its own.
        classify(&[ERRORS, meta_errors::ERRORS], answer, parsed)
    }

    /// `GET /{instance}/templates`, without pages.
    fn templates_url(
        &self,
        route: &Route,
        _: Option<&str>,
        _: Option<&str>,
    ) -> Option<Result<Url, TemplateListError>> {
        let mut url = route.template.clone();
        url.set_path(&route.template.path().replace("/sendTemplate", "/templates"));
        Some(Ok(url))
    }

    fn errors(&self) -> &'static [Rule] {
        ERRORS
    }

    fn read_webhook(&self, body: &Value, reader: &mut Reader<'_>) -> Result<(), InvalidBody> {
        webhook::read(body, reader)
    }
}

/// A boolean, or a string that contains one.
fn parse_bool(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// The text of a refusal, in any of the four forms that were observed.
fn error_text(body: &Value) -> Option<&str> {
    ["/error", "/error/message", "/response/error", "/message"]
        .iter()
        .find_map(|pointer| body.pointer(pointer).and_then(Value::as_str))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FlowBody<'a> {
    #[serde(serialize_with = "as_text")]
    phone: Msisdn,
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<&'a str>,
    body: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    footer: Option<&'a str>,
    flow_id: &'a str,
    #[serde(serialize_with = "as_text")]
    flow_token: Reference,
    flow_cta: &'a str,
    flow_action: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_action_payload: Option<Payload<'a>>,
    flow_message_version: &'static str,
    mode: &'static str,
}

#[derive(Serialize)]
struct Payload<'a> {
    screen: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Map<String, Value>>,
}

impl<'a> FlowBody<'a> {
    fn new(outgoing: &Outgoing<'a>, message: &'a FlowMessage) -> Result<Self, Refusal> {
        let FlowName::Id(flow_id) = &message.flow else { return Err(BY_NAME) };
        let (flow_action, flow_action_payload) = match &message.action {
            FlowAction::Navigate { screen, data } => {
                ("navigate", Some(Payload { screen, data: data.as_ref() }))
            }
            FlowAction::DataExchange => ("data_exchange", None),
        };
        Ok(Self {
            phone: outgoing.to,
            header: message.header.as_deref(),
            body: &message.body,
            footer: message.footer.as_deref(),
            flow_id,
            flow_token: outgoing.reference,
            flow_cta: &message.cta,
            flow_action,
            flow_action_payload,
            flow_message_version: "3",
            mode: message.mode.word(),
        })
    }
}

#[derive(Serialize)]
struct TemplateBody<'a> {
    template: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    language: Language<'a>,
    #[serde(serialize_with = "as_text")]
    phone: Msisdn,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    params: Vec<Component<'a>>,
}

#[derive(Serialize)]
struct Language<'a> {
    policy: &'static str,
    code: &'a str,
}

impl<'a> TemplateBody<'a> {
    fn new(outgoing: &Outgoing<'a>, message: &'a TemplateMessage) -> Self {
        Self {
            template: &message.name,
            namespace: message.namespace.as_deref(),
            language: Language { policy: "deterministic", code: &message.language },
            phone: outgoing.to,
            params: components(message, outgoing.reference),
        }
    }
}
