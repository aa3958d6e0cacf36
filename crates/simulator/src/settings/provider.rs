//! The providers that can be simulated.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// A provider that can be simulated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Kaleyra's WhatsApp API, version 2.
    #[default]
    Kaleyra,
    /// LipaChat.
    LipaChat,
    /// 1msg.io.
    #[serde(rename = "1msg")]
    OneMsg,
    /// Meta's Cloud API.
    Meta,
}

impl Provider {
    /// Every provider.
    pub const ALL: [Self; 4] = [Self::Kaleyra, Self::LipaChat, Self::OneMsg, Self::Meta];

    /// The name in commands and configurations.
    pub fn word(self) -> &'static str {
        match self {
            Self::Kaleyra => "kaleyra",
            Self::LipaChat => "lipachat",
            Self::OneMsg => "1msg",
            Self::Meta => "meta",
        }
    }
}

impl FromStr for Provider {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || {
            let known = Self::ALL.map(Self::word).join(", ");
            Error::invalid(format!("cannot simulate the provider {text:?}; use one of {known}"))
        };
        Self::ALL.into_iter().find(|provider| provider.word() == text).ok_or_else(unknown)
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
