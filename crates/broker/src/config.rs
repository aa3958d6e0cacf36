//! Settings for the connection to RabbitMQ, and time limits.
//!
//! Invariant: the address, which contains a password, appears in no error and in no `Debug` output.

use std::path::PathBuf;
use std::time::Duration;

use certificates::{Files, Names};
use lapin::uri::{AMQPScheme, AMQPUri};
use secrecy::SecretString;
use serde::Deserialize;
use url::{Host, Url};

use crate::dial::place;
use crate::{Addresses, Error, Order, Topology};

/// Largest frame in bytes. lapin reserves 64 frames per connection, which is 8 MiB at RabbitMQ's default of 128 KiB.
/// Our messages have less than 100 bytes. Since version 4 RabbitMQ accepts no smaller maximum than this.
const FRAME_MAX: u32 = 8192;
const NAMES: Names =
    Names { roots: "broker.ca_file", certificate: "broker.cert_file", key: "broker.key_file" };

/// Settings for the connection to RabbitMQ, and time limits.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `amqp://user:password@host:port/vhost`, or `amqps://…`, which should be used for anything but loopback.
    ///
    /// Without a path, or with the path `/`, the virtual host is `/`. (In RabbitMQ's specification, the path `/` is a
    /// virtual host with an empty name, which is hardly ever meant.) Several nodes of a cluster
    /// are separated by commas or white space, or are a list.
    pub url: Addresses,
    /// `shuffle`: the addresses are tried in an order that differs between processes; `listed`: in the given order. An address that failed
    /// is tried after all others for 30 s. Default `shuffle`.
    #[serde(default)]
    pub order: Order,
    /// Prefix of the names of all queues and exchanges. Default `flowcast`.
    #[serde(default = "default_prefix")]
    pub prefix: String,
    /// After twice this time without any frame, the connection counts as lost. Whole seconds; default 10 s.
    #[serde(default = "default_heartbeat", with = "humantime_serde")]
    pub heartbeat: Duration,
    /// Time limit for one address: TCP, TLS and login together; the limit for looking up its name is the same again. A single address has
    /// all of `connect_timeout`. Default 3 s.
    #[serde(default = "default_address_timeout", with = "humantime_serde")]
    pub address_timeout: Duration,
    /// Time limit for a connection attempt with all addresses. Default 10 s.
    #[serde(default = "default_connect_timeout", with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// Time limit for any single answer of RabbitMQ. Default 10 s.
    #[serde(default = "default_operation_timeout", with = "humantime_serde")]
    pub operation_timeout: Duration,
    /// For `amqps://`: file with the root certificates in PEM that the certificate of RabbitMQ is verified with. Default none: the root
    /// certificates of the machine. The three files are read for each connection.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// For `amqps://`: file with the client certificate in PEM, followed by the certificates of its issuers. Default none.
    #[serde(default)]
    pub cert_file: Option<PathBuf>,
    /// For `amqps://`: file with the private key of `cert_file` in PEM, without a passphrase. Default none.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
}

impl Config {
    /// The default settings with this address.
    pub fn new(url: SecretString) -> Self {
        Self {
            url: url.into(),
            order: Order::default(),
            prefix: default_prefix(),
            heartbeat: default_heartbeat(),
            address_timeout: default_address_timeout(),
            connect_timeout: default_connect_timeout(),
            operation_timeout: default_operation_timeout(),
            ca_file: None,
            cert_file: None,
            key_file: None,
        }
    }

    /// The files for TLS.
    pub(crate) fn files(&self) -> Files {
        let Self { ca_file, cert_file, key_file, .. } = self.clone();
        Files { names: NAMES, roots: ca_file, certificate: cert_file, key: key_file }
    }

    /// The names of the queues with this configuration's prefix.
    pub fn topology(&self) -> Topology {
        Topology::new(&self.prefix)
    }

    /// Checks the configuration and the files for TLS without connecting; call it at the start of the process.
    pub fn validate(&self) -> Result<(), Error> {
        if !is_prefix(&self.prefix) {
            let what = "broker.prefix is not valid; write 1 to 100 letters, digits, dots, dashes or underscores \
                        that do not begin with amq.";
            return Err(Error::invalid(what));
        }
        let times = [self.heartbeat, self.address_timeout, self.connect_timeout, self.operation_timeout];
        if times.iter().any(Duration::is_zero) {
            return Err(Error::invalid("heartbeat and timeouts cannot be zero; write for example 10s"));
        }
        let uris = self.uris()?;
        let files = self.files();
        if let Some(set) = files.set().next()
            && !uris.iter().any(|uri| uri.scheme == AMQPScheme::AMQPS)
        {
            let what = format!(
                "{set} is for amqps:// addresses, and AMQP_URL has none; write amqps://, or remove the setting"
            );
            return Err(Error::invalid(what));
        }
        files.read().map(drop).map_err(|error| Error::invalid(error.to_string()))
    }

