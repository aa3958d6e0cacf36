//! The settings of the server.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Url;

/// The settings of the server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The listen address, plain HTTP; a proxy in front of the server provides TLS. Default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// The URL at which providers reach the server, such as `https://flowcast.example.org`. It is only printed.
    pub public_url: Option<Url>,
    /// Networks of our own proxies, whose `X-Forwarded-For` is trusted. Default the machine itself.
    pub trusted_proxies: Vec<IpNet>,
    /// The maximum length of a webhook body, in bytes. Default 3 MiB, which is Meta's maximum.
    pub max_body_bytes: usize,
    /// The time limit for receiving a request. Default 10 s.
    #[serde(with = "humantime_serde")]
    pub read_timeout: Duration,
    /// The time limit for the commit; after it, the answer is 503. Default 10 s.
    #[serde(with = "humantime_serde")]
    pub commit_timeout: Duration,
    /// The maximum number of connections. Default 2048.
    pub connections: usize,
    /// The maximum number of connections from one address (IPv6: /64) without an authenticated request in progress, that is, one
    /// with a right signature, password or key. Above the limit, the oldest of them is closed. Trusted proxies have no such
    /// limit. Default 256.
    pub connections_per_address: usize,
    /// The maximum number of webhook requests that wait for their commit. Default 4096.
    pub queue: usize,
    /// The maximum total length of the bodies that are being received or wait for their commit, in bytes. Default 64 MiB.
    pub queue_bytes: usize,
    /// The number of concurrent commits. Default 1: with more, batches are smaller and cost the database more.
    pub committers: usize,
    /// The number of bad requests per minute, to one sender from one network, that are answered with their reason. Further ones
    /// are answered 429. A request with a right signature, password or key is never refused because of bad requests. Default 30.
    pub bad_requests: u32,
    /// How long raw bodies are kept, in whole days; 0 keeps none. Default a week.
    #[serde(with = "humantime_serde")]
    pub keep_bodies: Duration,
    /// The source of the upload key: `env:NAME` or `file:PATH`. Without a key, uploads are disabled.
    pub upload_key: Option<String>,
    /// The maximum length of an uploaded list, in bytes. Default 512 MiB.
    pub max_upload_bytes: u64,
    /// The time limit for receiving a list. Default 10 min.
    #[serde(with = "humantime_serde")]
    pub upload_timeout: Duration,
    /// The time limit for requests in progress when the server stops. Default 15 s.
    #[serde(with = "humantime_serde")]
    pub drain: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            trusted_proxies: vec![
                IpNet::from(std::net::IpAddr::from([127, 0, 0, 1])),
                IpNet::from(std::net::IpAddr::from(std::net::Ipv6Addr::LOCALHOST)),
            ],
            max_body_bytes: 3 * 1024 * 1024,
            read_timeout: Duration::from_secs(10),
            commit_timeout: Duration::from_secs(10),
            connections: 2048,
            connections_per_address: 256,
            queue: 4096,
            queue_bytes: 64 * 1024 * 1024,
            committers: 1,
            bad_requests: 30,
            keep_bodies: Duration::from_hours(7 * 24),
            upload_key: None,
            max_upload_bytes: 512 * 1024 * 1024,
            upload_timeout: Duration::from_mins(10),
            drain: Duration::from_secs(15),
        }
    }
}

impl Config {
    /// Checks the settings; the error names the first invalid one.
    pub fn check(&self) -> Result<(), &'static str> {
        let numbers = [
            self.max_body_bytes,
            self.queue,
            self.connections,
            self.connections_per_address,
            self.committers,
        ];
        if numbers.contains(&0) {
            return Err(
                "one of max_body_bytes, queue, connections, connections_per_address and committers is 0; set it to at least 1",
            );
        }
        if self.queue_bytes < self.max_body_bytes {
            return Err(
                "queue_bytes is below max_body_bytes, so a long body could never be accepted; raise queue_bytes",
            );
        }
        if self.public_url.as_ref().is_some_and(|url| !matches!(url.scheme(), "http" | "https")) {
            return Err(
                "public_url is not an http or https URL; use a URL like https://flowcast.example.org",
            );
        }
        Ok(())
    }

    /// A warning about settings that are valid but probably not intended.
    pub fn warning(&self) -> Option<&'static str> {
        let is_open = !self.listen.ip().to_canonical().is_loopback();
        let names_none = self.trusted_proxies.iter().all(|network| network.addr().is_loopback());
        (is_open && names_none).then_some(
            "listen is reachable from other machines, and trusted_proxies names none of them; if there is a proxy in front of the \
             server, add its network, or all of its clients count as one address",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_invalid_settings_are_refused() {
        Config::default().check().unwrap();
        assert!(Config { connections_per_address: 0, ..Config::default() }.check().is_err());
        assert!(Config { queue: 0, ..Config::default() }.check().is_err());
        assert!(Config { queue_bytes: 10, ..Config::default() }.check().is_err());
        assert_eq!(Config::default().warning(), None);
        let open = Config { listen: ([0, 0, 0, 0], 8080).into(), ..Config::default() };
        assert!(open.warning().is_some_and(|says| says.contains("trusted_proxies")));
        let named = vec!["172.16.0.0/12".parse().unwrap()];
        assert_eq!(Config { trusted_proxies: named, ..open }.warning(), None);
        assert!(Config { public_url: "ftp://x".parse().ok(), ..Config::default() }.check().is_err());
    }
}
