//! 1msg.io's `sendFlow` and `sendTemplate`, implemented from the provider's documentation page and the descriptions of its API.
//!
//! The token is a query parameter. The refusal of a wrong token repeats a token, as the provider's does, so that tests detect a
//! client that logs it. `docs/SIMULATOR.md` lists our choices.

use bytes::Bytes;
use hyper::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::providers::api::{Acceptance, ApiRequest, Examination, Finding, ProviderApi, check_json_body};
use crate::providers::events::{AcceptedMessage, EventDetails, MessageEvent};
use crate::providers::json_check::{Object, UnknownMembers, Violation};
use crate::providers::message_object::{self, ANY};
use crate::providers::meta_change::ChangeAccount;
use crate::providers::meta_outcomes;
use crate::providers::outcome::{Outcome, OutcomeId};
use crate::providers::template_list::TemplateList;
use crate::{Config, Msisdn};

const BAD_CREDENTIALS: OutcomeId = 3;
const BAD_PAYLOAD: OutcomeId = 4;
const EMPTY_BODY: OutcomeId = 5;
const NOT_FOUND: OutcomeId = 6;
const METHOD_NOT_ALLOWED: OutcomeId = 7;

/// The number of outcomes before [`TEXTS`].
const OWN_OUTCOMES: usize = 15;

/// Name, HTTP status and text of more refusals that the provider's own clients recognize by their texts.
const TEXTS: [(&str, u16, &str); 8] = [
    ("invalid_token", 401, "Invalid token"),
    ("unauthorized", 401, "Unauthorized"),
    ("re_engagement", 400, "Re-engagement message"),
    ("bare_code", 400, "Error 131047"),
    ("template_not_found", 404, "Template course_signup not found"),
    ("template_missing", 404, "The template course_signup does not exist"),
    ("bsuid_routing", 400, "BSUID routing is disabled"),
    ("username", 400, "Cannot send to a username"),
];

/// The simulated account; `account` of the configuration is the instance id.
pub(crate) struct OneMsg {
    instance: String,
    number: Msisdn,
    token: SecretString,
    templates: TemplateList,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    SendFlow,
    SendTemplate,
}

impl OneMsg {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            instance: config.account.clone(),
            number: config.number,
            token: config.api_key.clone(),
            templates: TemplateList::new(&config.templates),
        }
    }

    fn admit(&self, request: &ApiRequest<'_>) -> Result<Operation, OutcomeId> {
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
        if instance != self.instance || !self.has_token(request) {
            return Err(BAD_CREDENTIALS);
        }
        Ok(operation)
    }

    fn has_token(&self, request: &ApiRequest<'_>) -> bool {
        let token = request.query.split('&').find_map(|pair| pair.strip_prefix("token=")).map(decoded);
        token.as_deref() == Some(self.token.expose_secret().as_bytes())
    }
}

