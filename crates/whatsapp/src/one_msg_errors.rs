//! 1msg's answers and what each means.
//!
//! The vendor's page names no errors. The statuses are those of its SDK (`1msg-sdk`, `rust/AGENTS.md`), the words those
//! its own n8n node looks for (`1msg-n8n-nodes`, `utils/errors.ts`), the text of 401 is from its API description. A refusal
//! often comes with HTTP 200 and `sent: false`, so the rows by words stand first; between them and the rows by status stands
//! Meta's whole table, whose codes are passed on.

use campaign::StopReason;

use crate::rule::{Class, Rule, Sign};

const WINDOW: &str = "the recipient's 24-hour window is closed; only a template reaches them";
const FAST: &str = "too many requests for the provider; the rate goes down by itself";
const TOKEN: &str = "the token or the instance id is wrong; correct it, then resume the sender";
const TEMPLATE: &str = "the provider does not know the template; check its name, language and namespace";

/// Every documented answer.
pub(crate) const ERRORS: &[Rule] = &[
    saying("window_closed", &["dialog window is closed"], Class::Rejected, WINDOW),
    saying("window_closed", &["outside the allowed window"], Class::Rejected, WINDOW),
    saying("window_closed", &["re-engagement"], Class::Rejected, WINDOW),
    saying("window_closed", &["131047"], Class::Rejected, WINDOW),
    saying("wrong_token", &["wrong token"], Class::StopSender(StopReason::BadCredentials), TOKEN),
    saying("wrong_token", &["invalid token"], Class::StopSender(StopReason::BadCredentials), TOKEN),
    saying("wrong_token", &["unauthorized"], Class::StopSender(StopReason::BadCredentials), TOKEN),
    saying("too_many_requests", &["too many request"], Class::Throttle, FAST),
    saying("too_many_requests", &["rate limit"], Class::Throttle, FAST),
    saying(
        "template_unknown",
        &["template is not defined"],
        Class::StopCampaign(StopReason::TemplateFault),
        TEMPLATE,
    ),
    saying(
        "template_unknown",
        &["template", "not found"],
        Class::StopCampaign(StopReason::TemplateFault),
        TEMPLATE,
    ),
    saying(
        "template_unknown",
        &["template", "does not exist"],
        Class::StopCampaign(StopReason::TemplateFault),
        TEMPLATE,
    ),
    saying(
        "bsuid_routing_disabled",
        &["bsuid routing is disabled"],
        Class::Rejected,
        "this recipient cannot be reached by number at this instance",
    ),
    saying(
        "username_recipient",
        &["username"],
        Class::Rejected,
        "this recipient is known by a user name and cannot be reached by number",
    ),
    status(400, Class::Rejected, "the provider finds the message malformed; check flow, screen and texts"),
    status(401, Class::StopSender(StopReason::BadCredentials), TOKEN),
    status(
        403,
        Class::StopSender(StopReason::Payment),
        "the subscription is blocked or its trial ended; settle it at the provider, then resume the sender",
    ),
    status(429, Class::Throttle, FAST),
    status(500, Class::Unknown, "a fault at the provider; it may have taken the message"),
];

const fn saying(
    word: &'static str,
    words: &'static [&'static str],
    class: Class,
    text: &'static str,
) -> Rule {
    Rule { sign: Sign::Saying(word, words), http: None, class, text }
}

const fn status(status: u16, class: Class, text: &'static str) -> Rule {
    Rule { sign: Sign::Status(status), http: Some(status), class, text }
}
