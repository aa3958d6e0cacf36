//! Settings of the producer.

use std::time::Duration;

use serde::Deserialize;

/// Settings of the producer.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// How long other producers wait before they take over the feeds of a producer that died. Default 10 s.
    #[serde(with = "humantime_serde")]
    pub lease: Duration,
    /// Pause between two rounds while there are recipients to publish. Default 5 ms.
    #[serde(with = "humantime_serde")]
    pub busy_pause: Duration,
    /// Pause between two rounds while there are none. Default 200 ms.
    #[serde(with = "humantime_serde")]
    pub idle_pause: Duration,
    /// How long recipients of a campaign may be `pending`, with no message in the queue and no claim, before their
    /// messages count as lost. Doubled each time that publishing them again changes nothing. Default 15 s.
    #[serde(with = "humantime_serde")]
    pub stalled_after: Duration,
    /// Pauses before the probes of a sender that stopped for low balance or a daily limit. A probe is one message. The
    /// last pause repeats. Default 1, 5 and 15 minutes.
    pub probe_pauses: Vec<humantime_serde::Serde<Duration>>,
    /// The same pauses for a sender whose provider does not answer. Default 5, 10, 20, 40 and 60 seconds.
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
