//! The settings of the server.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Url;

/// How webhooks are taken in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen, in plain HTTP; what speaks TLS stands before it. Default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// The address by which providers reach it, such as `https://flowcast.example.org`; only printed.
    pub public_url: Option<Url>,
    /// Networks of our own proxies, whose `X-Forwarded-For` says who asks. Default the machine itself.
    pub trusted_proxies: Vec<IpNet>,
    /// The longest body, in bytes. Default 3 MiB, which is Meta's longest.
    pub max_body_bytes: usize,
    /// How long a request may take to arrive. Default 10 s.
    #[serde(with = "humantime_serde")]
    pub read_timeout: Duration,
    /// How long the answer may wait for the commit before it is 503. Default 10 s.
    #[serde(with = "humantime_serde")]
    pub commit_timeout: Duration,
    /// Most connections at once. Default 2048.
    pub connections: usize,
    /// Most connections of one address (IPv6: /64) on which no request with a right signature, password or key is being answered;
    /// beyond them the oldest is closed. Trusted proxies have no such limit. Default 256.
    pub connections_per_address: usize,
    /// Most posts that wait for their commit. Default 4096.
    pub queue: usize,
    /// Most bytes of posts that have arrived: of posts that are being read, and of posts that wait for their commit. Default 64 MiB.
    pub queue_bytes: usize,
    /// How many commits are under way at once. Default 1: more make smaller batches, which cost the database more.
    pub committers: usize,
    /// How many bad requests to one sender from one network are answered with their reason in a minute; further ones are
    /// answered 429. A right signature, password or key is never refused because of bad requests. Default 30.
    pub bad_requests: u32,
    /// How long bodies are kept as they came, in whole days; 0 keeps none. Default a week.
    #[serde(with = "humantime_serde")]
    pub keep_bodies: Duration,
    /// Where the key is found that uploads of lists show: `env:NAME` or `file:PATH`. Without it there are no uploads.
    pub upload_key: Option<String>,
    /// The longest list that may be uploaded, in bytes. Default 512 MiB.
    pub max_upload_bytes: u64,
    /// How long a list may take to arrive. Default 10 min.
    #[serde(with = "humantime_serde")]
    pub upload_timeout: Duration,
    /// How long requests under way may take to end when told to stop. Default 15 s.
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
    /// Says the first thing that is wrong.
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
                "one of max_body_bytes, queue, connections, connections_per_address and committers is 0, nothing could be taken in",
            );
        }
        if self.queue_bytes < self.max_body_bytes {
            return Err("queue_bytes is below max_body_bytes, a long body could never be taken in");
        }
        if self.public_url.as_ref().is_some_and(|url| !matches!(url.scheme(), "http" | "https")) {
            return Err("public_url is no web address; write for instance https://flowcast.example.org");
        }
        Ok(())
    }

    /// Says what is possible and probably not meant.
    pub fn warning(&self) -> Option<&'static str> {
        let is_open = !self.listen.ip().to_canonical().is_loopback();
        let names_none = self.trusted_proxies.iter().all(|network| network.addr().is_loopback());
        (is_open && names_none).then_some(
            "listen is reachable from other machines, and trusted_proxies names none of them; if a proxy stands before the server, \
             add its network there, or all of its callers count as one address",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_sound_and_what_makes_no_sense_is_refused() {
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
