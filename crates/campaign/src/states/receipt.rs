//! What a provider reports of a message it took, in one language for all providers.

use std::fmt;
use std::str::FromStr;

use crate::states::state::{UnknownWord, words};

words!(
    /// How far a message has come. Reports come in any order, twice, or not at all; a later stage says that the earlier
    /// ones were passed.
    ReceiptStatus, "receipt status" {
        /// The provider passed it on to WhatsApp.
        Sent = "sent",
        /// It reached the recipient's phone.
        Delivered = "delivered",
        /// The recipient opened it.
        Read = "read",
        /// It was not delivered after all.
        Failed = "failed",
    }
);

words!(
    /// What is done about a message that was not delivered after all.
    FollowUp, "follow-up" {
        /// It counts as not delivered, and that is all.
        NotDelivered = "not_delivered",
        /// The recipient had enough for now: not again before 24 hours (Meta 131049).
        Wait = "wait",
        /// The recipient stopped messages from us: they are suppressed (Meta 131050).
        Suppress = "suppress",
        /// The cause holds for everybody: the gate of the campaign or the sender closes.
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
