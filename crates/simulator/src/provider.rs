//! The providers the simulator can stand in for, and what it needs to know of each: one file a provider, one arm a function.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use hyper::{HeaderMap, Method};
use serde::{Deserialize, Serialize};

use crate::outcome::{Outcome, OutcomeId};
use crate::{Config, Error, Msisdn, kaleyra};

/// The providers the simulator can stand in for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Kaleyra's WhatsApp API, version 2.
    #[default]
    Kaleyra,
}

impl FromStr for Provider {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "kaleyra" => Ok(Self::Kaleyra),
            _ => Err(Error::invalid("no such provider can be simulated: use kaleyra")),
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kaleyra => f.write_str("kaleyra"),
        }
    }
}

/// A request as it arrived.
pub(crate) struct Arrived<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) headers: &'a HeaderMap,
    /// Nothing if it was longer than the simulator reads.
    pub(crate) body: Option<&'a [u8]>,
}

/// What a request says and whether the provider would take it, balance and rate aside.
#[derive(Debug, Default)]
pub(crate) struct Examined {
    pub(crate) finding: Finding,
    pub(crate) recipient: Option<Msisdn>,
    pub(crate) reference: Option<String>,
    pub(crate) flow_token: Option<String>,
    pub(crate) ref2: Option<String>,
    pub(crate) remark: Remark,
}

/// How far a request got.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Not a request of this account; it does not count for the rate.
    Stranger(OutcomeId),
    /// A request of this account that is wrong in itself.
    Faulty(OutcomeId),
    /// Nothing to say against it.
    #[default]
    Sound,
}

/// What the ledger says about the body of a request.
#[derive(Debug, Default, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Remark {
    /// Paths of the members that the documentation does not name; they are accepted.
    pub(crate) unknown_fields: Vec<String>,
    /// The member and the rule that it breaks.
    pub(crate) wrong: Option<String>,
}

/// The rules of the provider that was chosen.
pub(crate) enum Rules {
    Kaleyra(kaleyra::Rules),
}

impl Rules {
    pub(crate) fn new(config: &Config) -> Self {
        match config.provider {
            Provider::Kaleyra => Self::Kaleyra(kaleyra::Rules::new(config)),
        }
    }

    /// Every answer the provider knows, in the order `outcome.rs` asks for.
    pub(crate) fn outcomes(&self) -> Vec<Outcome> {
        match self {
            Self::Kaleyra(_) => kaleyra::outcomes(),
        }
    }

    pub(crate) fn examine(&self, request: &Arrived<'_>) -> Examined {
        match self {
            Self::Kaleyra(rules) => rules.examine(request),
        }
    }

    /// The provider's id of the message with this place in the ledger; `salt` differs from run to run.
    pub(crate) fn message_id(&self, salt: u32, sequence: u64) -> String {
        match self {
            Self::Kaleyra(_) => kaleyra::message_id(salt, sequence),
        }
    }

    /// The body of the answer that accepts a message.
    pub(crate) fn accepted_body(&self, message_id: &str) -> Bytes {
        match self {
            Self::Kaleyra(_) => kaleyra::accepted_body(message_id),
        }
    }
}
