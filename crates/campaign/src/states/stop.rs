//! Why a gate is closed, and for whom.

use std::fmt;
use std::str::FromStr;

use crate::states::state::{UnknownWord, words};

/// Whom a stop covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopScope {
    /// Every campaign of the sender.
    Sender,
    /// This campaign only.
    Campaign,
}

words!(
    /// Why a gate was closed. A stop loses nobody and counts no attempt.
    StopReason, "stop reason" {
        /// The account has no money left (Kaleyra E110).
        LowBalance = "low_balance",
        /// The provider waits for money in another way: an unpaid invoice, no payment method (Meta 131042).
        Payment = "payment",
        /// The key or account id is wrong (Kaleyra RBC001).
        BadCredentials = "bad_credentials",
        /// The number is not of this account, or the account may not use this API (Kaleyra WA401, WA-401).
        SenderNotAllowed = "sender_not_allowed",
        /// The sender's address is not the provider's: it redirects, or shows a wrong certificate.
        Misconfigured = "misconfigured",
        /// The provider's messages of the day are used up (Kaleyra WAV2101).
        DailyLimit = "daily_limit",
        /// The provider answers nobody: request after request found no connection, or ended without an answer.
        ProviderDown = "provider_down",
        /// Our own number of recipients a day is used up; it goes on by itself when the day ends.
        DailyCap = "daily_cap",
        /// The provider holds the number back for spam or for its policy (Meta 131048, 368).
        PolicyHold = "policy_hold",
        /// Many refusals of one kind in a row: the message itself is probably wrong.
        TooManyRefusals = "too_many_refusals",
        /// The template is missing, paused or disabled at the provider (Meta 132001, 132015, 132016).
        TemplateFault = "template_fault",
        /// The flow is blocked, throttled or broken at the provider (Meta 132068, 132069).
        FlowFault = "flow_fault",
        /// A person asked for it.
        Operator = "operator",
    }
);

/// How often a closed gate is probed with one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probing {
    /// The cause ends when somebody pays or a day is over: every some minutes.
    Patient,
    /// The cause ends when a server is back: every some seconds.
    Eager,
}

impl StopReason {
    /// How a probe may find the gate fit to be opened; `None` where the cause cannot end without a person. Wrong
    /// credentials never probe.
    pub fn probing(self) -> Option<Probing> {
        match self {
            Self::LowBalance | Self::Payment | Self::DailyLimit => Some(Probing::Patient),
            Self::ProviderDown => Some(Probing::Eager),
            Self::BadCredentials
            | Self::SenderNotAllowed
            | Self::Misconfigured
            | Self::DailyCap
            | Self::PolicyHold
            | Self::TooManyRefusals
            | Self::TemplateFault
            | Self::FlowFault
            | Self::Operator => None,
        }
    }
}
