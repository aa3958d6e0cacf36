//! What becomes of recipients the provider may or may not have taken, when no receipt tells.

use serde::{Deserialize, Serialize};

/// What a campaign's rule does about an unknown recipient when no receipt has settled it in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownRule {
    /// It stays unknown until a person decides. The only rule that never sends twice.
    Leave,
    /// It is sent to again, which some may get twice.
    Resend,
    /// It is given up as failed, which some may have got all the same.
    GiveUp,
}

/// What is decided about an unknown recipient, by a rule or by a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Sent to again, as one more attempt; failed when the attempts are used up.
    Resend,
    /// Failed.
    GiveUp,
}

impl UnknownRule {
    /// The word in campaign files and columns.
    pub fn word(self) -> &'static str {
        match self {
            Self::Leave => "leave",
            Self::Resend => "resend",
            Self::GiveUp => "give-up",
        }
    }
}

impl Resolution {
    /// The word in commands and records.
    pub fn word(self) -> &'static str {
        match self {
            Self::Resend => UnknownRule::Resend.word(),
            Self::GiveUp => UnknownRule::GiveUp.word(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_spelled_in_files_as_in_columns() {
        for rule in [UnknownRule::Leave, UnknownRule::Resend, UnknownRule::GiveUp] {
            assert_eq!(serde_json::to_value(rule).unwrap(), rule.word());
        }
    }
}
