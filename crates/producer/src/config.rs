//! How a producer works.

use std::time::Duration;

use serde::Deserialize;

/// How a producer works.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long a producer that died keeps its senders from the others. Default 10 s.
    #[serde(with = "humantime_serde")]
    pub lease: Duration,
    /// Pause between two rounds while something is published. Default 5 ms.
    #[serde(with = "humantime_serde")]
    pub busy_pause: Duration,
    /// Pause between two rounds while there is nothing to publish. Default 200 ms.
    #[serde(with = "humantime_serde")]
    pub idle_pause: Duration,
    /// How long recipients of a campaign are pending, with none of its messages in the queue or with a worker, before its
    /// messages count as lost. Doubled each time that publishing them again changes nothing. Default 15 s.
    #[serde(with = "humantime_serde")]
    pub stalled_after: Duration,
    /// When a sender that stopped for low balance or a daily limit is probed with one message: pauses from the stop to
    /// the first probe, to the second, and so on; the last one repeats. Default 1, 5 and 15 minutes.
    pub probe_pauses: Vec<humantime_serde::Serde<Duration>>,
    /// The same for a sender whose provider answers nobody. Default 5, 10, 20, 40 and 60 seconds.
    pub outage_pauses: Vec<humantime_serde::Serde<Duration>>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(10),
            busy_pause: Duration::from_millis(5),
            idle_pause: Duration::from_millis(200),
            stalled_after: Duration::from_secs(15),
            probe_pauses: [1, 5, 15].map(|minutes| Duration::from_mins(minutes).into()).to_vec(),
            outage_pauses: [5, 10, 20, 40, 60].map(|seconds| Duration::from_secs(seconds).into()).to_vec(),
        }
    }
}
