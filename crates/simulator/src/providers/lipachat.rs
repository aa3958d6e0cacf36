//! LipaChat's "Send a flow" and its endpoint for templates, implemented from the provider's documentation page alone.
//!
//! The page documents three answers. Every invalid request with a correct key gets the same 400. A low balance gets that 400 as
//! well, because the page does not define an answer for it. `docs/SIMULATOR.md` lists our choices.

use bytes::Bytes;
use hyper::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::providers::api::{Acceptance, ApiRequest, Examination, Finding, ProviderApi, check_json_body};
use crate::providers::events::{AcceptedMessage, EventDetails, MessageEvent};
use crate::providers::json_check::{Object, UnknownMembers, Violation};
use crate::providers::message_object::{ANY, check_number};
use crate::providers::meta_outcomes;
use crate::providers::outcome::{Outcome, OutcomeId};
use crate::providers::template_object::{PARAM_TEXT, is_param_text};
use crate::{Config, Msisdn};

const FLOWS: &str = "/api/v1/whatsapp/interactive/flows";
const TEMPLATE: &str = "/api/v1/whatsapp/template";

const BAD_CREDENTIALS: OutcomeId = 3;
const REQUEST_FAILED: OutcomeId = 4;
const NOT_FOUND: OutcomeId = 5;
const METHOD_NOT_ALLOWED: OutcomeId = 6;

/// The simulated account.
pub(crate) struct LipaChat {
    number: Msisdn,
    api_key: SecretString,
}

impl LipaChat {
    pub(crate) fn new(config: &Config) -> Self {
        Self { number: config.number, api_key: config.api_key.clone() }
    }

    fn admit(&self, request: &ApiRequest<'_>) -> Result<(), OutcomeId> {
        if ![FLOWS, TEMPLATE].contains(&request.path) {
            return Err(NOT_FOUND);
        }
        if request.method != Method::POST {
            return Err(METHOD_NOT_ALLOWED);
        }
        let key = request.headers.get("apikey").map_or(&b""[..], |value| value.as_bytes());
        if key == self.api_key.expose_secret().as_bytes() { Ok(()) } else { Err(BAD_CREDENTIALS) }
    }

    fn check(&self, root: &Object<'_, '_>, path: &str) -> Result<(), Violation> {
        root.required_text("messageId", ANY)?;
        check_number(root, "to")?;
        if check_number(root, "from")? != self.number {
            return Err(root.wrong("from", "must be the number of the account"));
        }
        if path == TEMPLATE { check_template(root) } else { check_flow(root) }
    }
}

impl ProviderApi for LipaChat {
    fn outcomes(&self) -> Vec<Outcome> {
        let refusal = |name, status: u16, code, word: &str, message: &str| {
            let timestamp = "2024-09-15T20:06:38.675567555";
            let body = json!({"timestamp": timestamp, "data": null, "status": word, "message": message, "errors": null});
            Outcome::refusal(name, status, code, Bytes::from(body.to_string()))
        };
        let window = "Message was not sent: outside of the 24-hour sandbox session window.";
        vec![
            Outcome::accepted("200", 200),
            refusal("low_balance", 400, "400", "error", "Request failed."),
            refusal("rate_limited", 429, "429", "error", "Too many requests"),
            refusal("bad_credentials", 401, "401", "success", "Invalid credentials"),
            refusal("request_failed", 400, "400", "error", "Request failed."),
            refusal("not_found", 404, "404", "error", "Not found"),
            refusal("method_not_allowed", 405, "405", "error", "Method not allowed"),
            refusal("window_closed", 400, "window_closed", "error", window),
            refusal("internal_error", 500, "500", "error", "Internal server error"),
            refusal("overloaded", 503, "503", "error", "Service unavailable"),
        ]
    }

    fn examine(&self, request: &ApiRequest<'_>) -> Examination {
        let mut examined = Examination::default();
        let body = request.body.and_then(|body| serde_json::from_slice::<Value>(body).ok());
        if let Some(body) = &body {
            let text = |name| body.get(name).and_then(Value::as_str);
            examined.recipient = text("to").and_then(Msisdn::parse);
            examined.reference = text("messageId").map(str::to_owned);
            examined.is_free_form = request.path == FLOWS;
        }
        if let Err(outcome) = self.admit(request) {
            examined.finding = Finding::NotAdmitted(outcome);
            return examined;
        }
        examined.body_report = check_json_body(request, body.as_ref(), |body, unknown: &UnknownMembers| {
            self.check(&Object::root(body, unknown)?, request.path)
        });
        if examined.body_report.wrong.is_some() {
            examined.finding = Finding::Invalid(REQUEST_FAILED);
        }
        examined
    }