impl ProviderApi for OneMsg {
    fn outcomes(&self) -> Vec<Outcome> {
        let refusal = |name, status, code, body: Value| {
            Outcome::refusal(name, status, code, Bytes::from(body.to_string()))
        };
        let plain_text = |name, status, code, body: &'static str| Outcome {
            content_type: "text/plain",
            ..Outcome::refusal(name, status, code, Bytes::from_static(body.as_bytes()))
        };
        let wrong_token = format!(
            "Wrong token \"{}\" for channel \"{}\". Please provide token as a GET parameter.",
            self.token.expose_secret(),
            self.instance
        );
        let own = vec![
            Outcome::accepted("200", 200),
            plain_text("low_balance", 403, "403", "Your subscription is blocked"),
            refusal("rate_limited", 429, "429", json!({"message": "Too many requests"})),
            refusal("bad_credentials", 401, "401", json!({"error": wrong_token})),
            refusal("bad_payload", 400, "400", json!({"error": "Bad request"})),
            refusal("empty_body", 200, "empty_body", json!({"sent": false, "message": "empty body"})),
            refusal("not_found", 404, "404", json!({"error": "Not found"})),
            refusal("method_not_allowed", 405, "405", json!({"error": "Method not allowed"})),
            refusal("window_closed", 400, "window_closed", json!({"error": "Dialog window is closed"})),
            refusal(
                "template_unknown",
                200,
                "template",
                json!({"sent": false, "message": "Template is not defined"}),
            ),
            refusal("proxied", 200, "proxied", json!({"response": {"error": "Outside the allowed window"}})),
            refusal("queued", 200, "queued", json!({"sent": false, "message": "queued", "jobId": "J7"})),
            refusal("internal_error", 500, "500", json!({"error": "Internal server error"})),
            plain_text("trial_over", 403, "trial", "Trial is over"),
            plain_text("overloaded", 503, "503", "Service unavailable"),
        ];
        let in_words = TEXTS.iter().map(|&(name, status, text)| {
            refusal(name, status, name, json!({"sent": false, "message": text}))
        });
        // 1msg passes Meta's refusals on, with texts for the person in front of the screen.
        let passed_on = meta_outcomes::TABLE.iter().map(|answer| {
            let body = json!({"error": {
                "message": answer.text(), "code": answer.number(),
                "error_user_title": answer.title, "error_user_msg": answer.title,
            }});
            refusal(answer.passed_on, answer.status, answer.code, body)
        });
        own.into_iter().chain(in_words).chain(passed_on).collect()
    }

    fn examine(&self, request: &ApiRequest<'_>) -> Examination {
        let mut examined = Examination::default();
        let body = request.body.and_then(|body| serde_json::from_slice::<Value>(body).ok());
        if let Some(body) = &body {
            examined.recipient = recipient(body);
            let token = body.get("flowToken").and_then(Value::as_str);
            let token = token.or_else(|| message_object::button_token(body.get("params")?));
            examined.flow_token = token.map(str::to_owned);
            examined.is_free_form = request.path.ends_with("/sendFlow");
        }
        let operation = match self.admit(request) {
            Ok(operation) => operation,
            Err(outcome) => {
                examined.finding = Finding::NotAdmitted(outcome);
                return examined;
            }
        };
        examined.body_report = check_json_body(request, body.as_ref(), |body, unknown: &UnknownMembers| {
            let root = Object::root(body, unknown)?;
            check_recipient(&root)?;
            if operation == Operation::SendFlow { check_flow(&root) } else { check_template(&root) }
        });
        let differs = || {
            let body = body.as_ref().filter(|_| operation == Operation::SendTemplate)?;
            self.templates.difference(body.get("template")?, body.get("language")?, body.get("params"))
        };
        examined.finding = match examined.body_report.wrong.as_deref() {
            None => differs().map_or(Finding::Valid, |code| Finding::Invalid(passed_on_outcome(code))),
            Some(wrong) if wrong.starts_with("body:") => Finding::Invalid(EMPTY_BODY),
            Some(_) => Finding::Invalid(BAD_PAYLOAD),
        };
        examined
    }

    /// `GET /{instance}/templates`.
    fn template_list(&self, request: &ApiRequest<'_>) -> Option<(u16, Value)> {
        let is_asked =
            request.method == Method::GET && request.path == format!("/{}/templates", self.instance);
        let list = || (200, json!({"templates": self.templates.all()}));
        let refusal = || (401, json!({"error": "Wrong token"}));
        is_asked.then(|| if self.has_token(request) { list() } else { refusal() })
    }

    fn message_id(&self, salt: u32, sequence: u64) -> String {
        format!("wamid.HBgM{salt:08X}{sequence:011}BB==")
    }

    fn accepted_body(&self, accepted: &Acceptance) -> Bytes {
        let number = accepted.recipient.map(|recipient| recipient.to_string()).unwrap_or_default();
        let body = json!({
            "sent": true,
            "message": format!("Sent to {number}@c.us"),
            "description": "Message has been sent to the provider",
            "id": accepted.message_id,
        });
        Bytes::from(body.to_string())
    }

    /// Statuses are acks and opt-outs are chat messages; failures and completed flows have Meta's form (`rawHooks`).
    fn webhook_body(
        &self,
        message: &AcceptedMessage,
        event: MessageEvent,
        details: &EventDetails<'_>,
    ) -> Value {
        let chat_id = message.wa_id().map(|wa_id| format!("{wa_id}@c.us"));
        match event {
            MessageEvent::Sent | MessageEvent::Delivered | MessageEvent::Read => {
                let status = if event == MessageEvent::Read { "viewed" } else { event.status() };
                json!({
                    "instanceId": self.instance,
                    "ack": [{"id": message.id, "chatId": chat_id, "status": status}],
                })
            }
            MessageEvent::OptedOut => json!({
                "instanceId": self.instance, "messages": [{
                    "id": message.reply_id(event), "fromMe": false, "chatId": chat_id, "author": chat_id,
                    "type": "chat", "body": details.opt_out_word, "time": details.at_s, "self": 0,
                }],
            }),
            MessageEvent::FlowCompleted | MessageEvent::Failed => {
                let account = ChangeAccount {
                    number: self.number,
                    phone_number_id: &self.instance,
                    repeats_reference: false,
                };
                account.envelope(message, event, details)
            }
        }
    }
}

