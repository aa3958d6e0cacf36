//! Every answer to a message request on Meta's page of error codes, with Meta's JSON body.

use bytes::Bytes;
use serde_json::json;

use crate::providers::outcome::{Outcome, OutcomeId};

pub(crate) const BAD_TOKEN: OutcomeId = 3;
pub(crate) const UNKNOWN_NUMBER: OutcomeId = 4;
pub(crate) const PARAMETER_MISSING: OutcomeId = 5;
pub(crate) const PARAMETER_WRONG: OutcomeId = 6;
pub(crate) const NOT_FOUND: OutcomeId = 7;
pub(crate) const METHOD_NOT_ALLOWED: OutcomeId = 8;

/// One answer of Meta.
pub(crate) struct MetaAnswer {
    /// Our name of the answer.
    pub(crate) name: &'static str,
    /// Our name of the answer if another provider passes it on.
    pub(crate) passed_on: &'static str,
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) title: &'static str,
}

impl MetaAnswer {
    /// The text of the answer, with the code in it.
    pub(crate) fn text(&self) -> String {
        format!("(#{}) {}", self.code, self.title)
    }

    /// The code as a number.
    pub(crate) fn number(&self) -> u32 {
        self.code.parse().unwrap_or_default()
    }
}

/// The title of a code, if Meta documents the code.
pub(crate) fn title(code: &str) -> Option<&'static str> {
    TABLE.iter().find(|answer| answer.code == code).map(|answer| answer.title)
}

macro_rules! answers {
    ($(($name:literal, $status:literal, $code:literal, $title:literal),)*) => {
        &[$(MetaAnswer {
            name: $name, passed_on: concat!($name, "_by_meta"), status: $status, code: $code, title: $title,
        },)*]
    };
}

/// Name, HTTP status, code and title. The first eight are in the order of the constants. The status is 400 where Meta's pages
/// disagree.
pub(crate) const TABLE: &[MetaAnswer] = answers![
    ("low_balance", 400, "131042", "Business eligibility payment issue"),
    ("rate_limited", 429, "130429", "Rate limit hit"),
    ("bad_token", 401, "190", "Invalid OAuth access token"),
    ("unknown_number", 400, "33", "Object does not exist"),
    ("parameter_missing", 400, "131008", "Required parameter is missing"),
    ("parameter_wrong", 400, "131009", "Parameter value is not valid"),
    ("not_found", 404, "2500", "Unknown path components"),
    ("method_not_allowed", 405, "2501", "Unsupported method"),
    ("app_limit", 429, "4", "API too many calls"),
    ("user_limit", 429, "17", "User request limit reached"),
    ("api_limit", 429, "613", "Calls to this API have exceeded the rate limit"),
    ("waba_limit", 429, "80007", "Rate limit issues"),
    ("pair_limit", 429, "131056", "(Business Account, Consumer Account) pair rate limit hit"),
    ("maintenance", 500, "131057", "Account in maintenance mode"),
    ("spam_limit", 429, "131048", "Spam rate limit hit"),
    ("limit_reduced", 400, "131064", "Messaging limit reduced"),
    ("unknown_error", 400, "1", "API unknown"),
    ("service_error", 503, "2", "API service"),
    ("internal_error", 500, "131000", "Something went wrong"),
    ("service_unavailable", 503, "131016", "Service unavailable"),
    ("server_unavailable", 503, "133004", "Server temporarily unavailable"),
    ("calling_payment", 400, "131044", "Business eligibility payment issue for calling"),
    ("policy_block", 403, "368", "Temporarily blocked for policies violations"),
    ("account_locked", 403, "131031", "Business account locked"),
    ("country_blocked", 403, "130497", "Business account restricted from messaging users in this country"),
    ("auth_exception", 401, "0", "AuthException"),
    ("api_method", 500, "3", "API method"),
    ("permission_denied", 403, "10", "API permission denied"),
    ("permission", 403, "200", "API permission"),
    ("access_denied", 403, "131005", "Access denied"),
    ("window_closed", 400, "131047", "Re-engagement message"),
    ("undeliverable", 400, "131026", "Message undeliverable"),
    ("ecosystem", 400, "131049", "Not delivered to maintain healthy ecosystem engagement"),
    ("stopped_marketing", 400, "131050", "User has stopped marketing messages"),
    ("experiment", 400, "130472", "User's number is part of an experiment"),
    ("own_number", 400, "131021", "Recipient cannot be sender"),
    ("not_in_test_list", 400, "131030", "Recipient phone number not in allowed list"),
    ("bsuid_not_allowed", 400, "131062", "Recipient not allowed"),
    ("identity_changed", 400, "137000", "Identity key mismatch"),
    ("bad_parameter", 400, "100", "Invalid parameter"),
    ("message_type", 400, "131051", "Unsupported message type"),
    ("generic_user_error", 400, "135000", "Generic user error"),
    ("template_variables", 400, "132000", "Template param count mismatch"),
    ("template_unknown", 404, "132001", "Template does not exist"),
    ("template_too_long", 400, "132005", "Template hydrated text too long"),
    ("template_policy", 400, "132007", "Template format character policy violated"),
    ("template_parameter", 400, "132008", "Template parameter mismatch"),
    ("template_format", 400, "132012", "Template parameter format mismatch"),
    ("template_paused", 400, "132015", "Template is paused"),
    ("template_disabled", 400, "132016", "Template is disabled"),
    ("flow_blocked", 400, "132068", "Flow is blocked"),
    ("flow_throttled", 400, "132069", "Flow is throttled"),
    ("display_name", 400, "131037", "Display name approval is needed"),
    ("certificate", 400, "131045", "Incorrect certificate"),
    ("marketing_off", 400, "131063", "Marketing messages are off"),
    ("deregistration", 400, "133000", "Incomplete deregistration"),
    ("two_step_pin", 400, "133005", "Two step verification PIN mismatch"),
    ("reverification", 400, "133006", "Phone number re-verification needed"),
    ("too_many_pins", 400, "133008", "Too many two step verification PIN guesses"),
    ("pin_too_fast", 400, "133009", "Two step verification PIN guessed too fast"),
    ("not_registered", 400, "133010", "Phone number not registered"),
    ("registration_wait", 400, "133015", "Please wait a few minutes"),
    ("registration_limit", 400, "133016", "Account register deregister rate limit exceeded"),
    ("media_download", 400, "131052", "Media download error"),
    ("media_upload", 400, "131053", "Media upload error"),
];

/// The outcomes of Meta.
pub(crate) fn outcomes() -> Vec<Outcome> {
    let refusals = TABLE.iter().map(|answer| {
        let body = json!({"error": {
            "message": answer.text(),
            "type": "OAuthException",
            "code": answer.number(),
            "error_data": {"messaging_product": "whatsapp", "details": answer.title},
            "fbtrace_id": "AbCdEfGhIjKlMnOp",
        }});
        Outcome::refusal(answer.name, answer.status, answer.code, Bytes::from(body.to_string()))
    });
    std::iter::once(Outcome::accepted("200", 200)).chain(refusals).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_constants() {
        let outcomes = outcomes();
        for (id, name) in [
            (BAD_TOKEN, "bad_token"),
            (UNKNOWN_NUMBER, "unknown_number"),
            (PARAMETER_MISSING, "parameter_missing"),
            (PARAMETER_WRONG, "parameter_wrong"),
            (NOT_FOUND, "not_found"),
            (METHOD_NOT_ALLOWED, "method_not_allowed"),
        ] {
            assert_eq!(outcomes.get(usize::from(id)).map(|outcome| outcome.name), Some(name));
        }
    }
}
