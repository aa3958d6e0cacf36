//! LipaChat's answers and what each means.
//!
//! From its page "Send a flow", which documents 200, 400 and 401; the words of a closed window from a public client of its
//! sandbox. A low balance, a rate limit and faults of the server are not documented: 429 and 503 slow down and other
//! faults leave the outcome unknown, as for every provider. The page says that `messageId` is used for deduplication but
//! not what a repeated one is answered, so nothing uncertain is sent again by itself.

use campaign::StopReason;

use crate::rule::{Class, Rule, Sign};

/// Every documented answer.
pub(crate) const ERRORS: &[Rule] = &[
    Rule {
        sign: Sign::Saying("invalid_credentials", &["invalid credentials"]),
        http: Some(401),
        class: Class::StopSender(StopReason::BadCredentials),
        text: "the key is wrong, whatever the answer's status says; correct it, then resume the sender",
    },
    Rule {
        sign: Sign::Saying("window_closed", &["session window"]),
        http: None,
        class: Class::Rejected,
        text: "the recipient's 24-hour window is closed; only a template reaches them",
    },
    Rule {
        sign: Sign::Status(400),
        http: Some(400),
        class: Class::Rejected,
        text: "refused without a cause; check flow id, screen, number and window",
    },
    Rule {
        sign: Sign::Status(401),
        http: Some(401),
        class: Class::StopSender(StopReason::BadCredentials),
        text: "the key is wrong; correct it, then resume the sender",
    },
];
