//! What a provider reports about an accepted message, in one form for all providers.

use std::fmt;
use std::str::FromStr;

use crate::states::state::{UnknownWord, words};

words!(
    /// The progress of a message. Reports may arrive in any order, twice, or not at all. A later status implies the
    /// earlier ones.
    ReceiptStatus, "receipt status" {
        /// The provider passed the message to WhatsApp.
        Sent = "sent",
        /// The message reached the recipient's phone.
        Delivered = "delivered",
        /// The recipient opened the message.
        Read = "read",
        /// The message was not delivered.
        Failed = "failed",
    }
);

words!(
    /// What Flowcast does about a message that was not delivered.
    FollowUp, "follow-up" {
        /// The message counts as not delivered; nothing else changes.
        NotDelivered = "not_delivered",
        /// The recipient got enough marketing messages: nothing is sent for 24 hours (Meta 131049).
        Wait = "wait",
        /// The recipient stopped our marketing messages, and is suppressed (Meta 131050).
        Suppress = "suppress",
        /// The cause applies to all recipients: the gate of the campaign or the sender closes.
        Stop = "stop",
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back() {
        for status in ReceiptStatus::ALL {
            assert_eq!(status.word().parse(), Ok(*status));
        }
        for follow_up in FollowUp::ALL {
            assert_eq!(follow_up.word().parse(), Ok(*follow_up));
        }
    }
}
