//! Meta's Cloud API, `POST /{Version}/{Phone-Number-ID}/messages`, implemented from its `OpenAPI` document and its error codes.
//!
//! A missing member is 131008, an invalid member 131009, an unknown phone number id 33, a wrong token 190. `docs/SIMULATOR.md`
//! lists our choices where the document does not define an answer.

use std::fmt::Write;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use hyper::{Method, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::providers::api::{Acceptance, ApiRequest, Examination, Finding, ProviderApi, check_json_body};
use crate::providers::events::{AcceptedMessage, EventDetails, MessageEvent};
use crate::providers::json_check::{Object, UnknownMembers, Violation};
use crate::providers::message_object;
use crate::providers::meta_change::{BUSINESS_ACCOUNT, ChangeAccount};
use crate::providers::meta_outcomes::{
    self, BAD_TOKEN, METHOD_NOT_ALLOWED, NOT_FOUND, PARAMETER_MISSING, PARAMETER_WRONG, UNKNOWN_NUMBER,
    outcomes,
};
use crate::providers::outcome::{Outcome, OutcomeId};
use crate::providers::template_list::TemplateList;
use crate::{Config, Msisdn};

/// The maximum length of `biz_opaque_callback_data`.
const MAX_CALLBACK_CHARACTERS: usize = 512;

/// The simulated account; `account` of the configuration is the phone number id.
pub(crate) struct Meta {
    phone_number_id: String,
    number: Msisdn,
    token: SecretString,
    templates: TemplateList,
}

impl Meta {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            phone_number_id: config.account.clone(),
            number: config.number,
            token: config.api_key.clone(),
            templates: TemplateList::new(&config.templates),
        }
    }

    /// Checks path, method, token and number, in this order.
    fn admit(&self, request: &ApiRequest<'_>) -> Result<(), OutcomeId> {
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
        if !self.has_token(request) {
            return Err(BAD_TOKEN);
        }
        if number == self.phone_number_id { Ok(()) } else { Err(UNKNOWN_NUMBER) }
    }
}

impl Meta {
    fn has_token(&self, request: &ApiRequest<'_>) -> bool {
        let header = request.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        header.and_then(|value| value.strip_prefix("Bearer ")) == Some(self.token.expose_secret())
    }

    /// The code of a valid template message that differs from the approved template.
    fn difference(&self, body: &Value) -> Option<OutcomeId> {
        let template = body.get("template")?;
        let code = self.templates.difference(
            template.get("name")?,
            template.get("language")?,
            template.get("components"),
        )?;
        let place = meta_outcomes::TABLE.iter().position(|answer| answer.code == code)?;
        OutcomeId::try_from(place + 1).ok()
    }
}

impl ProviderApi for Meta {
    fn outcomes(&self) -> Vec<Outcome> {
        outcomes()
    }

    fn examine(&self, request: &ApiRequest<'_>) -> Examination {
        let mut examined = Examination::default();
        let body = request.body.and_then(|body| serde_json::from_slice::<Value>(body).ok());
        if let Some(body) = &body {
            let text = |name| body.get(name).and_then(Value::as_str);
            examined.recipient = text("to").and_then(Msisdn::parse);
            examined.reference = text("biz_opaque_callback_data").map(str::to_owned);
            examined.flow_token = message_object::flow_token(body).map(str::to_owned);
            examined.is_free_form = body.get("interactive").is_some();
        }
        if let Err(outcome) = self.admit(request) {
            examined.finding = Finding::NotAdmitted(outcome);
            return examined;
        }
        examined.body_report = check_json_body(request, body.as_ref(), check);
        if let Some(wrong) = &examined.body_report.wrong {
            let is_missing = wrong.contains("is required");
            examined.finding = Finding::Invalid(if is_missing { PARAMETER_MISSING } else { PARAMETER_WRONG });
        } else if let Some(outcome) = body.as_ref().and_then(|body| self.difference(body)) {
            examined.finding = Finding::Invalid(outcome);
        }
        examined
    }

    /// `GET /{Version}/{WABA-ID}/message_templates`, two templates a page.
    fn template_list(&self, request: &ApiRequest<'_>) -> Option<(u16, Value)> {
        let asked =
            request.path.strip_suffix("/message_templates").filter(|_| request.method == Method::GET)?;
        if !self.has_token(request) {
            return Some((401, json!({"error": {"message": "Invalid OAuth access token", "code": 190}})));
        }
        if asked.rsplit('/').next() != Some(BUSINESS_ACCOUNT) {
            return Some((400, json!({"error": {"message": "(#100) Invalid parameter", "code": 100}})));
        }
        let after = request.query.split('&').find_map(|pair| pair.strip_prefix("after="));
        let after: usize = after.and_then(|after| after.parse().ok()).unwrap_or_default();
        let page: Vec<&Value> = self.templates.all().iter().skip(after).take(2).collect();
        let next = after + page.len();
        let mut paging = json!({"cursors": {"after": next.to_string()}});
        if next < self.templates.all().len() {
            paging["next"] = json!("https://graph.facebook.com/next");
        }
        Some((200, json!({"data": page, "paging": paging})))
    }

    fn message_id(&self, salt: u32, sequence: u64) -> String {
        format!("wamid.HBgL{salt:08X}{sequence:011}AA==")
    }

    fn accepted_body(&self, accepted: &Acceptance) -> Bytes {
        let number = accepted.recipient.map(|recipient| recipient.to_string()).unwrap_or_default();
        let wa_id = accepted.recipient.map(|recipient| recipient.wa_id().to_string()).unwrap_or_default();
        let body = json!({
            "messaging_product": "whatsapp",
            "contacts": [{"input": number, "wa_id": wa_id}],
            "messages": [{"id": accepted.message_id, "message_status": "accepted"}],
        });
        Bytes::from(body.to_string())
    }

    fn webhook_body(
        &self,
        message: &AcceptedMessage,
        event: MessageEvent,
        details: &EventDetails<'_>,
    ) -> Value {
        let account = ChangeAccount {
            number: self.number,
            phone_number_id: &self.phone_number_id,
            repeats_reference: true,
        };
        account.envelope(message, event, details)
    }

    /// `secret` is the app secret; the signature is HMAC-SHA256 of the body.
    fn webhook_authentication(&self, secret: &str, body: &[u8]) -> Option<(&'static str, String)> {
        Some(("x-hub-signature-256", signature(secret, body)?))
    }
}

fn signature(secret: &str, body: &[u8]) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(body);
    let mut header = "sha256=".to_owned();
    for byte in mac.finalize().into_bytes() {
        write!(header, "{byte:02x}").ok()?;
    }
    Some(header)
}

fn check(body: &Value, unknown: &UnknownMembers) -> Result<(), Violation> {
    let root = Object::root(body, unknown)?;
    let kind = message_object::check_message(&root)?;
    root.allow_members(&[
        "messaging_product",
        "recipient_type",
        "to",
        "type",
        "biz_opaque_callback_data",
        kind,
    ]);
    root.text("biz_opaque_callback_data", 1..=MAX_CALLBACK_CHARACTERS)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_signed_as_the_page_says() {
        // RFC 4231, test case 2.
        let signed = signature("Jefe", b"what do ya want for nothing?").unwrap();
        assert_eq!(signed, "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
