//! Faults: what goes wrong, for whom and how often.
//!
//! Only requests that are sound in themselves meet a fault. In the order they were added, the first fault that applies
//! decides the answer; latencies add up. A fault that says it accepts does so only while there is balance, and is not used
//! up otherwise.
//!
//! Invariant: whether an effect accepts the message can be told from the effect alone.

use std::collections::HashSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Msisdn;

/// One thing that goes wrong, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What happens.
    pub effect: Effect,
    /// To which requests it happens; default to all.
    #[serde(default)]
    pub scope: Scope,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    /// The request is refused with one of the provider's answers.
    Refuse {
        /// Its name or its code; a code that two answers share needs the name.
        outcome: String,
        /// The `retry-after` header in seconds; default none.
        #[serde(default)]
        retry_after_s: Option<u64>,
        /// Whether the message is accepted all the same, though the client is told otherwise; default no.
        #[serde(default)]
        accepted: bool,
    },
    /// The answer is a 307 to another place; the message is not accepted.
    Redirect {
        /// The `location` header.
        location: String,
    },
    /// The message is accepted and never answered; the connection stays open.
    Hang {},
    /// The message is accepted and the connection breaks.
    Reset {
        /// Where it breaks; default without an answer.
        #[serde(default)]
        at: ResetPoint,
    },
    /// The answer is no JSON that a client could read.
    Garbage {
        /// What it is instead; default plain text.
        #[serde(default)]
        body: Garbage,
        /// The status that goes with it; the message is accepted if it is 2xx. Default 202.
        #[serde(default = "accepted_status")]
        status: u16,
    },
    /// The message is accepted and the answer comes byte by byte.
    Drip {
        /// The pause before each byte; default one second.
        #[serde(default = "one_second", with = "humantime_serde")]
        every: Duration,
    },
    /// The message is accepted and the answer is followed by spaces up to this length.
    Huge {
        /// The length of the body; default 16 MiB.
        #[serde(default = "sixteen_mebibytes")]
        bytes: u64,
    },
    /// The answer takes longer; the verdict stays the same.
    Latency {
        /// How much longer at least; default no time.
        #[serde(default, with = "humantime_serde")]
        fixed: Duration,
        /// How much may be added to it, evenly spread; default no time.
        #[serde(default, with = "humantime_serde")]
        jitter: Duration,
    },
    /// After the answer the connection is closed as soon as it was idle for this long; the verdict stays the same.
    CloseIdle {
        /// How long it may be idle.
        #[serde(with = "humantime_serde")]
        after: Duration,
    },
}

/// Where a connection breaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResetPoint {
    /// With a TCP reset, before the first byte of the answer.
    #[default]
    NoAnswer,
    /// With an ordinary close, after the head and half of the body.
    HalfAnswer,
}

/// What stands where JSON should be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Garbage {
    /// Plain words.
    #[default]
    Text,
    /// The error page of a proxy.
    Html,
    /// The provider's answer, cut in the middle, with a length that says it is whole.
    Truncated,
}

/// To which requests a fault happens: all conditions that are given must hold, and none means all requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scope {
    /// Only so many more; the fault is then over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
    /// Only with this probability, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// Only to these recipients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipients: Option<HashSet<Msisdn>>,
}

impl Scope {
    /// The next `n` requests.
    pub fn next(n: u64) -> Self {
        Self { next: Some(n), ..Self::default() }
    }

    /// Each request with this probability.
    pub fn probability(probability: f64) -> Self {
        Self { probability: Some(probability), ..Self::default() }
    }

    /// Every request to these recipients.
    pub fn recipients(recipients: impl IntoIterator<Item = Msisdn>) -> Self {
        Self { recipients: Some(recipients.into_iter().collect()), ..Self::default() }
    }
}

/// A fault that is switched on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArmedFault {
    /// By which it can be removed.
    pub id: u64,
    /// How often it happened.
    pub hits: u64,
    /// How often it still may happen, if that is limited.
    pub remaining: Option<u64>,
    /// What it is.
    #[serde(flatten)]
    pub fault: Fault,
}

/// The effect that decided an answer, as the ledger names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the effect of the same name")]
pub enum FaultKind {
    Refuse,
    Redirect,
    Hang,
    Reset,
    Garbage,
    Drip,
    Huge,
}

/// At which step of a decision an effect has its say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Instead of accepting.
    Refusal,
    /// After accepting.
    Delivery,
    /// Beside either.
    Delay,
    /// Beside either.
    Idle,
}

impl Effect {
    /// How the ledger names it, if it decides an answer.
    pub(crate) fn kind(&self) -> Option<FaultKind> {
        match self {
            Self::Refuse { .. } => Some(FaultKind::Refuse),
            Self::Redirect { .. } => Some(FaultKind::Redirect),
            Self::Hang {} => Some(FaultKind::Hang),
            Self::Reset { .. } => Some(FaultKind::Reset),
            Self::Garbage { .. } => Some(FaultKind::Garbage),
            Self::Drip { .. } => Some(FaultKind::Drip),
            Self::Huge { .. } => Some(FaultKind::Huge),
            Self::Latency { .. } | Self::CloseIdle { .. } => None,
        }
    }

    pub(crate) fn stage(&self) -> Stage {
        match self {
            Self::Refuse { accepted: false, .. } | Self::Redirect { .. } => Stage::Refusal,
            Self::Garbage { status, .. } if !(200..300).contains(status) => Stage::Refusal,
            Self::Refuse { .. }
            | Self::Garbage { .. }
            | Self::Hang {}
            | Self::Reset { .. }
            | Self::Drip { .. }
            | Self::Huge { .. } => Stage::Delivery,
            Self::Latency { .. } => Stage::Delay,
            Self::CloseIdle { .. } => Stage::Idle,
        }
    }
}

fn accepted_status() -> u16 {
    202
}

fn one_second() -> Duration {
    Duration::from_secs(1)
}

fn sixteen_mebibytes() -> u64 {
    16 << 20
}
