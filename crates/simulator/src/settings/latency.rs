//! The latency of an answer.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The latency of an answer: a fixed part plus a random part between zero and `jitter`, uniformly distributed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Latency {
    /// The fixed part; default zero.
    #[serde(with = "humantime_serde")]
    pub fixed: Duration,
    /// The upper limit of the random part; default zero.
    #[serde(with = "humantime_serde")]
    pub jitter: Duration,
}

impl Latency {
    /// The same latency for every answer.
    pub fn fixed(fixed: Duration) -> Self {
        Self { fixed, jitter: Duration::ZERO }
    }

    /// The latency of one answer: the fixed part plus `fraction` (0 to 1) of the jitter.
    pub(crate) fn sample(self, fraction: f64) -> Duration {
        self.fixed + self.jitter.mul_f64(fraction)
    }
}