    /// One configuration for each address, with the host and port of that address.
    pub fn each_address(&self) -> Result<Vec<(String, Self)>, Error> {
        let places = self.uris()?.into_iter().map(|uri| place(&uri));
        Ok(places.zip(self.url.each().map(|url| Self { url, ..self.clone() })).collect())
    }

    /// The parsed addresses, with the heartbeat and timeout unless an address has its own.
    pub(crate) fn uris(&self) -> Result<Vec<AMQPUri>, Error> {
        let uris: Vec<AMQPUri> = self.url.urls().map(|url| self.uri(url)).collect::<Result<_, _>>()?;
        if uris.is_empty() {
            return Err(Error::invalid(
                "the RabbitMQ address is empty; write amqp://user:password@host:port/vhost",
            ));
        }
        Ok(uris)
    }

    fn uri(&self, text: &str) -> Result<AMQPUri, Error> {
        let invalid = |_| {
            Error::invalid("the RabbitMQ address is not a URL; write amqp://user:password@host:port/vhost")
        };
        let mut uri: AMQPUri = text.parse().map_err(invalid)?;
        let url = Url::parse(text).map_err(|error| invalid(error.to_string()))?;
        // The parser above reads an IPv6 address as no host, and no host as localhost.
        if let Some(Host::Ipv6(address)) = url.host() {
            uri.authority.host = address.to_string();
        }
        if uri.authority.host.contains([',', ' ']) {
            let what =
                "the RabbitMQ address has several hosts; write a whole URL for each, separated by commas";
            return Err(Error::invalid(what));
        }
        if uri.vhost.is_empty() {
            "/".clone_into(&mut uri.vhost);
        }
        let heartbeat = u16::try_from(self.heartbeat.as_secs().max(1)).unwrap_or(u16::MAX);
        let timeout = u64::try_from(self.connect_timeout.as_millis()).unwrap_or(u64::MAX);
        uri.query.heartbeat.get_or_insert(heartbeat);
        uri.query.connection_timeout.get_or_insert(timeout);
        uri.query.frame_max.get_or_insert(FRAME_MAX);
        if uri.scheme == AMQPScheme::AMQPS && rustls::crypto::CryptoProvider::get_default().is_none() {
            // Fails only if another thread was faster, which is equally good.
            drop(rustls::crypto::ring::default_provider().install_default());
        }
        Ok(uri)
    }
}

fn is_prefix(prefix: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    (1..=100).contains(&prefix.len()) && prefix.bytes().all(allowed) && !prefix.starts_with("amq.")
}

fn default_prefix() -> String {
    "flowcast".to_owned()
}

const fn default_heartbeat() -> Duration {
    Duration::from_secs(10)
}

const fn default_address_timeout() -> Duration {
    Duration::from_secs(3)
}

const fn default_connect_timeout() -> Duration {
    Duration::from_secs(10)
}

