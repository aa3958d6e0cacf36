//! What a provider's answer means, in one language for all providers.

use std::borrow::Cow;
use std::time::Duration;

use crate::states::reason_codes::own_code;
use crate::states::stop::StopReason;

/// The meaning of one request's end. Each adapter decides it on what its vendor's page documents; the HTTP status
/// alone never does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The provider took the message and gave it this id.
    Accepted {
        /// The provider's id of the message.
        provider_message_id: String,
    },
    /// Too fast: surely not taken, everybody slows down, and no attempt is counted.
    Throttled {
        /// What was said.
        refusal: Refusal,
        /// When to try again, if the provider named it.
        retry_after: Option<Duration>,
    },
    /// Surely not taken, or the vendor documents that it may be sent again.
    Retry {
        /// What was said.
        refusal: Refusal,
        /// The provider's own pauses: the first retry after the first, and so on; empty means ours.
        schedule: &'static [Duration],
    },
    /// It may have been taken. Never sent again by itself.
    Unknown {
        /// What happened.
        refusal: Refusal,
    },
    /// Refused for good, for this recipient.
    Rejected {
        /// What was said.
        refusal: Refusal,
    },
    /// Refused for a reason that holds for every recipient of the campaign.
    StopCampaign {
        /// What was said.
        refusal: Refusal,
        /// The reason of the stop.
        reason: StopReason,
    },
    /// Refused for a reason that holds for everything this sender sends.
    StopSender {
        /// What was said.
        refusal: Refusal,
        /// The reason of the stop.
        reason: StopReason,
    },
}

/// A provider's refusal: its code, and our words for it. The provider's own text may hold numbers and keys and is
/// never kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The provider's code (`E110`), or ours for what has none (`timeout`, `http_502`).
    pub code: Cow<'static, str>,
    /// What it means, for the person who reads the report.
    pub text: Cow<'static, str>,
}

impl Refusal {
    /// A refusal with fixed words.
    pub const fn new(code: &'static str, text: &'static str) -> Self {
        Self { code: Cow::Borrowed(code), text: Cow::Borrowed(text) }
    }

    /// A refusal with a code of Flowcast's own. As a constant it compiles only if the code is in `own_codes`.
    pub const fn own(code: &'static str, text: &'static str) -> Self {
        Self::new(own_code(code), text)
    }
}
