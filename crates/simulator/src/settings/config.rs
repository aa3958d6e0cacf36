//! The configuration the simulator is started with.

use std::net::SocketAddr;
use std::time::Duration;

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use crate::{ClosedWindows, Fault, Latency, Msisdn, Provider, RateLimit, Webhook};

/// The configuration of a simulator. `Default` is a provider with an endless balance, no latency and no faults, on a free
/// loopback port.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The simulated provider; default `kaleyra`.
    pub provider: Provider,
    /// The listen address; default `127.0.0.1:0`, any free loopback port. The admin API listens there too, without a password.
    pub listen: SocketAddr,
    /// The only account of the provider, for Kaleyra the SID in the path; default `HXSIMULATOR00IN`.
    pub account: String,
    /// The business number of the account, the only sender; default `919900000000`.
    pub number: Msisdn,
    /// The key that requests must carry, for Kaleyra the header `api-key`; default `simulator-key`.
    pub api_key: SecretString,
    /// The number of messages that are accepted before the balance is used up; default none, which is endless.
    pub balance: Option<u64>,
    /// The rate limit over every sliding window, such as `20/s`. Requests above the limit are answered 429; default none.
    pub rate_limit: Option<RateLimit>,
    /// The `retry-after` header of a 429 of the rate limit, in whole seconds; default none, which sends no such header.
    pub retry_after_s: Option<u64>,
    /// The latency of every answer; default none.
    pub latency: Latency,
    /// A connection that is idle for this long is closed; default none, which keeps idle connections open.
    #[serde(with = "humantime_serde")]
    pub idle_timeout: Option<Duration>,
    /// The seed of the random numbers for probabilities and jitter, so that a run can be repeated; default 1.
    pub seed: u64,
    /// The faults that are active from the start; default none.
    pub faults: Vec<Fault>,
    /// Recipients whose 24-hour window is closed; default none.
    pub closed_windows: ClosedWindows,
    /// Approved templates in Meta's form (`name`, `language`, `status`, `components`). Meta and 1msg list them, and refuse a template
    /// message that differs from all of them. Default none, which accepts every template.
    pub templates: Vec<Value>,
    /// The webhook that delivery receipts, replies and opt-outs are posted to; default none.
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
            closed_windows: ClosedWindows::default(),
            templates: Vec::new(),
            webhook: None,
        }
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
