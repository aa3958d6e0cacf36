//! Kaleyra's WhatsApp API V2, "Send Flow Messages", implemented from the provider's documentation page alone.
//!
//! The page does not define the bodies of 404, 405, 429 and 503, nor the answer to a wrong content type or a body that is not
//! JSON. `docs/SIMULATOR.md` lists our choices for these cases.

use bytes::Bytes;
use hyper::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::providers::api::{Acceptance, ApiRequest, Examination, Finding, ProviderApi, check_json_body};
use crate::providers::events::{AcceptedMessage, EventDetails, MessageEvent};
use crate::providers::json_check::{Object, UnknownMembers, Violation};
use crate::providers::message_object;
use crate::providers::meta_change::ChangeAccount;
use crate::providers::outcome::{Outcome, OutcomeId};
use crate::{Config, Msisdn};

const BAD_CREDENTIALS: OutcomeId = 3;
const UNKNOWN_NUMBER: OutcomeId = 4;
const BAD_PAYLOAD: OutcomeId = 5;
const NOT_FOUND: OutcomeId = 6;
const METHOD_NOT_ALLOWED: OutcomeId = 7;

/// The maximum length of `ref`, `ref1` and `ref2`; longer values are truncated.
const MAX_REF_CHARACTERS: usize = 255;

/// The simulated account.
pub(crate) struct Kaleyra {
    sid: String,
    number: Msisdn,
    api_key: SecretString,
}

impl Kaleyra {
    pub(crate) fn new(config: &Config) -> Self {
        Self { sid: config.account.clone(), number: config.number, api_key: config.api_key.clone() }
    }

    /// Checks path, method, account, key and sender, in this order.
    fn admit(&self, request: &ApiRequest<'_>) -> Result<(), OutcomeId> {
        let mut segments = request.path.split('/');
        let mut next = || segments.next();
        let (Some(""), Some("v2"), Some(sid), Some("whatsapp"), Some(number), Some("messages"), None) =
            (next(), next(), next(), next(), next(), next(), next())
        else {
            return Err(NOT_FOUND);
        };
        if request.method != Method::POST {
            return Err(METHOD_NOT_ALLOWED);
        }
        let key = request.headers.get("api-key").map_or(&b""[..], |value| value.as_bytes());
        if sid != self.sid || key != self.api_key.expose_secret().as_bytes() {
            return Err(BAD_CREDENTIALS);
        }
        let digits = number.strip_prefix("%2B").or_else(|| number.strip_prefix("%2b")).unwrap_or(number);
        if Msisdn::parse(digits) == Some(self.number) { Ok(()) } else { Err(UNKNOWN_NUMBER) }
    }
}

impl ProviderApi for Kaleyra {
    fn outcomes(&self) -> Vec<Outcome> {
        outcomes()
    }

    fn examine(&self, request: &ApiRequest<'_>) -> Examination {
        let mut examined = Examination::default();
        let body = request.body.and_then(|body| serde_json::from_slice::<Value>(body).ok());
        if let Some(body) = &body {
            read_body(body, &mut examined);
        }
        if let Err(outcome) = self.admit(request) {
            examined.finding = Finding::NotAdmitted(outcome);
            return examined;
        }
        examined.body_report = check_json_body(request, body.as_ref(), check_body);
        if examined.body_report.wrong.is_some() {
            examined.finding = Finding::Invalid(BAD_PAYLOAD);
        }
        examined
    }

    /// `A` and 19 more characters: the length of the example in the documentation.
    fn message_id(&self, salt: u32, sequence: u64) -> String {
        message_id(salt, sequence)
    }

    fn accepted_body(&self, accepted: &Acceptance) -> Bytes {
        let id = &accepted.message_id;
        Bytes::from(format!(
            r#"{{"code":"WA202","message":"Request Accepted","data":{{"message_id":"{id}"}},"error":{{}}}}"#
        ))
    }

    /// Kaleyra's own refusals have a flat form; every other event, a failure with a code of Meta too, is Meta's change object in an
    /// envelope.
    fn webhook_body(
        &self,
        message: &AcceptedMessage,
        event: MessageEvent,
        details: &EventDetails<'_>,
    ) -> Value {
        let extra = json!({"trace_id": message.id, "message_id": message.id, "ref": message.reference});
        let is_own = details.failed_code.parse::<u32>().is_err();
        if event == MessageEvent::Failed && is_own {
            return json!({
                "code": details.failed_code, "status": "not sent", "reason": "could not be sent",
                "message_id": message.id, "extra_info": extra,
            });
        }
        let account =
            ChangeAccount { number: self.number, phone_number_id: &self.sid, repeats_reference: false };
        json!({
            "meta_object": account.change(message, event, details), "extra_info": extra,
            "message_id": message.id,
        })
    }
}

