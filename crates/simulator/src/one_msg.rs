//! 1msg.io's `sendFlow` and `sendTemplate`, read from its page and the descriptions of its API.
//!
//! The token is a parameter of the address, and the refusal of a wrong one repeats a token, as the vendor's does: a client
//! that logs it is found out. What is our choice stands in `docs/SIMULATOR.md`.

use bytes::Bytes;
use hyper::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::check::{Object, Unknown, Wrong};
use crate::message::{self, ANY};
use crate::outcome::{Outcome, OutcomeId};
use crate::provider::{Accepted, Arrived, Examined, Finding, Rules, remark};
use crate::{Config, Msisdn};

const BAD_CREDENTIALS: OutcomeId = 3;
const BAD_PAYLOAD: OutcomeId = 4;
const EMPTY_BODY: OutcomeId = 5;
const NOT_FOUND: OutcomeId = 6;
const METHOD_NOT_ALLOWED: OutcomeId = 7;

/// The account the simulator plays; its `account` is the instance id.
pub(crate) struct OneMsg {
    instance: String,
    token: SecretString,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    SendFlow,
    SendTemplate,
}

impl OneMsg {
    pub(crate) fn new(config: &Config) -> Self {
        Self { instance: config.account.clone(), token: config.api_key.clone() }
    }

    fn admit(&self, request: &Arrived<'_>) -> Result<Operation, OutcomeId> {
        let mut segments = request.path.split('/');
        let mut next = || segments.next();
        let (Some(""), Some(instance), Some(operation), None) = (next(), next(), next(), next()) else {
            return Err(NOT_FOUND);
        };
        let operation = match operation {
            "sendFlow" => Operation::SendFlow,
            "sendTemplate" => Operation::SendTemplate,
            _ => return Err(NOT_FOUND),
        };
        if request.method != Method::POST {
            return Err(METHOD_NOT_ALLOWED);
        }
        let token = request.query.split('&').find_map(|pair| pair.strip_prefix("token=")).map(decoded);
        if instance != self.instance || token.as_deref() != Some(self.token.expose_secret().as_bytes()) {
            return Err(BAD_CREDENTIALS);
        }
        Ok(operation)
    }
}

impl Rules for OneMsg {
    fn outcomes(&self) -> Vec<Outcome> {
        let refusal = |name, status, code, body: Value| {
            Outcome::refusal(name, status, code, Bytes::from(body.to_string()))
        };
        let words = |name, status, code, body: &'static str| Outcome {
            content_type: "text/plain",
            ..Outcome::refusal(name, status, code, Bytes::from_static(body.as_bytes()))
        };
        let wrong_token = format!(
            "Wrong token \"{}\" for channel \"{}\". Please provide token as a GET parameter.",
            self.token.expose_secret(),
            self.instance
        );
        let passed_on = json!({"error": {"message": "(#131047) Re-engagement message", "code": 131_047,
                                         "error_user_title": "Window", "error_user_msg": "It is closed"}});
        vec![
            Outcome::accepted("200", 200),
            words("low_balance", 403, "403", "Your subscription is blocked"),
            refusal("rate_limited", 429, "429", json!({"message": "Too many requests"})),
            refusal("bad_credentials", 401, "401", json!({"error": wrong_token})),
            refusal("bad_payload", 400, "400", json!({"error": "Bad request"})),
            refusal("empty_body", 200, "empty_body", json!({"sent": false, "message": "empty body"})),
            refusal("not_found", 404, "404", json!({"error": "Not found"})),
            refusal("method_not_allowed", 405, "405", json!({"error": "Method not allowed"})),
            refusal("window_closed", 400, "window_closed", json!({"error": "Dialog window is closed"})),
            refusal("window_closed_by_meta", 400, "131047", passed_on),
            refusal(
                "template_unknown",
                200,
                "template",
                json!({"sent": false, "message": "Template is not defined"}),
            ),
            refusal("proxied", 200, "proxied", json!({"response": {"error": "Outside the allowed window"}})),
            refusal("queued", 200, "queued", json!({"sent": false, "message": "queued", "jobId": "J7"})),
            refusal("internal_error", 500, "500", json!({"error": "Internal server error"})),
            words("trial_over", 403, "trial", "Trial is over"),
            words("overloaded", 503, "503", "Service unavailable"),
        ]
    }

    fn examine(&self, request: &Arrived<'_>) -> Examined {
        let mut examined = Examined::default();
        let body = request.body.and_then(|body| serde_json::from_slice::<Value>(body).ok());
        if let Some(body) = &body {
            examined.recipient = recipient(body);
            let token = body.get("flowToken").and_then(Value::as_str);
            let token = token.or_else(|| message::button_token(body.get("params")?));
            examined.flow_token = token.map(str::to_owned);
        }
        let operation = match self.admit(request) {
            Ok(operation) => operation,
            Err(outcome) => {
                examined.finding = Finding::Stranger(outcome);
                return examined;
            }
        };
        examined.remark = remark(request, body.as_ref(), |body, unknown: &Unknown| {
            let root = Object::root(body, unknown)?;
            check_recipient(&root)?;
            if operation == Operation::SendFlow { check_flow(&root) } else { check_template(&root) }
        });
        examined.finding = match examined.remark.wrong.as_deref() {
            None => Finding::Sound,
            Some(wrong) if wrong.starts_with("body:") => Finding::Faulty(EMPTY_BODY),
            Some(_) => Finding::Faulty(BAD_PAYLOAD),
        };
        examined
    }

    fn message_id(&self, salt: u32, sequence: u64) -> String {
        format!("wamid.HBgM{salt:08X}{sequence:011}BB==")
    }

    fn accepted_body(&self, accepted: &Accepted) -> Bytes {
        let number = accepted.recipient.map(|recipient| recipient.to_string()).unwrap_or_default();
        let body = json!({
            "sent": true,
            "message": format!("Sent to {number}@c.us"),
            "description": "Message has been sent to the provider",
            "id": accepted.message_id,
        });
        Bytes::from(body.to_string())
    }
}

