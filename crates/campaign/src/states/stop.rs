//! Why a gate closes, and what it stops.

use std::fmt;
use std::str::FromStr;

use crate::states::state::{UnknownWord, words};

/// What a stop applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopScope {
    /// Every campaign of the sender.
    Sender,
    /// This campaign only.
    Campaign,
}

words!(
    /// Why a gate was closed. A stop loses no recipient and counts no attempt.
    StopReason, "stop reason" {
        /// The account balance is used up (Kaleyra E110).
        LowBalance = "low_balance",
        /// The provider waits for another payment: an unpaid invoice, or no payment method (Meta 131042).
        Payment = "payment",
        /// The key or account id is wrong (Kaleyra RBC001).
        BadCredentials = "bad_credentials",
        /// The number does not belong to the account, or the account may not use this API (Kaleyra WA401, WA-401).
        SenderNotAllowed = "sender_not_allowed",
        /// The sender's address is not that of the provider: it redirects, or its certificate is wrong.
        Misconfigured = "misconfigured",
        /// The provider's limit of messages per day is reached (Kaleyra WAV2101).
        DailyLimit = "daily_limit",
        /// The provider does not answer: many requests in a row found no connection or got no answer.
        ProviderDown = "provider_down",
        /// The sender's own limit of recipients per day is reached. The gate opens when the day ends.
        DailyCap = "daily_cap",
        /// The provider blocks the number for spam or a policy violation (Meta 131048, 368).
        PolicyHold = "policy_hold",
        /// Many permanent refusals in a row: the message itself is probably wrong.
        TooManyRefusals = "too_many_refusals",
        /// The template is missing, paused or disabled at the provider (Meta 132001, 132015, 132016).
        TemplateFault = "template_fault",
        /// The flow is blocked, throttled or broken at the provider (Meta 132068, 132069).
        FlowFault = "flow_fault",
        /// The database is not the one that was confirmed: PostgreSQL failed over, or a backup was restored.
        DatabaseFailedOver = "database_failed_over",
        /// An operator stopped the sender or campaign.
        Operator = "operator",
    }
);

/// How often a closed gate is probed with one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probing {
    /// The cause ends with a payment or a new day: every few minutes.
    Patient,
    /// The cause ends when a server works again: every few seconds.
    Eager,
}

impl StopReason {
    /// How a probe tests whether the gate can open; `None` if a probe cannot tell: an operator ends the stop, or
    /// the end of the day (`DailyCap`).
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
            | Self::DatabaseFailedOver
            | Self::Operator => None,
        }
    }
}
