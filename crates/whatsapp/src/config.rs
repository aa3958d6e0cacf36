//! The settings of the HTTP client.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::error::Error;
use crate::overrides::Overrides;

/// How requests travel to the providers; the same for every sender of this process.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Limit for the name, the TCP connection and the TLS handshake together. Default 3 s. Nothing was sent when it
    /// runs out.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// Limit for a whole request, connecting and answer included. Default 20 s. The outcome is unknown when it runs
    /// out, so it should be longer than the provider ever takes.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// How long an unused connection is kept. Default 4 s; must be shorter than the provider keeps it. There are as many
    /// connections as requests were under way at once within that time: rate times latency.
    #[serde(with = "humantime_serde")]
    pub pool_idle_timeout: Duration,
    /// Whether HTTP/2 may be agreed upon. Default no: it would put every request on one TCP connection.
    pub http2: bool,
    /// A proxy for all requests (`http://host:port`), without user and password. Default none; the proxy variables of
    /// the environment are not obeyed.
    pub proxy: Option<Url>,
    /// How much of an answer is read, in bytes. Default 65,536. Answers have some hundred.
    pub max_answer_bytes: usize,
    /// Whether a sender's base address may be plain `http` to another machine, as between containers. Default no.
    pub allow_plain_http: bool,
    /// What the operator says providers' codes mean; of a section of its own.
    #[serde(skip)]
    pub overrides: Overrides,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(3),
            timeout: Duration::from_secs(20),
            pool_idle_timeout: Duration::from_secs(4),
            http2: false,
            proxy: None,
            max_answer_bytes: 64 * 1024,
            allow_plain_http: false,
            overrides: Overrides::default(),
        }
    }
}

/// The proxy is shown by its host only: a mistaken one may hold a password.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("connect_timeout", &self.connect_timeout)
            .field("timeout", &self.timeout)
            .field("pool_idle_timeout", &self.pool_idle_timeout)
            .field("http2", &self.http2)
            .field("proxy", &self.proxy.as_ref().and_then(Url::host_str))
            .field("max_answer_bytes", &self.max_answer_bytes)
            .field("allow_plain_http", &self.allow_plain_http)
            .field("overrides", &self.overrides)
            .finish()
    }
}

impl Config {
    /// Says the first thing that is wrong.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |key, reason| Err(Error::Config { key, reason });
        if self.connect_timeout.is_zero() {
            return wrong("connect_timeout", "is 0, nothing could be reached; write for instance \"3s\"");
        }
        if self.timeout <= self.connect_timeout {
            return wrong("timeout", "is not longer than connect_timeout; write for instance \"20s\"");
        }
        if self.max_answer_bytes < 1024 {
            return wrong(
                "max_answer_bytes",
                "is below 1024, answers would be cut; write for instance 65536",
            );
        }
        let Some(proxy) = &self.proxy else { return Ok(()) };
        if !matches!(proxy.scheme(), "http" | "https") || !proxy.has_host() {
            return wrong("proxy", "is not an http proxy; write for instance \"http://proxy.example:3128\"");
        }
        if !proxy.username().is_empty() || proxy.password().is_some() {
            return wrong("proxy", "holds a user or a password; use a proxy that lets this machine through");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_sound_and_survives_its_own_text() {
        let config = Config::default();
        config.check().unwrap();
        let text = toml::to_string(&config).unwrap();
        assert!(text.contains("timeout = \"20s\""), "{text}");
        assert_eq!(toml::from_str::<Config>(&text).unwrap(), config);
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(toml::from_str::<Config>("timeouts = \"3s\"").is_err());
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_its_key() {
        for (text, key) in [
            ("connect_timeout = \"0s\"", "connect_timeout"),
            ("timeout = \"2s\"", "timeout"),
            ("max_answer_bytes = 10", "max_answer_bytes"),
            ("proxy = \"socks5://10.0.0.1:1080\"", "proxy"),
            ("proxy = \"http://me:secret@10.0.0.1:3128\"", "proxy"),
        ] {
            let config: Config = toml::from_str(text).unwrap();
            let error = config.check().unwrap_err();
            assert!(matches!(error, Error::Config { key: found, .. } if found == key), "{text}: {error}");
            assert!(!format!("{config:?} {error}").contains("secret"));
        }
    }
}
