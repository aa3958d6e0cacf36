//! LipaChat's answers and their meanings.
//!
//! Sources: the page "Send a flow", which documents 200, 400 and 401, and for the text of a closed window a public client of the
//! sandbox. A low balance, a rate limit and server errors are not documented. As for every provider, 429 and 503 lower the rate,
//! and after other server errors the outcome is unknown. The page says that `messageId` is used for deduplication, but not how a
//! repeated id is answered. Messages with an unknown outcome are therefore not sent again automatically.

use campaign::StopReason;

use crate::classification::error_rule::{Class, Pattern, Rule};

/// Every documented answer.
pub(crate) const ERRORS: &[Rule] = &[
    Rule {
        pattern: Pattern::Text("invalid_credentials", &["invalid credentials"]),
        http_status: Some(401),
        class: Class::StopSender(StopReason::BadCredentials),
        text: "the key is wrong, although the answer may say success; correct it with 'flowcast sender set', then resume the sender",
    },
    Rule {
        pattern: Pattern::Text("window_closed", &["session window"]),
        http_status: None,
        class: Class::WindowClosed,
        text: "the recipient's 24-hour window is closed; only a template message can be sent",
    },
    Rule {
        pattern: Pattern::Status(400),
        http_status: Some(400),
        class: Class::Rejected,
        text: "refused without a reason; check flow id, screen, number and 24-hour window",
    },
    Rule {
        pattern: Pattern::Status(401),
        http_status: Some(401),
        class: Class::StopSender(StopReason::BadCredentials),
        text: "the key is wrong; correct it with 'flowcast sender set', then resume the sender",
    },
];
