//! Kaleyra's answers and what each means.
//!
//! From its page "Send Flow Messages", from its error code page (the schedule of WA500, WA200, WAV2101) and from its
//! page on capacity (429 and 503). The first row that covers an answer holds, so the rows by status stand last.
//! "Retry: yes" on the error code page means, for E110, WA400 and WA401, after a person put it right.

use std::time::Duration;

use campaign::StopReason;

use crate::rule::{Class, Rule, Sign};

/// The pauses the error code page gives for WA500; then it wants to be told.
const AFTER_WA500: [Duration; 3] = [Duration::from_mins(5), Duration::from_mins(10), Duration::from_mins(15)];

/// Every documented answer.
pub(crate) const ERRORS: &[Rule] = &[
    Rule {
        sign: Sign::Code("WA202"),
        http: Some(202),
        class: Class::Accepted,
        text: "taken; sent, delivered and read are reported later",
    },
    Rule {
        sign: Sign::Code("WA200"),
        http: Some(200),
        class: Class::Accepted,
        text: "taken; sent, delivered and read are reported later",
    },
    Rule {
        sign: Sign::Code("E110"),
        http: Some(400),
        class: Class::StopSender(StopReason::LowBalance),
        text: "the account's balance is too low; top it up at the provider, then resume the sender",
    },
    Rule {
        sign: Sign::Code("RBC001"),
        http: Some(401),
        class: Class::StopSender(StopReason::BadCredentials),
        text: "the account id (SID) or the key is wrong; correct it, then resume the sender",
    },
    Rule {
        sign: Sign::Code("WA401"),
        http: Some(401),
        class: Class::StopSender(StopReason::SenderNotAllowed),
        text: "the sender's number is not of this account; correct the number or the account, then resume the sender",
    },
    Rule {
        sign: Sign::CodeSaying("WA-401", "different version"),
        http: Some(401),
        class: Class::StopSender(StopReason::SenderNotAllowed),
        text: "the sender's number belongs to another version of the provider's API; have it moved to version 2",
    },
    Rule {
        sign: Sign::Code("WA-401"),
        http: Some(401),
        class: Class::StopSender(StopReason::SenderNotAllowed),
        text: "the account may not use this API; ask the provider to open it, then resume the sender",
    },
    Rule {
        sign: Sign::Code("WAV2101"),
        http: None,
        class: Class::StopSender(StopReason::DailyLimit),
        text: "the account's messages of the day are used up; it goes on after the provider's daily reset",
    },
    Rule {
        sign: Sign::Code("WA400"),
        http: Some(400),
        class: Class::Rejected,
        text: "the provider finds the message malformed; check flow, screen and texts of the campaign",
    },
    Rule {
        sign: Sign::Code("WA500"),
        http: Some(500),
        class: Class::Retry(&AFTER_WA500),
        text: "internal error at the provider; it asks for three more tries, then tell its support",
    },
    Rule {
        sign: Sign::Status(429),
        http: Some(429),
        class: Class::Throttle,
        text: "too many requests for the provider; the rate goes down by itself",
    },
    Rule {
        sign: Sign::Status(503),
        http: Some(503),
        class: Class::Throttle,
        text: "the provider is overloaded; the rate goes down by itself",
    },
];
