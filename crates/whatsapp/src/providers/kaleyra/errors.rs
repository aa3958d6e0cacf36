//! Kaleyra's answers and their meanings.
//!
//! Sources: the page "Send Flow Messages", the error code page (the schedule of WA500, WA200, WAV2101) and the page about
//! capacity (429 and 503). The first matching rule applies, so the rules by status are last. For E110, WA400 and WA401, "Retry:
//! yes" on the error code page means a retry after a person corrected the cause.

use std::time::Duration;

use campaign::StopReason;

use crate::classification::error_rule::{Class, Pattern, Rule};

/// The pauses that the error code page gives for WA500. After the last one, it asks to inform the support.
const AFTER_WA500: [Duration; 3] = [Duration::from_mins(5), Duration::from_mins(10), Duration::from_mins(15)];

/// Every documented answer.
pub(crate) const ERRORS: &[Rule] = &[
    Rule {
        pattern: Pattern::Code("WA202"),
        http_status: Some(202),
        class: Class::Accepted,
        text: "accepted; sent, delivered and read are reported later",
    },
    Rule {
        pattern: Pattern::Code("WA200"),
        http_status: Some(200),
        class: Class::Accepted,
        text: "accepted; sent, delivered and read are reported later",
    },
    Rule {
        pattern: Pattern::Code("E110"),
        http_status: Some(400),
        class: Class::StopSender(StopReason::LowBalance),
        text: "the account's balance is too low; top it up at the provider; the sender resumes after a successful probe, or with 'flowcast sender resume'",
    },
    Rule {
        pattern: Pattern::Code("RBC001"),
        http_status: Some(401),
        class: Class::StopSender(StopReason::BadCredentials),
        text: "the account id (SID) or the key is wrong; correct it with 'flowcast sender set', then resume the sender",
    },
    Rule {
        pattern: Pattern::Code("WA401"),
        http_status: Some(401),
        class: Class::StopSender(StopReason::SenderNotAllowed),
        text: "the sender's number does not belong to this account; correct the number or the account with 'flowcast sender set', then resume the sender",
    },
    Rule {
        pattern: Pattern::CodeWithText("WA-401", "different version"),
        http_status: Some(401),
        class: Class::StopSender(StopReason::SenderNotAllowed),
        text: "the sender's number belongs to another version of the provider's API; have it moved to version 2",
    },
    Rule {
        pattern: Pattern::Code("WA-401"),
        http_status: Some(401),
        class: Class::StopSender(StopReason::SenderNotAllowed),
        text: "the account may not use this API; ask the provider to enable it, then resume the sender",
    },
    Rule {
        pattern: Pattern::Code("WAV2101"),
        http_status: None,
        class: Class::StopSender(StopReason::DailyLimit),
        text: "the account's daily message limit is used up; sending continues after the provider's daily reset",
    },
    Rule {
        pattern: Pattern::Code("WA400"),
        http_status: Some(400),
        class: Class::Rejected,
        text: "the provider refuses the message as malformed; check flow, screen and texts of the campaign",
    },
    Rule {
        pattern: Pattern::Code("WA500"),
        http_status: Some(500),
        class: Class::Retry(&AFTER_WA500),
        text: "internal error at the provider, which asks for up to three retries; if it persists, inform its support",
    },
    Rule {
        pattern: Pattern::Status(429),
        http_status: Some(429),
        class: Class::Throttle,
        text: "too many requests for the provider; the rate is lowered automatically",
    },
    Rule {
        pattern: Pattern::Status(503),
        http_status: Some(503),
        class: Class::Throttle,
        text: "the provider is overloaded; the rate is lowered automatically",
    },
];