    fn message_id(&self, salt: u32, sequence: u64) -> String {
        format!("wamid.HBgM{salt:08X}{sequence:011}AA==")
    }

    fn echo(&self, examined: &Examination) -> Option<String> {
        examined.reference.clone()
    }

    fn accepted_body(&self, accepted: &Acceptance) -> Bytes {
        let (status, description) = ("SENT", "Message sent successfully");
        let data = json!({"messageId": accepted.echo, "waId": accepted.message_id, "status": status, "statusDesc": description});
        let timestamp = "2024-03-22T11:42:18.625016916";
        let body =
            json!({"timestamp": timestamp, "data": data, "status": "success", "message": "", "errors": null});
        Bytes::from(body.to_string())
    }

    /// The text of a failure and the form of a completed flow are not documented. The text names a code of Meta; the flow is Meta's here, with the reference as our first screen passes it on.
    fn webhook_body(
        &self,
        message: &AcceptedMessage,
        event: MessageEvent,
        details: &EventDetails<'_>,
    ) -> Value {
        let mut reply = json!({
            "messageId": message.reply_id(event), "from": message.wa_id(), "to": self.number.to_string(),
        });
        match event {
            MessageEvent::FlowCompleted => {
                let response = details.flow_response("flowcast_ref", message.reference.as_ref());
                reply["type"] = json!("INTERACTIVE");
                reply["interactive"] = json!({
                    "type": "nfm_reply", "nfm_reply": {"name": "flow", "response_json": response},
                });
                reply
            }
            MessageEvent::OptedOut => {
                reply["type"] = json!("TEXT");
                reply["text"] = json!(details.opt_out_word);
                reply
            }
            MessageEvent::Sent | MessageEvent::Delivered | MessageEvent::Read | MessageEvent::Failed => {
                let title =
                    meta_outcomes::title(details.failed_code).filter(|_| event == MessageEvent::Failed);
                let description =
                    title.map(|title| format!("(#{}) {title}", details.failed_code)).unwrap_or_default();
                json!({"event": "MESSAGE_STATUS", "messageStatus": {
                    "messageId": message.reference, "waId": message.id,
                    "status": event.status().to_uppercase(), "statusDesc": description,
                }})
            }
        }
    }
}

fn check_flow(root: &Object<'_, '_>) -> Result<(), Violation> {
    root.allow_members(&["messageId", "to", "from", "text", "flowId", "flowCta", "screen", "data"]);
    root.required_text("text", 1..=1024)?;
    root.required_text("flowId", ANY)?;
    root.required_text("flowCta", 1..=30)?;
    root.required_text("screen", ANY)?;
    // The first screen of the flow declares the members of `data`, so any member is accepted.
    root.object("data")?;
    Ok(())
}

fn check_template(root: &Object<'_, '_>) -> Result<(), Violation> {
    root.allow_members(&["messageId", "to", "from", "template"]);
    let template = root.required_object("template")?;
    template.allow_members(&["name", "languageCode", "components"]);
    template.required_text("name", 1..=512)?;
    template.required_text("languageCode", ANY)?;
    let Some(components) = template.object("components")? else { return Ok(()) };
    components.allow_members(&["header", "body"]);
    if let Some(header) = components.object("header")? {
        header.allow_members(&["type", "mediaUrl"]);
        header.required_word("type", &["IMAGE", "VIDEO", "DOCUMENT"])?;
        let address = header.required_text("mediaUrl", ANY)?;
        if !address.starts_with("https://") && !address.starts_with("http://") {
            return Err(header.wrong("mediaUrl", "must be a web address"));
        }
    }
    let Some(body) = components.object("body")? else { return Ok(()) };
    body.allow_members(&["placeholders"]);
    match body.value("placeholders") {
        None => Err(body.missing("placeholders")),
        Some(Value::Array(texts))
            if texts.iter().all(|text| text.as_str().is_some_and(|text| !text.is_empty())) =>
        {
            let is_allowed = texts.iter().filter_map(Value::as_str).all(is_param_text);
            if is_allowed { Ok(()) } else { Err(body.wrong("placeholders", PARAM_TEXT)) }
        }
        Some(_) => Err(body.wrong("placeholders", "must be a list of texts")),
    }
}
