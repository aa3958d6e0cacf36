//! Why a gate is closed, and for whom.

use std::fmt;
use std::str::FromStr;

use crate::state::{UnknownWord, words};

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
        /// The key or account id is wrong (Kaleyra RBC001).
        BadCredentials = "bad_credentials",
        /// The number is not of this account, or the account may not use this API (Kaleyra WA401, WA-401).
        SenderNotAllowed = "sender_not_allowed",
        /// The account's messages of the day are used up (Kaleyra WAV2101).
        DailyLimit = "daily_limit",
        /// Many refusals of one kind in a row: the message itself is probably wrong.
        TooManyRefusals = "too_many_refusals",
        /// The message, template or flow is at fault for every recipient.
        MessageFault = "message_fault",
        /// A person asked for it.
        Operator = "operator",
    }
);

impl StopReason {
    /// Whether the cause can end without a person, so that a probe may find the gate fit to be opened. Wrong
    /// credentials never probe.
    pub fn is_probed(self) -> bool {
        match self {
            Self::LowBalance | Self::DailyLimit => true,
            Self::BadCredentials
            | Self::SenderNotAllowed
            | Self::TooManyRefusals
            | Self::MessageFault
            | Self::Operator => false,
        }
    }
}
