//! 1msg's answers and their meanings.
//!
//! The provider's page documents no errors. Sources: the SDK for the statuses (`1msg-sdk`, `rust/AGENTS.md`), the n8n node for
//! the texts (`1msg-n8n-nodes`, `utils/errors.ts`), and the API description for the text of 401. 1msg passes Meta's refusals on. If
//! the body or the text names a code of Meta's table, that code decides and not the words: Meta's titles contain the same words, such
//! as "Spam rate limit hit". A refusal often has HTTP 200 and `sent: false`, so the rules by text precede the rules by status.

use campaign::StopReason;

use crate::classification::error_rule::{Class, Pattern, Rule};

const WINDOW: &str = "the recipient's 24-hour window is closed; only a template message can be sent";
const FAST: &str = "too many requests for the provider; the rate is lowered automatically";
const TOKEN: &str =
    "the token or the instance id is wrong; correct it with 'flowcast sender set', then resume the sender";
const TEMPLATE: &str = "the provider does not know the template; check its name, language and namespace";

/// Every documented answer.
pub(crate) const ERRORS: &[Rule] = &[
    text("window_closed", &["dialog window is closed"], Class::WindowClosed, WINDOW),
    text("window_closed", &["outside the allowed window"], Class::WindowClosed, WINDOW),
    text("window_closed", &["re-engagement"], Class::WindowClosed, WINDOW),
    text("window_closed", &["131047"], Class::WindowClosed, WINDOW),
    text("wrong_token", &["wrong token"], Class::StopSender(StopReason::BadCredentials), TOKEN),
    text("wrong_token", &["invalid token"], Class::StopSender(StopReason::BadCredentials), TOKEN),
    text("wrong_token", &["unauthorized"], Class::StopSender(StopReason::BadCredentials), TOKEN),
    text("too_many_requests", &["too many request"], Class::Throttle, FAST),
    text("too_many_requests", &["rate limit"], Class::Throttle, FAST),
    text(
        "template_unknown",
        &["template is not defined"],
        Class::StopCampaign(StopReason::TemplateFault),
        TEMPLATE,
    ),
    text(
        "template_unknown",
        &["template", "not found"],
        Class::StopCampaign(StopReason::TemplateFault),
        TEMPLATE,
    ),
    text(
        "template_unknown",
        &["template", "does not exist"],
        Class::StopCampaign(StopReason::TemplateFault),
        TEMPLATE,
    ),
    text(
        "bsuid_routing_disabled",
        &["bsuid routing is disabled"],
        Class::Rejected,
        "this recipient cannot be reached by number at this instance",
    ),
    text(
        "username_recipient",
        &["username"],
        Class::Rejected,
        "this recipient is known by a user name and cannot be reached by number",
    ),
    status(
        400,
        Class::Rejected,
        "the provider refuses the message as malformed; check flow, screen and texts",
    ),
    status(401, Class::StopSender(StopReason::BadCredentials), TOKEN),
    status(
        403,
        Class::StopSender(StopReason::Payment),
        "the subscription is blocked or its trial ended; renew it at the provider, then resume the sender",
    ),
    status(429, Class::Throttle, FAST),
    status(500, Class::Unknown, "an error at the provider; the provider may have accepted the message"),
];

const fn text(code: &'static str, texts: &'static [&'static str], class: Class, text: &'static str) -> Rule {
    Rule { pattern: Pattern::Text(code, texts), http_status: None, class, text }
}

const fn status(status: u16, class: Class, text: &'static str) -> Rule {
    Rule { pattern: Pattern::Status(status), http_status: Some(status), class, text }
}
