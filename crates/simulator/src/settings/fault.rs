//! Faults: what goes wrong, for which requests and how often.
//!
//! Faults apply to valid requests only. The first fault that applies, in the order of addition, decides the answer; latencies add
//! up. A fault that accepts the message applies only while the balance lasts, and is not used up otherwise.
//!
//! Invariant: the effect alone determines whether the message is accepted.

use std::collections::HashSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Msisdn;

/// A fault: an effect and the requests it applies to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What happens.
    pub effect: Effect,
    /// The requests it applies to; default all.
    #[serde(default)]
    pub scope: Scope,
}

/// The effect of a fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Effect {
    /// The request is refused with one of the provider's documented answers.
    Refuse {
        /// The name or the code of the answer; the name if two answers have the same code.
        outcome: String,
        /// The `retry-after` header in seconds; default none.
        #[serde(default)]
        retry_after_s: Option<u64>,
        /// Whether the message is accepted although the client gets a refusal; default no.
        #[serde(default)]
        accepted: bool,
    },
    /// The answer is a 307 redirect; the message is not accepted.
    Redirect {
        /// The `location` header.
        location: String,
    },
    /// The message is accepted and the request is never answered; the connection stays open.
    Hang {},
    /// The message is accepted and the connection breaks.
    Reset {
        /// When the connection breaks; default before the answer.
        #[serde(default)]
        at: ResetPoint,
    },
    /// The body of the answer is not valid JSON.
    Garbage {
        /// The kind of body; default plain text.
        #[serde(default)]
        body: Garbage,
        /// The status of the answer; the message is accepted if it is 2xx. Default 202.
        #[serde(default = "accepted_status")]
        status: u16,
    },
    /// The message is accepted and the answer is sent byte by byte.
    Drip {
        /// The pause before each byte; default one second.
        #[serde(default = "one_second", with = "humantime_serde")]
        every: Duration,
    },
    /// The message is accepted and the body of the answer is padded with spaces.
    Huge {
        /// The length of the body in bytes; default 16 MiB.
        #[serde(default = "sixteen_mebibytes")]
        bytes: u64,
    },
    /// The answer is delayed; the outcome does not change.
    Latency {
        /// The fixed delay; default zero.
        #[serde(default, with = "humantime_serde")]
        fixed: Duration,
        /// The upper limit of the random delay that is added, uniformly distributed; default zero.
        #[serde(default, with = "humantime_serde")]
        jitter: Duration,
    },
    /// After the answer, the connection is closed when it has been idle for `after`; the outcome does not change.
    CloseIdle {
        /// The idle time.
        #[serde(with = "humantime_serde")]
        after: Duration,
    },
}

/// When a connection breaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResetPoint {
    /// A TCP reset before the first byte of the answer.
    #[default]
    NoAnswer,
    /// An ordinary close after the headers and half of the body.
    HalfAnswer,
}

/// The body that replaces the JSON of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Garbage {
    /// Plain text.
    #[default]
    Text,
    /// The error page of a proxy.
    Html,
    /// The first half of the provider's answer, with a matching content length.
    Truncated,
}

/// The requests that a fault applies to. All given conditions must hold; without conditions the fault applies to every request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scope {
    /// Only the next `n` requests.
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

/// An active fault.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArmedFault {
    /// The id to remove it by.
    pub id: u64,
    /// The number of requests it was applied to.
    pub hits: u64,
    /// The number of requests it still applies to, if limited.
    pub remaining: Option<u64>,
    /// The fault.
    #[serde(flatten)]
    pub fault: Fault,
}

/// The effect that decided an answer, as shown in the ledger.
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

/// The step of a decision at which an effect applies.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Before the message is accepted.
    Refusal,
    /// After the message is accepted; changes the answer.
    Delivery,
    /// Delays the answer, whatever it is.
    Delay,
    /// Closes the connection after the answer, whatever it is.
    Idle,
}

impl Effect {
    /// The kind shown in the ledger; `None` if the effect does not decide the answer.
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
