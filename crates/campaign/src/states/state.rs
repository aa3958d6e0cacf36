//! The states of recipients and campaigns, spelled as in the database.

use std::fmt;
use std::str::FromStr;

/// A word in the database that this program does not know, because the schema is newer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} '{word}'; this program is older than the database, update it")]
pub struct UnknownWord {
    /// The kind of word that was expected.
    pub what: &'static str,
    /// The word found.
    pub word: String,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// All values, in their usual order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word in columns, reports and metrics.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    other => Err(UnknownWord { what: $what, word: other.to_owned() }),
                }
            }
        }
    };
}
pub(crate) use words;

words!(
    /// The state of a recipient. Only an operator's command changes a terminal state.
    RecipientState, "recipient state" {
        /// Imported and not yet claimed, or returned uncounted because a gate closed. A claim makes it `sending`.
        Pending = "pending",
        /// Claimed by a worker under a lease. The recording of the outcome changes it, or the end of the lease if the
        /// worker died.
        Sending = "sending",
        /// Not accepted for now; due again at the time in the table `due`. A claim makes it `sending`.
        Retry = "retry",
        /// The provider accepted the message. Delivery receipts report the rest. Terminal.
        Accepted = "accepted",
        /// Refused permanently, or no attempt left. Terminal.
        Failed = "failed",
        /// The provider may have accepted the message. Never sent to again without a rule or an operator. A receipt,
        /// the campaign's rule or an operator resolves it.
        Unknown = "unknown",
        /// Must not be sent to: opted out, suppressed, or the window is closed. Terminal.
        Skipped = "skipped",
        /// The deadline of the campaign passed before a message was accepted. Terminal.
        Expired = "expired",
        /// The campaign was cancelled before a message was accepted. Terminal.
        Cancelled = "cancelled",
    }
);

words!(
    /// The state of a campaign.
    CampaignState, "campaign state" {
        /// In preparation: lists may be imported, nothing is sent.
        Draft = "draft",
        /// Messages are sent.
        Running = "running",
        /// Stopped by an operator or a fault, with the reason in `hold`. A resume makes it `running`.
        Paused = "paused",
        /// Nothing is left to send. `unknown` recipients may still be resolved.
        Finished = "finished",
        /// Ended by an operator before all recipients were sent to.
        Cancelled = "cancelled",
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_read_back_from_its_word() {
        for state in RecipientState::ALL {
            assert_eq!(state.word().parse(), Ok(*state));
        }
        for state in CampaignState::ALL {
            assert_eq!(state.word().parse(), Ok(*state));
        }
        assert!("held".parse::<RecipientState>().is_err());
    }
}