/// Every answer of the documentation page in its own words, and four that the page does not describe.
pub(crate) fn outcomes() -> Vec<Outcome> {
    let low_balance = "Please check your balance, You have a low balance!";
    let account = "API is not available for given customer.Please contact support for more info";
    let version = "The phone number you're using is associated with different Version of our WA API. \
                   Please use the appropriate endpoint.";
    let credentials = "Incorrect SID or API key.";
    let number = "Phone number is not present or does not belong to the account.";
    let payload = "Refer to correct payload format";
    vec![
        Outcome::accepted("WA202", 202),
        refusal("low_balance", 400, "E110", low_balance, &json!({"balance": low_balance})),
        refusal("rate_limited", 429, "429", "Too many requests", &json!({"error": "Too many requests"})),
        refusal("bad_credentials", 401, "RBC001", credentials, &json!({"error": credentials})),
        refusal("unknown_number", 401, "WA401", number, &json!({"phone_number": number})),
        refusal("bad_payload", 400, "WA400", payload, &json!({"payload": "Incorrect payload format"})),
        refusal("not_found", 404, "404", "Not found", &json!({"error": "Not found"})),
        refusal(
            "method_not_allowed",
            405,
            "405",
            "Method not allowed",
            &json!({"error": "Method not allowed"}),
        ),
        refusal(
            "internal_error",
            500,
            "WA500",
            "Please try again later",
            &json!({"error": "Internal server error"}),
        ),
        refusal("account_type", 401, "WA-401", account, &json!({"account": account})),
        refusal("number_version", 401, "WA-401", version, &json!({"phone_number": version})),
        refusal(
            "daily_limit",
            400,
            "WAV2101",
            "Account daily limit reached",
            &json!({"error": "Account daily limit reached"}),
        ),
        refusal("overloaded", 503, "503", "Service unavailable", &json!({"error": "Service unavailable"})),
    ]
}

fn message_id(salt: u32, sequence: u64) -> String {
    format!("A{salt:08X}{sequence:011}")
}

fn refusal(name: &'static str, status: u16, code: &'static str, message: &str, error: &Value) -> Outcome {
    let data = if code == "RBC001" { json!([]) } else { json!({}) };
    let body = json!({"code": code, "message": message, "data": data, "error": error});
    Outcome::refusal(name, status, code, Bytes::from(body.to_string()))
}

/// Reads what the ledger keeps of a body, valid or not.
fn read_body(body: &Value, examined: &mut Examination) {
    let cut = |text: &str| text.chars().take(MAX_REF_CHARACTERS).collect::<String>();
    let extra = |name| body.get("extra_info")?.get(name)?.as_str().map(cut);
    if let Some(message) = body.get("messaging_object") {
        examined.recipient = message.get("to").and_then(Value::as_str).and_then(Msisdn::parse);
        examined.flow_token = message_object::flow_token(message).map(str::to_owned);
        examined.is_free_form = message.get("interactive").is_some();
    }
    examined.reference = extra("ref");
    examined.ref2 = extra("ref2");
}

fn check_body(body: &Value, unknown: &UnknownMembers) -> Result<(), Violation> {
    let root = Object::root(body, unknown)?;
    root.allow_members(&["messaging_object", "extra_info"]);
    let object = root.required_object("messaging_object")?;
    let kind = message_object::check_message(&object)?;
    object.allow_members(&["messaging_product", "recipient_type", "to", "type", kind]);
    if let Some(extra) = root.object("extra_info")? {
        extra.allow_members(&["ref", "ref1", "ref2", "wa_source"]);
        for name in ["ref", "ref1", "ref2", "wa_source"] {
            extra.text(name, 0..=usize::MAX)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::outcome::{ACCEPTED, LOW_BALANCE, RATE_LIMITED};

    #[test]
    fn the_table_is_in_the_order_of_the_constants() {
        let names: Vec<_> = outcomes().iter().map(|outcome| outcome.name).collect();
        let positions = [
            (ACCEPTED, "accepted"),
            (LOW_BALANCE, "low_balance"),
            (RATE_LIMITED, "rate_limited"),
            (BAD_CREDENTIALS, "bad_credentials"),
            (UNKNOWN_NUMBER, "unknown_number"),
            (BAD_PAYLOAD, "bad_payload"),
            (NOT_FOUND, "not_found"),
            (METHOD_NOT_ALLOWED, "method_not_allowed"),
        ];
        for (id, name) in positions {
            assert_eq!(names.get(usize::from(id)), Some(&name));
        }
    }

    #[test]
    fn a_message_id_is_as_long_as_the_one_on_the_page() {
        assert_eq!(message_id(7, 1).len(), "AXXXXXXXXXXXXXXXXXXX".len());
        assert_ne!(message_id(7, 1), message_id(7, 2));
        assert_ne!(message_id(7, 1), message_id(8, 1));
    }
}
