//! Meta's answers and what each means.
//!
//! From its page of error codes (`developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes`); the
//! pause of 131056 from its overview of limits, the throttle of 132069 from its page on the health of flows. The code decides;
//! the HTTP status is for the reader and is left out where sources differ. What Meta says may be tried again is; what it
//! calls unknown may have been taken.

use std::time::Duration;

use campaign::StopReason;

use crate::rule::{Class, Rule, Sign};

/// Meta: the n-th try to the same recipient after 4^n seconds.
const PAIR: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(4), Duration::from_secs(16), Duration::from_secs(64)];
/// Meta: a number in maintenance is back after at most a minute.
const MAINTENANCE: [Duration; 3] = [Duration::from_mins(1), Duration::from_mins(1), Duration::from_mins(5)];

const FAST: &str = "too many requests for the provider; the rate goes down by itself";
const AWAY: &str = "a service at Meta is unavailable for a while; it is tried again";
const UNCLEAR: &str = "an unknown fault at Meta; it may have taken the message";
const TOKEN: &str = "the access token is wrong or has ended; give a new one, then resume the sender";
const RIGHTS: &str =
    "the token may not send for this number; grant it whatsapp_business_messaging, then resume the sender";
const NUMBER: &str =
    "the number is not ready to send; complete its registration at Meta, then resume the sender";
const HELD: &str =
    "Meta holds the account or number back; look into its quality and policy at Meta, then resume the sender";
const PAYMENT: &str = "Meta waits for payment; settle the payment method at Meta, then resume the sender";
const TEMPLATE: &str =
    "the template is not approved under this name, in this language or with these variables";
const TEMPLATE_OFF: &str = "Meta paused or disabled the template; mend it at Meta, then resume the campaign";
const MALFORMED: &str = "Meta finds the message malformed; check flow, screen and texts of the campaign";
const MEDIA: &str = "Meta could not fetch or store a file of the message";

const FOR_TOKEN: Class = Class::StopSender(StopReason::BadCredentials);
const FOR_RIGHTS: Class = Class::StopSender(StopReason::SenderNotAllowed);
const FOR_POLICY: Class = Class::StopSender(StopReason::PolicyHold);
const FOR_MONEY: Class = Class::StopSender(StopReason::Payment);
const FOR_TEMPLATE: Class = Class::StopCampaign(StopReason::TemplateFault);
const FOR_FLOW: Class = Class::StopCampaign(StopReason::FlowFault);
/// After our own pauses.
const AGAIN: Class = Class::Retry(&[]);

/// Every documented answer.
pub(crate) const ERRORS: &[Rule] = &[
    code("4", Some(429), Class::Throttle, FAST),
    code("17", Some(429), Class::Throttle, FAST),
    code("613", Some(429), Class::Throttle, FAST),
    code("80007", Some(429), Class::Throttle, FAST),
    code("130429", Some(429), Class::Throttle, FAST),
    code("131056", Some(429), Class::Retry(&PAIR), "too many messages to this recipient in a short time"),
    code("131057", None, Class::Retry(&MAINTENANCE), "the number is in maintenance for about a minute"),
    code("2", Some(503), AGAIN, AWAY),
    code("131016", Some(503), AGAIN, AWAY),
    code("133004", Some(503), AGAIN, AWAY),
    code("1", Some(400), Class::Unknown, UNCLEAR),
    code("131000", Some(500), Class::Unknown, UNCLEAR),
    code("0", Some(401), FOR_TOKEN, TOKEN),
    code("190", Some(401), FOR_TOKEN, TOKEN),
    code("3", Some(500), FOR_RIGHTS, RIGHTS),
    code("10", Some(403), FOR_RIGHTS, RIGHTS),
    Rule { sign: Sign::Codes(200, 299), http: Some(403), class: FOR_RIGHTS, text: RIGHTS },
    code("131005", Some(403), FOR_RIGHTS, RIGHTS),
    code(
        "33",
        Some(400),
        FOR_RIGHTS,
        "the phone number id does not exist or was deleted; correct it, then resume the sender",
    ),
    code("131037", None, FOR_RIGHTS, NUMBER),
    code("131045", None, FOR_RIGHTS, NUMBER),
    code(
        "131063",
        None,
        FOR_RIGHTS,
        "marketing messages are switched off for this number; switch them on at Meta",
    ),
    code("133000", None, FOR_RIGHTS, NUMBER),
    Rule { sign: Sign::Codes(133_005, 133_010), http: None, class: FOR_RIGHTS, text: NUMBER },
    code("133015", None, FOR_RIGHTS, NUMBER),
    code("133016", None, FOR_RIGHTS, NUMBER),
    code("131042", None, FOR_MONEY, PAYMENT),
    code("131044", None, FOR_MONEY, PAYMENT),
    code("368", Some(403), FOR_POLICY, HELD),
    code("131031", Some(403), FOR_POLICY, HELD),
    code(
        "131048",
        Some(429),
        FOR_POLICY,
        "Meta limits this number for spam; find out what people blocked, then resume the sender",
    ),
    code("131064", None, FOR_POLICY, HELD),
    code(
        "130497",
        Some(403),
        Class::Rejected,
        "messages of this account may not go to the recipient's country",
    ),
    code(
        "131047",
        Some(400),
        Class::Rejected,
        "the recipient's 24-hour window is closed; only a template reaches them",
    ),
    code(
        "131026",
        Some(400),
        Class::Rejected,
        "undeliverable: not on WhatsApp, an old app, or its terms not accepted",
    ),
    code(
        "131049",
        None,
        Class::Rejected,
        "withheld by Meta, this recipient has had enough marketing; not before 24 hours",
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
        FOR_TEMPLATE,
        "the template has another number of variables; correct the campaign",
    ),
    code("132001", Some(404), FOR_TEMPLATE, TEMPLATE),
    code("132007", Some(400), FOR_TEMPLATE, TEMPLATE),
    code("132008", Some(400), FOR_TEMPLATE, TEMPLATE),
    code("132005", Some(400), Class::Rejected, "the template filled in for this recipient is too long"),
    code(
        "132012",
        Some(400),
        Class::Rejected,
        "a variable of this recipient has not the form the template wants",
    ),
    code("132015", Some(400), FOR_TEMPLATE, TEMPLATE_OFF),
    code("132016", Some(400), FOR_TEMPLATE, TEMPLATE_OFF),
    code("132068", Some(400), FOR_FLOW, "Meta blocked the flow; mend it at Meta, then resume the campaign"),
    code(
        "132069",
        Some(400),
        FOR_FLOW,
        "Meta lets this flow go out ten times an hour; mend it at Meta, then resume the campaign",
    ),
    code("131052", Some(400), Class::Rejected, MEDIA),
    code("131053", Some(400), Class::Rejected, MEDIA),
    Rule { sign: Sign::Status(401), http: Some(401), class: FOR_TOKEN, text: TOKEN },
];

const fn code(code: &'static str, http: Option<u16>, class: Class, text: &'static str) -> Rule {
    Rule { sign: Sign::Code(code), http, class, text }
}
