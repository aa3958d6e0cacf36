//! LipaChat's "Send a flow", read from the vendor's page alone, and its endpoint for templates.
//!
//! The page documents three answers. Whatever is wrong with a request of the right key is its one 400; a low balance, for
//! which it has no words, is that 400 too. What is our choice stands in `docs/SIMULATOR.md`.

use bytes::Bytes;
use hyper::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::check::{Object, Unknown, Wrong};
use crate::message::{ANY, PARAM_TEXT, check_number, is_param_text};
use crate::outcome::{Outcome, OutcomeId};
use crate::provider::{Accepted, Arrived, Examined, Finding, Rules, remark};
use crate::{Config, Msisdn};

const FLOWS: &str = "/api/v1/whatsapp/interactive/flows";
const TEMPLATE: &str = "/api/v1/whatsapp/template";

const BAD_CREDENTIALS: OutcomeId = 3;
const REQUEST_FAILED: OutcomeId = 4;
const NOT_FOUND: OutcomeId = 5;
const METHOD_NOT_ALLOWED: OutcomeId = 6;

/// The account the simulator plays.
pub(crate) struct LipaChat {
    number: Msisdn,
    api_key: SecretString,
}

impl LipaChat {
    pub(crate) fn new(config: &Config) -> Self {
        Self { number: config.number, api_key: config.api_key.clone() }
    }

    fn admit(&self, request: &Arrived<'_>) -> Result<(), OutcomeId> {
        if ![FLOWS, TEMPLATE].contains(&request.path) {
            return Err(NOT_FOUND);
        }
        if request.method != Method::POST {
            return Err(METHOD_NOT_ALLOWED);
        }
        let key = request.headers.get("apikey").map_or(&b""[..], |value| value.as_bytes());
        if key == self.api_key.expose_secret().as_bytes() { Ok(()) } else { Err(BAD_CREDENTIALS) }
    }

    fn check(&self, root: &Object<'_, '_>, path: &str) -> Result<(), Wrong> {
        root.required_text("messageId", ANY)?;
        check_number(root, "to")?;
        if check_number(root, "from")? != self.number {
            return Err(root.wrong("from", "must be the number of the account"));
        }
        if path == TEMPLATE { check_template(root) } else { check_flow(root) }
    }
}

impl Rules for LipaChat {
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

    fn examine(&self, request: &Arrived<'_>) -> Examined {
        let mut examined = Examined::default();
        let body = request.body.and_then(|body| serde_json::from_slice::<Value>(body).ok());
        if let Some(body) = &body {
            let text = |name| body.get(name).and_then(Value::as_str);
            examined.recipient = text("to").and_then(Msisdn::parse);
            examined.reference = text("messageId").map(str::to_owned);
        }
        if let Err(outcome) = self.admit(request) {
            examined.finding = Finding::Stranger(outcome);
            return examined;
        }
        examined.remark = remark(request, body.as_ref(), |body, unknown: &Unknown| {
            self.check(&Object::root(body, unknown)?, request.path)
        });
        if examined.remark.wrong.is_some() {
            examined.finding = Finding::Faulty(REQUEST_FAILED);
        }
        examined
    }

    fn message_id(&self, salt: u32, sequence: u64) -> String {
        format!("wamid.HBgM{salt:08X}{sequence:011}AA==")
    }

    fn echo(&self, examined: &Examined) -> Option<String> {
        examined.reference.clone()
    }

    fn accepted_body(&self, accepted: &Accepted) -> Bytes {
        let (status, description) = ("SENT", "Message sent successfully");
        let data = json!({"messageId": accepted.echo, "waId": accepted.message_id, "status": status, "statusDesc": description});
        let timestamp = "2024-03-22T11:42:18.625016916";
        let body =
            json!({"timestamp": timestamp, "data": data, "status": "success", "message": "", "errors": null});
        Bytes::from(body.to_string())
    }
}

fn check_flow(root: &Object<'_, '_>) -> Result<(), Wrong> {
    root.knows(&["messageId", "to", "from", "text", "flowId", "flowCta", "screen", "data"]);
    root.required_text("text", 1..=1024)?;
    root.required_text("flowId", ANY)?;
    root.required_text("flowCta", 1..=30)?;
    root.required_text("screen", ANY)?;
    // Its members are what the flow's first screen declares.
    root.object("data")?;
    Ok(())
}

fn check_template(root: &Object<'_, '_>) -> Result<(), Wrong> {
    root.knows(&["messageId", "to", "from", "template"]);
    let template = root.required_object("template")?;
    template.knows(&["name", "languageCode", "components"]);
    template.required_text("name", 1..=512)?;
    template.required_text("languageCode", ANY)?;
    let Some(components) = template.object("components")? else { return Ok(()) };
    components.knows(&["header", "body"]);
    if let Some(header) = components.object("header")? {
        header.knows(&["type", "mediaUrl"]);
        header.required_text("type", ANY)?;
        header.required_text("mediaUrl", ANY)?;
    }
    let Some(body) = components.object("body")? else { return Ok(()) };
    body.knows(&["placeholders"]);
    match body.value("placeholders") {
        None => Err(body.missing("placeholders")),
        Some(Value::Array(texts))
            if texts.iter().all(|text| text.as_str().is_some_and(|text| !text.is_empty())) =>
        {
            let is_taken = texts.iter().filter_map(Value::as_str).all(is_param_text);
            if is_taken { Ok(()) } else { Err(body.wrong("placeholders", PARAM_TEXT)) }
        }
        Some(_) => Err(body.wrong("placeholders", "must be a list of texts")),
    }
}