/// A value of a query without its percent signs.
fn decoded(text: &str) -> Vec<u8> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let byte = piece.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.extend(byte);
        bytes.extend(piece.get(2..).unwrap_or_default().as_bytes());
    }
    bytes
}

/// `phone` is written as a number in one place of the description and as a text in another.
fn phone(value: &Value) -> Option<Msisdn> {
    match value {
        Value::String(digits) if !digits.starts_with('+') => Msisdn::parse(digits),
        Value::Number(number) => Msisdn::parse(&number.to_string()),
        _ => None,
    }
}

fn chat(value: &Value) -> Option<Msisdn> {
    Msisdn::parse(value.as_str()?.strip_suffix("@c.us")?)
}

fn recipient(body: &Value) -> Option<Msisdn> {
    body.get("phone").and_then(phone).or_else(|| body.get("chatId").and_then(chat))
}

fn check_recipient(root: &Object<'_, '_>) -> Result<(), Wrong> {
    match (root.value("phone"), root.value("chatId")) {
        (None, None) => Err(root.missing("phone")),
        (Some(_), Some(_)) => Err(root.wrong("chatId", "must not stand beside phone")),
        (Some(value), None) if phone(value).is_none() => {
            Err(root.wrong("phone", "must be digits with the country code"))
        }
        (None, Some(value)) if chat(value).is_none() => Err(root.wrong("chatId", "must be digits and @c.us")),
        _ => Ok(()),
    }
}

fn check_flow(root: &Object<'_, '_>) -> Result<(), Wrong> {
    root.knows(&[
        "phone",
        "chatId",
        "body",
        "flowId",
        "flowToken",
        "flowCta",
        "header",
        "footer",
        "flowAction",
        "flowActionPayload",
        "flowActionScreen",
        "flowActionData",
        "flowMessageVersion",
        "mode",
        "quotedMsgId",
    ]);
    root.required_text("body", 1..=1024)?;
    root.required_text("flowId", ANY)?;
    root.required_text("flowToken", ANY)?;
    root.required_text("flowCta", 1..=30)?;
    match root.value("header") {
        Some(Value::Object(_)) => {
            let header = root.required_object("header")?;
            header.knows(&["type", "text"]);
            header.required_word("type", &["text"])?;
            header.required_text("text", 1..=60)?;
        }
        _ => drop(root.text("header", 1..=60)?),
    }
    root.text("footer", 1..=60)?;
    let action = root.word("flowAction", &["navigate", "data_exchange"])?;
    match root.object("flowActionPayload")? {
        Some(payload) => {
            payload.knows(&["screen", "data"]);
            payload.required_text("screen", ANY)?;
            payload.filled_object("data")?;
        }
        None if action == Some("navigate") && root.text("flowActionScreen", ANY)?.is_none() => {
            return Err(root.missing("flowActionPayload"));
        }
        None => {}
    }
    root.filled_object("flowActionData")?;
    root.text("flowMessageVersion", ANY)?;
    root.word("mode", &["draft", "published"])?;
    root.text("quotedMsgId", ANY)?;
    Ok(())
}

fn check_template(root: &Object<'_, '_>) -> Result<(), Wrong> {
    root.knows(&["phone", "chatId", "template", "namespace", "language", "params", "quotedMsgId"]);
    root.required_text("template", 1..=512)?;
    root.text("namespace", ANY)?;
    let language = root.required_object("language")?;
    language.knows(&["policy", "code"]);
    language.word("policy", &["deterministic"])?;
    language.required_text("code", ANY)?;
    root.each("params", message::check_component)?;
    root.text("quotedMsgId", ANY)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_a_query_writes_it() {
        for (written, read) in
            [("plain-1", "plain-1"), ("a%2Bb%2f%3D", "a+b/="), ("", ""), ("%", ""), ("%zz1", "1")]
        {
            assert_eq!(decoded(written), read.as_bytes(), "{written}");
        }
    }
}
