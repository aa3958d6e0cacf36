//! Meta's answers and their meanings.
//!
//! Sources: the page of error codes (`developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes`),
//! the overview of limits for the pauses of 131056, and the page about the health of flows for the throttle of 132069. The code
//! decides. The HTTP status is informative, and left out where the sources differ. A request is retried if Meta says that it may
//! be. If Meta calls an error unknown, the outcome is unknown, because Meta may have accepted the message.

use std::time::Duration;

use campaign::StopReason;

use crate::classification::error_rule::{Class, Pattern, Rule};

/// Meta: retry n to the same recipient after 4^n seconds.
const PAIR_LIMIT_PAUSES: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(16), Duration::from_secs(64)];
/// Meta: the maintenance of a number ends within a minute.
const MAINTENANCE_PAUSES: [Duration; 3] =
    [Duration::from_mins(1), Duration::from_mins(1), Duration::from_mins(5)];

const FAST: &str = "too many requests for the provider; the rate is lowered automatically";
const UNAVAILABLE: &str = "a service at Meta is temporarily unavailable; the message is sent again";
const UNKNOWN: &str = "an unknown error at Meta; Meta may have accepted the message";
const TOKEN: &str = "the access token is wrong or expired; set a new one in its variable or file, or with 'flowcast sender set', then resume the sender";
const PERMISSION: &str =
    "the token may not send for this number; grant it whatsapp_business_messaging, then resume the sender";
const NUMBER: &str =
    "the number is not ready to send; complete its registration at Meta, then resume the sender";
const RESTRICTED: &str = "Meta restricts the account or number; check its quality and policy status at Meta, then resume the sender";
const PAYMENT: &str = "Meta has no valid payment method; correct it at Meta, then resume the sender";
const TEMPLATE: &str =
    "the template is not approved under this name, in this language or with these variables";
const TEMPLATE_DISABLED: &str =
    "Meta paused or disabled the template; correct it at Meta, then resume the campaign";
const MALFORMED: &str = "Meta refuses the message as malformed; check flow, screen and texts of the campaign";
const MEDIA: &str = "Meta cannot download or store a media file of the message";

const STOP_BAD_TOKEN: Class = Class::StopSender(StopReason::BadCredentials);
const STOP_NOT_ALLOWED: Class = Class::StopSender(StopReason::SenderNotAllowed);
const STOP_POLICY: Class = Class::StopSender(StopReason::PolicyHold);
const STOP_PAYMENT: Class = Class::StopSender(StopReason::Payment);
const STOP_TEMPLATE: Class = Class::StopCampaign(StopReason::TemplateFault);
const STOP_FLOW: Class = Class::StopCampaign(StopReason::FlowFault);
/// A retry after the default pauses.
const RETRY: Class = Class::Retry(&[]);

