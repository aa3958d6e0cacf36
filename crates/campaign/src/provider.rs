//! The providers a sender can belong to.

use std::fmt;
use std::str::FromStr;

/// A WhatsApp provider whose wire format Flowcast speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    /// Kaleyra, now Tata Communications; API version 2.
    Kaleyra,
}

/// A name that is no provider's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown provider '{0}'; known: kaleyra")]
pub struct UnknownProvider(String);

impl Provider {
    /// The name in commands, columns and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Kaleyra => "kaleyra",
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
        match text {
            "kaleyra" => Ok(Self::Kaleyra),
            other => Err(UnknownProvider(other.to_owned())),
        }
    }
}
