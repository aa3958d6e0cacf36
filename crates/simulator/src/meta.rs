//! Meta's Cloud API, `POST /{Version}/{Phone-Number-ID}/messages`, read from its `OpenAPI` document and its error codes.
//!
//! A missing member is 131008, a wrong one 131009, another phone number id 33, a wrong token 190. What the document is silent
//! on stands in `docs/SIMULATOR.md`.

use bytes::Bytes;
use hyper::{Method, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::check::{Object, Unknown, Wrong};
use crate::meta_outcomes::{
    BAD_TOKEN, METHOD_NOT_ALLOWED, NOT_FOUND, PARAMETER_MISSING, PARAMETER_WRONG, UNKNOWN_NUMBER, outcomes,
};
use crate::outcome::{Outcome, OutcomeId};
use crate::provider::{Accepted, Arrived, Examined, Finding, Rules, remark};
use crate::{Config, Msisdn, message};

/// The longest `biz_opaque_callback_data`.
const MOST_CALLBACK_CHARACTERS: usize = 512;

/// The account the simulator plays; its `account` is the phone number id.
pub(crate) struct Meta {
    phone_number_id: String,
    token: SecretString,
}

impl Meta {
    pub(crate) fn new(config: &Config) -> Self {
        Self { phone_number_id: config.account.clone(), token: config.api_key.clone() }
    }

    /// Path, method, token and number, in this order.
    fn admit(&self, request: &Arrived<'_>) -> Result<(), OutcomeId> {
        let mut segments = request.path.split('/');
        let mut next = || segments.next();
        let (Some(""), Some(version), Some(number), Some("messages"), None) =
            (next(), next(), next(), next(), next())
        else {
            return Err(NOT_FOUND);
        };
        let is_version = |version: &str| {
            version.split_once('.').is_some_and(|(major, minor)| {
                [major, minor]
                    .iter()
                    .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
            })
        };
        if !version.strip_prefix('v').is_some_and(is_version) {
            return Err(NOT_FOUND);
        }
        if request.method != Method::POST {
            return Err(METHOD_NOT_ALLOWED);
        }
        let shown = request.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if shown.and_then(|value| value.strip_prefix("Bearer ")) != Some(self.token.expose_secret()) {
            return Err(BAD_TOKEN);
        }
        if number == self.phone_number_id { Ok(()) } else { Err(UNKNOWN_NUMBER) }
    }
}

impl Rules for Meta {
    fn outcomes(&self) -> Vec<Outcome> {
        outcomes()
    }

    fn examine(&self, request: &Arrived<'_>) -> Examined {
        let mut examined = Examined::default();
        let body = request.body.and_then(|body| serde_json::from_slice::<Value>(body).ok());
        if let Some(body) = &body {
            let text = |name| body.get(name).and_then(Value::as_str);
            examined.recipient = text("to").and_then(Msisdn::parse);
            examined.reference = text("biz_opaque_callback_data").map(str::to_owned);
            examined.flow_token = message::flow_token(body).map(str::to_owned);
        }
        if let Err(outcome) = self.admit(request) {
            examined.finding = Finding::Stranger(outcome);
            return examined;
        }
        examined.remark = remark(request, body.as_ref(), check);
        if let Some(wrong) = &examined.remark.wrong {
            let is_missing = wrong.contains("is required");
            examined.finding = Finding::Faulty(if is_missing { PARAMETER_MISSING } else { PARAMETER_WRONG });
        }
        examined
    }

    fn message_id(&self, salt: u32, sequence: u64) -> String {
        format!("wamid.HBgL{salt:08X}{sequence:011}AA==")
    }

    fn accepted_body(&self, accepted: &Accepted) -> Bytes {
        let number = accepted.recipient.map(|recipient| recipient.to_string()).unwrap_or_default();
        let wa_id = accepted.recipient.map(|recipient| recipient.wa_id().to_string()).unwrap_or_default();
        let body = json!({
            "messaging_product": "whatsapp",
            "contacts": [{"input": number, "wa_id": wa_id}],
            "messages": [{"id": accepted.message_id, "message_status": "accepted"}],
        });
        Bytes::from(body.to_string())
    }
}

fn check(body: &Value, unknown: &Unknown) -> Result<(), Wrong> {
    let root = Object::root(body, unknown)?;
    let kind = message::check_message(&root)?;
    root.knows(&["messaging_product", "recipient_type", "to", "type", "biz_opaque_callback_data", kind]);
    root.text("biz_opaque_callback_data", 1..=MOST_CALLBACK_CHARACTERS)?;
    Ok(())
}
