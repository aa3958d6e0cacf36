//! The campaign's rule for `unknown` recipients that no delivery receipt resolves.

use serde::{Deserialize, Serialize};

/// What the campaign does with an `unknown` recipient that no delivery receipt resolved in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnknownRule {
    /// The recipient stays `unknown` until an operator decides. The only rule that never sends twice.
    Leave,
    /// The recipient is sent to again; some recipients may get the message twice.
    Resend,
    /// The recipient becomes `failed`, although it may have received the message.
    GiveUp,
}

/// The resolution of an `unknown` recipient, by a rule or by an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// Send again, as one more attempt; the recipient becomes `failed` if no attempt is left.
    Resend,
    /// The recipient becomes `failed`.
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

impl std::str::FromStr for Resolution {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        [Self::Resend, Self::GiveUp]
            .into_iter()
            .find(|resolution| resolution.word() == word)
            .ok_or_else(|| format!("'{word}' is not a resolution; use resend or give-up"))
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
