//! The settings of the HTTP client.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use certificates::{Files, Names};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::classification::overrides::Overrides;
use crate::error::Error;

const NAMES: Names = Names { roots: "http.ca_file", certificate: "http.cert_file", key: "http.key_file" };

/// The settings of the HTTP client, shared by all senders of this process.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The time limit for name resolution, TCP connection and TLS handshake together. Default 3 s. If it expires, nothing was
    /// sent.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// The time limit for a whole request, including connection and answer. Default 20 s. If it expires, the outcome is unknown,
    /// so the limit should be longer than the slowest answer of the provider.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// The time after which an idle connection is closed. Default 4 s; it must be shorter than the provider's own limit. The
    /// number of connections is the largest number of concurrent requests within that time: rate times latency.
    #[serde(with = "humantime_serde")]
    pub pool_idle_timeout: Duration,
    /// Whether HTTP/2 may be negotiated. Default no: all requests would share one TCP connection.
    pub http2: bool,
    /// A proxy for all requests (`http://host:port`), without user and password. Default none; proxy variables of the environment
    /// are ignored.
    pub proxy: Option<Url>,
    /// A file with root certificates in PEM, in addition to those of the machine, for example of a gateway. Default none. It is read when a process
    /// starts.
    pub ca_file: Option<PathBuf>,
    /// A file with a client certificate in PEM, followed by the certificates of its issuers, for a gateway that requires one. Default
    /// none. It is shown to every server that asks for one, and read again for each connection.
    pub cert_file: Option<PathBuf>,
    /// A file with the private key of `cert_file` in PEM, without a passphrase. Default none.
    pub key_file: Option<PathBuf>,
    /// The maximum length of an answer, in bytes. Default 65,536. Real answers have a few hundred bytes.
    pub max_answer_bytes: usize,
    /// Whether a sender's base URL may be plain `http` to another machine, for example between containers. Default no.
    pub allow_plain_http: bool,
    /// The operator's classes for providers' codes; read from a section of their own.
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
            ca_file: None,
            cert_file: None,
            key_file: None,
            max_answer_bytes: 64 * 1024,
            allow_plain_http: false,
            overrides: Overrides::default(),
        }
    }
}

/// Only the host of the proxy is shown: an invalid proxy URL may contain a password.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("connect_timeout", &self.connect_timeout)
            .field("timeout", &self.timeout)
            .field("pool_idle_timeout", &self.pool_idle_timeout)
            .field("http2", &self.http2)
            .field("proxy", &self.proxy.as_ref().and_then(Url::host_str))
            .field("ca_file", &self.ca_file)
            .field("cert_file", &self.cert_file)
            .field("key_file", &self.key_file)
            .field("max_answer_bytes", &self.max_answer_bytes)
            .field("allow_plain_http", &self.allow_plain_http)
            .field("overrides", &self.overrides)
            .finish()
    }
}

impl Config {
    /// The files for TLS.
    pub(crate) fn files(&self) -> Files {
        let Self { ca_file, cert_file, key_file, .. } = self.clone();
        Files { names: NAMES, roots: ca_file, certificate: cert_file, key: key_file }
    }

    /// Checks the settings and the files for TLS; the error names the first invalid one.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |key, reason| Err(Error::Config { key, reason });
        if self.connect_timeout.is_zero() {
            return wrong("connect_timeout", "is 0, so no connection can be made; use a value like \"3s\"");
        }
        if self.timeout <= self.connect_timeout {
            return wrong("timeout", "is not longer than connect_timeout; use a value like \"20s\"");
        }
        if self.max_answer_bytes < 1024 {
            return wrong(
                "max_answer_bytes",
                "is below 1024, so answers would be truncated; use a value like 65536",
            );
        }
        self.files().read()?;
        let Some(proxy) = &self.proxy else { return Ok(()) };
        if !matches!(proxy.scheme(), "http" | "https") || !proxy.has_host() {
            return wrong("proxy", "is not an http proxy; use a URL like \"http://proxy.example:3128\"");
        }
        if !proxy.username().is_empty() || proxy.password().is_some() {
            return wrong(
                "proxy",
                "contains a user or a password; use a proxy that allows this machine without them",
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_can_be_serialized_and_parsed() {
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
    fn an_unusable_file_is_refused_with_its_setting() {
        for (text, told) in [
            ("ca_file = '/none.pem'", "http.ca_file /none.pem: No such file"),
            ("cert_file = '/none.pem'", "http.cert_file is set, and http.key_file is not"),
            ("cert_file = '/none.pem'\nkey_file = '/none.pem'", "http.cert_file /none.pem: No such file"),
        ] {
            let config: Config = toml::from_str(text).unwrap();
            assert!(config.check().unwrap_err().to_string().contains(told), "{text}");
        }
    }

    #[test]
    fn an_invalid_value_is_refused_with_its_key() {
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