/// Every documented answer.
pub(crate) const ERRORS: &[Rule] = &[
    code("4", Some(429), Class::Throttle, FAST),
    code("17", Some(429), Class::Throttle, FAST),
    code("613", Some(429), Class::Throttle, FAST),
    code("80007", Some(429), Class::Throttle, FAST),
    code("130429", Some(429), Class::Throttle, FAST),
    code(
        "131056",
        Some(429),
        Class::Retry(&PAIR_LIMIT_PAUSES),
        "too many messages to this recipient in a short time",
    ),
    code(
        "131057",
        None,
        Class::Retry(&MAINTENANCE_PAUSES),
        "the number is in maintenance for about a minute",
    ),
    code("2", Some(503), RETRY, UNAVAILABLE),
    code("131016", Some(503), RETRY, UNAVAILABLE),
    code("133004", Some(503), RETRY, UNAVAILABLE),
    code("1", Some(400), Class::Unknown, UNKNOWN),
    code("131000", Some(500), Class::Unknown, UNKNOWN),
    code("0", Some(401), STOP_BAD_TOKEN, TOKEN),
    code("190", Some(401), STOP_BAD_TOKEN, TOKEN),
    code("3", Some(500), STOP_NOT_ALLOWED, PERMISSION),
    code("10", Some(403), STOP_NOT_ALLOWED, PERMISSION),
    Rule {
        pattern: Pattern::CodeRange(200, 299),
        http_status: Some(403),
        class: STOP_NOT_ALLOWED,
        text: PERMISSION,
    },
    code("131005", Some(403), STOP_NOT_ALLOWED, PERMISSION),
    code(
        "33",
        Some(400),
        STOP_NOT_ALLOWED,
        "the phone number id does not exist or was deleted; correct it with 'flowcast sender set --account', then resume the sender",
    ),
    code("131037", None, STOP_NOT_ALLOWED, NUMBER),
    code("131045", None, STOP_NOT_ALLOWED, NUMBER),
    code(
        "131063",
        None,
        STOP_NOT_ALLOWED,
        "marketing messages are disabled for this number; enable them at Meta",
    ),
    code("133000", None, STOP_NOT_ALLOWED, NUMBER),
    Rule {
        pattern: Pattern::CodeRange(133_005, 133_010),
        http_status: None,
        class: STOP_NOT_ALLOWED,
        text: NUMBER,
    },
    code("133015", None, STOP_NOT_ALLOWED, NUMBER),
    code("133016", None, STOP_NOT_ALLOWED, NUMBER),
    code("131042", None, STOP_PAYMENT, PAYMENT),
    code("131044", None, STOP_PAYMENT, PAYMENT),
    code("368", Some(403), STOP_POLICY, RESTRICTED),
    code("131031", Some(403), STOP_POLICY, RESTRICTED),
    code(
        "131048",
        Some(429),
        STOP_POLICY,
        "Meta limits this number for spam; find out which messages people blocked, then resume the sender",
    ),
    code("131064", None, STOP_POLICY, RESTRICTED),
    code("130497", Some(403), Class::Rejected, "this account may not send to the recipient's country"),
    code(
        "131047",
        Some(400),
        Class::WindowClosed,
        "the recipient's 24-hour window is closed; only a template message can be sent",
    ),
    code(
        "131026",
        Some(400),
        Class::Rejected,
        "undeliverable: the recipient is not on WhatsApp, has an old app, or did not accept its terms",
    ),
    code(
        "131049",
        None,
        Class::Rejected,
        "withheld by Meta: this recipient got enough marketing messages; wait at least 24 hours",
    ),
    code("131050", None, Class::Rejected, "the recipient stopped marketing messages from this business"),
    code("130472", None, Class::Rejected, "withheld by Meta for an experiment with this recipient"),
    code("131021", Some(400), Class::Rejected, "the recipient is the sender's own number"),
    code("131030", Some(400), Class::Rejected, "the recipient is not on the list of the test number"),
    code("131062", Some(400), Class::Rejected, "this recipient cannot be reached in this way"),
    code("137000", Some(400), Class::Rejected, "the recipient's identity changed at WhatsApp"),
    code("100", Some(400), Class::Rejected, MALFORMED),
    code("131008", Some(400), Class::Rejected, MALFORMED),
    code("131009", Some(400), Class::Rejected, MALFORMED),
    code("131051", Some(400), Class::Rejected, MALFORMED),
    code("135000", Some(400), Class::Rejected, MALFORMED),
    code(
        "132000",
        Some(400),
        STOP_TEMPLATE,
        "the number of variables differs from that of the template; correct the campaign",
    ),
    code("132001", Some(404), STOP_TEMPLATE, TEMPLATE),
    code("132007", Some(400), STOP_TEMPLATE, TEMPLATE),
    code("132008", Some(400), STOP_TEMPLATE, TEMPLATE),
    code("132005", Some(400), Class::Rejected, "the template with the values of this recipient is too long"),
    code(
        "132012",
        Some(400),
        Class::Rejected,
        "a variable of this recipient does not have the format that the template requires",
    ),
    code("132015", Some(400), STOP_TEMPLATE, TEMPLATE_DISABLED),
    code("132016", Some(400), STOP_TEMPLATE, TEMPLATE_DISABLED),
    code(
        "132068",
        Some(400),
        STOP_FLOW,
        "Meta blocked the flow; correct it at Meta, then resume the campaign",
    ),
    code(
        "132069",
        Some(400),
        STOP_FLOW,
        "Meta limits this flow to ten messages per hour; correct it at Meta, then resume the campaign",
    ),
    code("131052", Some(400), Class::Rejected, MEDIA),
    code("131053", Some(400), Class::Rejected, MEDIA),
    Rule { pattern: Pattern::Status(401), http_status: Some(401), class: STOP_BAD_TOKEN, text: TOKEN },
];

const fn code(code: &'static str, http_status: Option<u16>, class: Class, text: &'static str) -> Rule {
    Rule { pattern: Pattern::Code(code), http_status, class, text }
}
