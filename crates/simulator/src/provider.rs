//! The providers the simulator can stand in for, and what it needs to know of each: one file a provider.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use hyper::{HeaderMap, Method, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::check::{Unknown, Wrong};
use crate::outcome::{Outcome, OutcomeId};
use crate::{Config, Error, Msisdn, kaleyra, lipachat, meta, one_msg};

/// The providers the simulator can stand in for.
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

    /// Its name in commands and configurations.
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
        let unknown =
            || Error::invalid("no such provider can be simulated: use kaleyra, lipachat, 1msg or meta");
        Self::ALL.into_iter().find(|provider| provider.word() == text).ok_or_else(unknown)
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A request as it arrived.
pub(crate) struct Arrived<'a> {
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
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

/// How a provider behaves, as far as balance, rate and faults do not decide.
pub(crate) trait Rules: Send + Sync {
    /// Every answer the provider knows, in the order `outcome.rs` asks for.
    fn outcomes(&self) -> Vec<Outcome>;

    /// What a request says, and whether it is right.
    fn examine(&self, request: &Arrived<'_>) -> Examined;

    /// The provider's id of the message with this place in the ledger; `salt` differs from run to run.
    fn message_id(&self, salt: u32, sequence: u64) -> String;

    /// The part of a request that comes back when it is accepted, besides the recipient.
    fn echo(&self, _: &Examined) -> Option<String> {
        None
    }

    /// The body of the answer that accepts a message.
    fn accepted_body(&self, accepted: &Accepted) -> Bytes;
}

/// A message that is accepted.
pub(crate) struct Accepted {
    pub(crate) message_id: String,
    pub(crate) recipient: Option<Msisdn>,
    pub(crate) echo: Option<String>,
}

/// The rules of the provider that was chosen.
pub(crate) fn rules(config: &Config) -> Box<dyn Rules> {
    match config.provider {
        Provider::Kaleyra => Box::new(kaleyra::Kaleyra::new(config)),
        Provider::LipaChat => Box::new(lipachat::LipaChat::new(config)),
        Provider::OneMsg => Box::new(one_msg::OneMsg::new(config)),
        Provider::Meta => Box::new(meta::Meta::new(config)),
    }
}

/// Whether the body says that it is JSON.
pub(crate) fn check_content_type(headers: &HeaderMap) -> Result<(), Wrong> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = value.split(';').next().unwrap_or_default().trim();
    if media_type.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(Wrong("header content-type: must be application/json".to_owned()))
    }
}

/// Looks through a body and gives what the ledger says of it.
pub(crate) fn remark(
    request: &Arrived<'_>,
    body: Option<&Value>,
    check: impl FnOnce(&Value, &Unknown) -> Result<(), Wrong>,
) -> Remark {
    let unknown = Unknown::default();
    let verdict = check_content_type(request.headers).and_then(|()| match body {
        Some(body) => check(body, &unknown),
        None => Err(Wrong("the body must be JSON of at most 1 MiB".to_owned())),
    });
    Remark { unknown_fields: unknown.into_inner(), wrong: verdict.err().map(|Wrong(what)| what) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{ACCEPTED, LOW_BALANCE, RATE_LIMITED};

    #[test]
    fn every_table_begins_with_the_three_outcomes_that_all_have_and_names_each_once() {
        for provider in Provider::ALL {
            assert_eq!(provider.word().parse::<Provider>().unwrap(), provider);
            let outcomes = rules(&Config { provider, ..Config::default() }).outcomes();
            let mut names: Vec<_> = outcomes.iter().map(|outcome| outcome.name).collect();
            for (id, name) in
                [(ACCEPTED, "accepted"), (LOW_BALANCE, "low_balance"), (RATE_LIMITED, "rate_limited")]
            {
                assert_eq!(names.get(usize::from(id)), Some(&name), "{provider}");
            }
            names.sort_unstable();
            assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{provider}: {names:?}");
        }
    }
}
