//! The states of a recipient and of a campaign, spelled as in the database.

use std::fmt;
use std::str::FromStr;

/// A word from the database that is no state of ours: the schema is newer than this program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} '{word}'; this program is older than the database, update it")]
pub struct UnknownWord {
    /// Which kind of word was expected.
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
            /// Every state, in the order of its life.
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
    /// Where a recipient stands. Terminal ones are never left by the program itself.
    RecipientState, "recipient state" {
        /// Imported and not yet claimed, or given back uncounted because a gate was closed. Claim moves it on.
        Pending = "pending",
        /// Claimed by a worker under a lease. Record moves it on; when the worker dies, the expired lease does.
        Sending = "sending",
        /// Refused for now; due again at the time in the `retry` table. Claim moves it on.
        Retry = "retry",
        /// The provider took the message. What becomes of it is told later by receipts. Terminal.
        Accepted = "accepted",
        /// Refused for good, or attempts or the deadline used up. Terminal.
        Failed = "failed",
        /// The provider may have taken the message. Never sent again by itself; a receipt, the campaign's rule or
        /// an operator settles it.
        Unknown = "unknown",
        /// Not to be sent to: opted out, suppressed, window closed. Terminal.
        Skipped = "skipped",
        /// The campaign's deadline passed first. Terminal.
        Expired = "expired",
        /// The campaign was cancelled first. Terminal.
        Cancelled = "cancelled",
    }
);

words!(
    /// Where a campaign stands.
    CampaignState, "campaign state" {
        /// Being prepared: lists may be imported, nothing is sent.
        Draft = "draft",
        /// Being sent.
        Running = "running",
        /// Stopped by a person or a fault, with the reason in `hold`; resume continues it.
        Paused = "paused",
        /// Nothing is left to send. Unknown recipients may still be settled.
        Finished = "finished",
        /// Ended by a person before its time.
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