/// The outcome of a code that 1msg passes on: the table of Meta comes last.
fn passed_on_outcome(code: &str) -> OutcomeId {
    let before = OWN_OUTCOMES + TEXTS.len();
    let place = meta_outcomes::TABLE.iter().position(|answer| answer.code == code).unwrap_or_default();
    OutcomeId::try_from(before + place).unwrap_or(BAD_PAYLOAD)
}

/// A query value with its percent-encoding decoded.
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

/// `phone` is a JSON number in one part of the documentation and a string in another.
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

/// The recipient of `phone` or `chatId`.
fn recipient(body: &Value) -> Option<Msisdn> {
    body.get("phone").and_then(phone).or_else(|| body.get("chatId").and_then(chat))
}

fn check_recipient(root: &Object<'_, '_>) -> Result<(), Violation> {
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

fn check_flow(root: &Object<'_, '_>) -> Result<(), Violation> {
    root.allow_members(&[
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
            header.allow_members(&["type", "text"]);
            header.required_word("type", &["text"])?;
            header.required_text("text", 1..=60)?;
        }
        _ => drop(root.text("header", 1..=60)?),
    }
    root.text("footer", 1..=60)?;
    let action = root.word("flowAction", &["navigate", "data_exchange"])?;
    match root.object("flowActionPayload")? {
        Some(payload) => {
            payload.allow_members(&["screen", "data"]);
            payload.required_text("screen", ANY)?;
            payload.non_empty_object("data")?;
        }
        None if action == Some("navigate") && root.text("flowActionScreen", ANY)?.is_none() => {
            return Err(root.missing("flowActionPayload"));
        }
        None => {}
    }
    root.non_empty_object("flowActionData")?;
    root.text("flowMessageVersion", ANY)?;
    root.word("mode", &["draft", "published"])?;
    root.text("quotedMsgId", ANY)?;
    Ok(())
}

fn check_template(root: &Object<'_, '_>) -> Result<(), Violation> {
    root.allow_members(&["phone", "chatId", "template", "namespace", "language", "params", "quotedMsgId"]);
    root.required_text("template", 1..=512)?;
    root.text("namespace", ANY)?;
    let language = root.required_object("language")?;
    language.allow_members(&["policy", "code"]);
    language.word("policy", &["deterministic"])?;
    language.required_text("code", ANY)?;
    message_object::check_components(root, "params")?;
    root.text("quotedMsgId", ANY)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcome_of_a_passed_on_code_is_that_code() {
        let outcomes = OneMsg::new(&Config::default()).outcomes();
        for code in ["132000", "132001", "132012", "132015"] {
            assert_eq!(outcomes[usize::from(passed_on_outcome(code))].code, code);
        }
    }

    #[test]
    fn a_token_is_percent_decoded() {
        for (written, read) in
            [("plain-1", "plain-1"), ("a%2Bb%2f%3D", "a+b/="), ("", ""), ("%", ""), ("%zz1", "1")]
        {
            assert_eq!(decoded(written), read.as_bytes(), "{written}");
        }
    }
}
