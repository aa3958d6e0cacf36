//! The meaning of a provider's answer, in one form for all providers.

use std::borrow::Cow;
use std::time::Duration;

use crate::states::reason_codes::text_of;
use crate::states::stop::StopReason;

/// The meaning of the end of one request. Each adapter follows the documentation of its vendor. The code in the body
/// decides; the HTTP status decides only if the body has no code (429, 503).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The provider accepted the message and gave it this id.
    Accepted {
        /// The provider's id of the message.
        provider_message_id: String,
    },
    /// Too fast. The message was certainly not accepted. The sender slows down on all workers; no attempt is counted.
    Throttled {
        /// The provider's refusal.
        refusal: Refusal,
        /// The pause until the next attempt, if the provider named it.
        retry_after: Option<Duration>,
    },
    /// The message was certainly not accepted, or the vendor documents that it may be sent again.
    Retry {
        /// The provider's refusal.
        refusal: Refusal,
        /// The provider's own pauses, one for each retry in order. Empty means the campaign's pauses.
        schedule: &'static [Duration],
    },
    /// The provider may have accepted the message. It is never sent again without a rule or an operator.
    Unknown {
        /// What happened.
        refusal: Refusal,
    },
    /// Refused permanently, for this recipient.
    Rejected {
        /// The provider's refusal.
        refusal: Refusal,
    },
    /// Refused because the recipient's 24-hour window is closed. Nothing was sent; a template may be sent.
    WindowClosed {
        /// The provider's refusal.
        refusal: Refusal,
    },
    /// Refused for a reason that applies to every recipient of the campaign.
    StopCampaign {
        /// The provider's refusal.
        refusal: Refusal,
        /// The reason of the stop.
        reason: StopReason,
    },
    /// Refused for a reason that applies to everything this sender sends.
    StopSender {
        /// The provider's refusal.
        refusal: Refusal,
        /// The reason of the stop.
        reason: StopReason,
    },
}

/// A provider's refusal: its code, and our text for it. The provider's own text may contain numbers and keys and is
/// never stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The provider's code (`E110`), or our own if there is none (`timeout`, `http_502`).
    pub code: Cow<'static, str>,
    /// The meaning, for readers of reports.
    pub text: Cow<'static, str>,
}

impl Refusal {
    /// A refusal with a fixed text.
    pub const fn new(code: &'static str, text: &'static str) -> Self {
        Self { code: Cow::Borrowed(code), text: Cow::Borrowed(text) }
    }

    /// A refusal with a code of Flowcast's own and its text. A constant with another code does not compile.
    #[expect(
        clippy::missing_panics_doc,
        clippy::panic,
        reason = "it is called for constants, where it does not compile"
    )]
    pub const fn own(code: &'static str) -> Self {
        let Some(text) = text_of(code) else { panic!("the code is not in the list of reason_codes.rs") };
        Self::new(code, text)
    }
}
