//! What the simulator is started with.

use std::net::SocketAddr;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{Fault, Msisdn, Provider, RateLimit, Webhook};

/// Everything the simulator is started with; `Default` is an endless, fast and faultless provider on a free loopback port.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The provider to stand in for; default `kaleyra`.
    pub provider: Provider,
    /// Where to listen; default `127.0.0.1:0`, any free port of loopback. The admin API listens there too, unprotected.
    pub listen: SocketAddr,
    /// The account the provider knows, for Kaleyra the SID in the path; default `HXSIMULATOR00IN`.
    pub account: String,
    /// Our business number, the one sender the provider knows; default `919900000000`.
    pub number: Msisdn,
    /// The key requests must carry, for Kaleyra the header `api-key`; default `simulator-key`.
    pub api_key: SecretString,
    /// How many messages may be accepted before the balance is used up; default none, which is endless.
    pub balance: Option<u64>,
    /// How many requests may come in a sliding window before they are answered 429, such as `20/s`; default none.
    pub rate_limit: Option<RateLimit>,
    /// The `retry-after` header, in whole seconds, of a 429 of the rate limit; default none, which sends no such header.
    pub retry_after_s: Option<u64>,
    /// How long every answer takes; default no time.
    pub latency: Latency,
    /// After how long a kept-alive connection without a request is closed; default none, which keeps it open.
    #[serde(with = "humantime_serde")]
    pub idle_timeout: Option<Duration>,
    /// Where the random numbers of probabilities and jitter begin, so that a run can be repeated; default 1.
    pub seed: u64,
    /// The faults that are on from the start; default none.
    pub faults: Vec<Fault>,
    /// Where what becomes of accepted messages is posted; default none, which is nowhere.
    pub webhook: Option<Webhook>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            provider: Provider::Kaleyra,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            account: "HXSIMULATOR00IN".to_owned(),
            number: Msisdn::DEFAULT_SENDER,
            api_key: SecretString::from("simulator-key"),
            balance: None,
            rate_limit: None,
            retry_after_s: None,
            latency: Latency::default(),
            idle_timeout: None,
            seed: 1,
            faults: Vec::new(),
            webhook: None,
        }
    }
}

/// How long an answer takes: a fixed part, and up to `jitter` more, evenly spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Latency {
    /// The time every answer takes; default none.
    #[serde(with = "humantime_serde")]
    pub fixed: Duration,
    /// The most that is added to it; default none.
    #[serde(with = "humantime_serde")]
    pub jitter: Duration,
}

impl Latency {
    /// The same time for every answer.
    pub fn fixed(fixed: Duration) -> Self {
        Self { fixed, jitter: Duration::ZERO }
    }

    /// The time of one answer, `fraction` (0 to 1) of the jitter included.
    pub(crate) fn sample(self, fraction: f64) -> Duration {
        self.fixed + self.jitter.mul_f64(fraction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_configuration_and_fills_in_the_defaults() {
        let text = r#"{"number": "+254700000009", "balance": 5, "rate_limit": "20/s", "latency": {"fixed": "50ms"},
                       "idle_timeout": "5s", "faults": [{"effect": {"kind": "hang"}, "scope": {"next": 1}}]}"#;
        let config: Config = serde_json::from_str(text).unwrap();
        assert_eq!(config.number.to_string(), "254700000009");
        assert_eq!(config.balance, Some(5));
        assert_eq!(config.rate_limit.unwrap().to_string(), "20/1s");
        assert_eq!(config.latency, Latency::fixed(Duration::from_millis(50)));
        assert_eq!(config.idle_timeout, Some(Duration::from_secs(5)));
        assert_eq!(config.faults.len(), 1);
        assert_eq!(config.account, Config::default().account);
    }

    #[test]
    fn refuses_a_setting_it_does_not_know() {
        assert!(serde_json::from_str::<Config>(r#"{"balanse": 5}"#).is_err());
    }

    #[test]
    fn its_debug_output_shows_neither_key_nor_number() {
        let shown = format!("{:?}", Config::default());
        assert!(!shown.contains("simulator-key"), "{shown}");
        assert!(!shown.contains("919900000000"), "{shown}");
    }
}
