//! What the simulator needs of a provider's API: the trait [`ProviderApi`] and the types of its arguments and results.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hyper::{HeaderMap, Method, header};
use serde_json::Value;

use crate::Msisdn;
use crate::providers::events::{AcceptedMessage, EventDetails, MessageEvent};
use crate::providers::json_check::{UnknownMembers, Violation};
use crate::providers::outcome::{Outcome, OutcomeId};

/// An HTTP request to the provider's API.
pub(crate) struct ApiRequest<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    /// `None` if the body is longer than the simulator reads.
    pub(crate) body: Option<&'a [u8]>,
}

/// The content of a request, and whether the provider would accept it if balance, rate limit and faults allow.
#[derive(Debug, Default)]
pub(crate) struct Examination {
    pub(crate) finding: Finding,
    pub(crate) recipient: Option<Msisdn>,
    pub(crate) reference: Option<String>,
    pub(crate) flow_token: Option<String>,
    pub(crate) ref2: Option<String>,
    /// Whether the message is a free-form flow, which needs an open 24-hour window.
    pub(crate) is_free_form: bool,
    pub(crate) body_report: BodyReport,
}

/// Whether a request is valid, and the outcome if not.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    /// The path, the method, the key or the sender is not that of the account. The request does not count for the rate limit.
    NotAdmitted(OutcomeId),
    /// The request is authorized, but its body breaks a rule.
    Invalid(OutcomeId),
    /// The request is authorized and its body keeps every rule.
    #[default]
    Valid,
}

/// What the check of a request body found, for the ledger.
#[derive(Debug, Default, Clone, PartialEq, Eq, Hash)]
pub(crate) struct BodyReport {
    /// Paths of the members that the documentation does not name. The provider accepts them.
    pub(crate) unknown_fields: Vec<String>,
    /// The member that breaks a rule, and the rule.
    pub(crate) wrong: Option<String>,
}

/// The API of one provider, without balance, rate limit and faults.
pub(crate) trait ProviderApi: Send + Sync {
    /// Every answer of the provider, in the order that `outcome.rs` requires.
    fn outcomes(&self) -> Vec<Outcome>;

    /// Reads and checks a request.
    fn examine(&self, request: &ApiRequest<'_>) -> Examination;

    /// The answer to a request for the list of templates, with its status; `None` if the request is another one.
    fn template_list(&self, _: &ApiRequest<'_>) -> Option<(u16, Value)> {
        None
    }

    /// The provider's id of the message with this ledger sequence; `salt` differs from run to run.
    fn message_id(&self, salt: u32, sequence: u64) -> String;

    /// The part of a request that the accepting answer repeats, besides the recipient.
    fn echo(&self, _: &Examination) -> Option<String> {
        None
    }

    /// The body of the answer that accepts a message.
    fn accepted_body(&self, accepted: &Acceptance) -> Bytes;

    /// The body of the webhook request that reports an event of a message.
    fn webhook_body(
        &self,
        message: &AcceptedMessage,
        event: MessageEvent,
        details: &EventDetails<'_>,
    ) -> Value;

    /// The header that authenticates a webhook request: its name and its value. By default `secret` is `user:password` of HTTP
    /// Basic authentication.
    fn webhook_authentication(&self, secret: &str, _body: &[u8]) -> Option<(&'static str, String)> {
        Some(("authorization", format!("Basic {}", BASE64_STANDARD.encode(secret.as_bytes()))))
    }
}

/// The message that an accepting answer is about.
pub(crate) struct Acceptance {
    pub(crate) message_id: String,
    pub(crate) recipient: Option<Msisdn>,
    pub(crate) echo: Option<String>,
}

/// Checks that the content type is JSON.
fn check_content_type(headers: &HeaderMap) -> Result<(), Violation> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = value.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(Violation("header content-type: must be application/json".to_owned()))
    }
}

/// Checks the content type and the JSON body of a request with `check`, and reports what the check found.
pub(crate) fn check_json_body(
    request: &ApiRequest<'_>,
    body: Option<&Value>,
    check: impl FnOnce(&Value, &UnknownMembers) -> Result<(), Violation>,
) -> BodyReport {
    let unknown = UnknownMembers::default();
    let verdict = check_content_type(request.headers).and_then(|()| match body {
        Some(body) => check(body, &unknown),
        None => Err(Violation("the body must be JSON of at most 1 MiB".to_owned())),
    });
    BodyReport { unknown_fields: unknown.into_inner(), wrong: verdict.err().map(|Violation(what)| what) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_authentication_is_user_and_password_in_base64() {
        assert_eq!(BASE64_STANDARD.encode(b"user:password"), "dXNlcjpwYXNzd29yZA==");
    }
}
