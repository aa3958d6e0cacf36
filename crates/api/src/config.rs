//! The settings of the API's listener.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use listener::Limits;
use serde::{Deserialize, Serialize};

/// The settings of the listener for people and programs, apart from the listener for webhooks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Whether `flowcast server` serves the API. Default true.
    pub enabled: bool,
    /// The listen address, plain HTTP; a proxy in front of the server provides TLS. Default `127.0.0.1:8081`.
    pub listen: SocketAddr,
    /// Networks of our own proxies, whose `X-Forwarded-For` is trusted. Default the machine itself.
    pub trusted_proxies: Vec<IpNet>,
    /// The maximum number of connections. Default 1024.
    pub connections: usize,
    /// The maximum number of connections from one address (IPv6: /64) without a request with a right key in progress. Default 64.
    pub connections_per_address: usize,
    /// The time limit for receiving the headers of a request, and for its body. Default 10 s.
    #[serde(with = "humantime_serde")]
    pub read_timeout: Duration,
    /// Requests per minute of one key to one server. Default 600.
    pub requests_per_minute: u32,
    /// Requests per second of one key to one server that are not GET. Default 20.
    pub writes_per_second: u32,
    /// The number of requests per minute with a wrong key, from one network, that are answered with their reason. Further ones are
    /// answered 429. Default 30.
    pub bad_requests: u32,
    /// The maximum length of an uploaded list in bytes. Default 512 MiB.
    pub max_list_bytes: u64,
    /// The time limit for receiving a list. Default 10 min.
    #[serde(with = "humantime_serde")]
    pub upload_timeout: Duration,
    /// The maximum number of open streams (`/live`) of one server; one key may have a quarter of them. Default 512.
    pub streams: usize,
    /// The time after which a stream ends, ± 20 %; clients then connect again. Default 10 min.
    #[serde(with = "humantime_serde")]
    pub stream_time: Duration,
    /// The time limit for requests in progress when the server stops. Default 15 s.
    #[serde(with = "humantime_serde")]
    pub drain: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            enabled: true,
            listen: SocketAddr::from(([127, 0, 0, 1], 8081)),
            trusted_proxies: vec![
                IpNet::from(IpAddr::from(Ipv4Addr::LOCALHOST)),
                IpNet::from(IpAddr::from(Ipv6Addr::LOCALHOST)),
            ],
            connections: 1024,
            connections_per_address: 64,
            read_timeout: Duration::from_secs(10),
            requests_per_minute: 600,
            writes_per_second: 20,
            bad_requests: 30,
            max_list_bytes: 512 * 1024 * 1024,
            upload_timeout: Duration::from_mins(10),
            streams: 512,
            stream_time: Duration::from_mins(10),
            drain: Duration::from_secs(15),
        }
    }
}

impl Config {
    /// Checks the settings; the error names the first invalid one.
    pub fn check(&self) -> Result<(), &'static str> {
        if self.connections == 0 || self.connections_per_address == 0 {
            return Err("connections or connections_per_address is 0; set it to at least 1");
        }
        if self.requests_per_minute == 0 || self.writes_per_second == 0 {
            return Err("requests_per_minute or writes_per_second is 0; set it to at least 1");
        }
        Ok(())
    }

    /// The limits of the listener.
    pub fn limits(&self) -> Limits {
        Limits {
            section: "console",
            connections: self.connections,
            connections_per_address: self.connections_per_address,
            trusted_proxies: self.trusted_proxies.clone(),
            read_timeout: self.read_timeout,
            drain: self.drain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_zeros_are_refused() {
        Config::default().check().unwrap();
        assert!(Config { connections: 0, ..Config::default() }.check().is_err());
        assert!(Config { writes_per_second: 0, ..Config::default() }.check().is_err());
    }
}