const fn default_operation_timeout() -> Duration {
    Duration::from_secs(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> Config {
        Config::new(url.into())
    }

    fn uri(url: &str) -> AMQPUri {
        config(url).uris().unwrap().remove(0)
    }

    #[test]
    fn only_the_address_is_required() {
        let config: Config = toml::from_str("url = 'amqp://localhost'").unwrap();
        assert_eq!((config.prefix.as_str(), config.heartbeat.as_secs()), ("flowcast", 10));
        let config: Config = toml::from_str("url = 'amqp://localhost'\noperation_timeout = '500ms'").unwrap();
        assert_eq!(config.operation_timeout, Duration::from_millis(500));
    }

    #[test]
    fn an_unknown_setting_is_refused() {
        assert!(toml::from_str::<Config>("url = 'amqp://localhost'\nheart_beat = '1s'").is_err());
    }

    #[test]
    fn the_password_is_in_no_output() {
        for url in [
            "amqp://u:hunter2@host/%2f",
            "http://u:hunter2@host",
            "mailto:u:hunter2@host",
            "amqp://u:hunter2@host:port",
            "amqp://u:hunter2@host,http://u:hunter2@other",
            "amqp://u:hunter2@host,other",
        ] {
            let config = config(url);
            assert!(!format!("{config:?}").contains("hunter2"));
            if let Err(error) = config.validate() {
                assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
            }
        }
    }

    #[test]
    fn heartbeat_timeout_and_frame_size_are_in_the_address_unless_it_has_its_own() {
        let parsed = uri("amqp://host");
        assert_eq!(
            (
                parsed.query.heartbeat,
                parsed.query.connection_timeout,
                parsed.query.frame_max,
                parsed.vhost.as_str()
            ),
            (Some(10), Some(10_000), Some(8192), "/")
        );
        let parsed = uri("amqp://host/%2f?heartbeat=3&frame_max=65536");
        assert_eq!((parsed.query.heartbeat, parsed.query.frame_max), (Some(3), Some(65_536)));
    }

    #[test]
    fn a_slash_at_the_end_is_the_virtual_host_of_that_name() {
        for (url, vhost) in [
            ("amqp://host", "/"),
            ("amqp://host:5672/", "/"),
            ("amqp://host:5672/\n", "/"),
            ("amqp://host//", "/"),
            ("amqp://host/%2F", "/"),
            ("amqp://host/mine", "mine"),
        ] {
            assert_eq!(uri(url).vhost, vhost, "{url:?}");
        }
    }

    #[test]
    fn an_ipv6_host_is_not_read_as_localhost() {
        assert_eq!(uri("amqp://[2001:db8::1]:5672").authority.host, "2001:db8::1");
        assert_eq!(uri("amqp://127.0.0.1:5672").authority.host, "127.0.0.1");
    }

    #[test]
    fn invalid_settings_are_reported_at_the_start() {
        assert!(config("amqp://host").validate().is_ok());
        assert!(config("amqp://host,amqp://other").validate().is_ok());
        for wrong in ["", "redis://host", "amqp://host redis://other", "amqp://host,other"] {
            assert!(config(wrong).validate().is_err(), "{wrong}");
        }
        let unlimited = Config { address_timeout: Duration::ZERO, ..config("amqp://host") };
        assert!(unlimited.validate().is_err());
        for prefix in ["", "amq.x", "a b", &"x".repeat(101)] {
            let config = Config { prefix: prefix.to_owned(), ..config("amqp://host") };
            assert!(config.validate().is_err(), "{prefix}");
        }
        let config = Config { heartbeat: Duration::ZERO, ..config("amqp://host") };
        assert!(config.validate().is_err());
    }

    #[test]
    fn files_for_tls_need_each_other_and_an_encrypted_address() {
        let says = |url: &str, text: &str| {
            let config: Config = toml::from_str(&format!("url = '{url}'\n{text}")).unwrap();
            config.validate().unwrap_err().to_string()
        };
        for (url, text, told) in [
            (
                "amqp://u:hunter2@h",
                "ca_file = '/x'",
                "broker.ca_file is for amqps:// addresses, and AMQP_URL has none;",
            ),
            ("amqp://h,amqp://i", "key_file = '/x'", "broker.key_file is for amqps:// addresses"),
            (
                "amqps://h",
                "cert_file = '/x'",
                "broker.cert_file is set, and broker.key_file is not; set both or neither",
            ),
            ("amqps://h", "key_file = '/x'", "broker.key_file is set, and broker.cert_file is not"),
            ("amqp://h,amqps://i", "ca_file = '/none.pem'", "broker.ca_file /none.pem: No such file"),
        ] {
            let says = says(url, text);
            assert!(says.starts_with(told) && !says.contains("hunter2"), "{says}");
        }
    }

    #[test]
    fn each_address_is_named_without_user_and_password() {
        let each = config("amqp://u:hunter2@a,amqps://[::1]:1").each_address().unwrap();
        assert_eq!(each.iter().map(|(place, _)| place.as_str()).collect::<Vec<_>>(), ["a:5672", "[::1]:1"]);
        assert_eq!(each[1].1.uris().unwrap()[0].authority.host, "::1");
    }

    #[test]
    fn an_encrypted_address_installs_a_crypto_provider() {
        config("amqps://host").validate().unwrap();
        assert!(rustls::crypto::CryptoProvider::get_default().is_some());
    }
}
