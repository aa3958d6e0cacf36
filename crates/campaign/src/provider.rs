//! The supported providers.

use std::fmt;
use std::str::FromStr;

/// A WhatsApp provider whose API Flowcast supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    /// Kaleyra, now Tata Communications; API version 2.
    Kaleyra,
    /// LipaChat.
    LipaChat,
    /// 1msg.io, formerly Chat-API.
    OneMsg,
    /// Meta's own Cloud API.
    Meta,
}

/// A text that is not the name of a provider.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown provider '{0}'; known: kaleyra, lipachat, 1msg, meta")]
pub struct UnknownProvider(String);

impl Provider {
    /// Every provider.
    pub const ALL: [Self; 4] = [Self::Kaleyra, Self::LipaChat, Self::OneMsg, Self::Meta];

    /// The name in commands, columns and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Kaleyra => "kaleyra",
            Self::LipaChat => "lipachat",
            Self::OneMsg => "1msg",
            Self::Meta => "meta",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Provider {
    type Err = UnknownProvider;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|provider| provider.word() == text)
            .ok_or_else(|| UnknownProvider(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_is_parsed_from_its_word_and_an_unknown_one_lists_them_all() {
        let known = UnknownProvider(String::new()).to_string();
        for provider in Provider::ALL {
            assert_eq!(provider.word().parse(), Ok(provider));
            assert!(known.contains(provider.word()), "{known}");
        }
        assert!("Kaleyra".parse::<Provider>().is_err());
    }
}
