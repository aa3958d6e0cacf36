//! Warnings about proxies that are not listed in `trusted_proxies`.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use axum::http::HeaderMap;
use ipnet::IpNet;

use crate::client_address;

/// Headers that only proxies add.
const PROXY_HEADERS: [&str; 3] = ["x-forwarded-for", "forwarded", "x-real-ip"];
/// The maximum number of warnings: a client that knows a path can add such a header.
const MAX_WARNINGS: usize = 16;

/// The unlisted proxies for which a warning was logged.
pub struct UnlistedProxies {
    /// The section of the settings that lists trusted proxies.
    section: &'static str,
    trusted: Vec<IpNet>,
    known: Mutex<HashSet<IpAddr>>,
}

impl UnlistedProxies {
    /// `section` is the section of the settings that lists trusted proxies.
    pub fn new(section: &'static str, trusted: Vec<IpNet>) -> Self {
        Self { section, trusted, known: Mutex::default() }
    }

    /// Logs one warning for each unlisted proxy. Call this only for requests to a known path or with the right key, so that
    /// others cannot fill the log.
    pub fn warn_if_unlisted(&self, peer: IpAddr, headers: &HeaderMap) {
        if self.is_new(peer.to_canonical(), headers) {
            tracing::warn!(
                "requests come through the proxy {0}, which is not in [{1}] trusted_proxies: all of its clients count as one \
                 address in limits and lists of networks; add {0} or its network to trusted_proxies, and let the proxy set \
                 X-Forwarded-For",
                peer.to_canonical(),
                self.section
            );
        }
    }

    fn is_new(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        if client_address::is_trusted(peer, &self.trusted)
            || !PROXY_HEADERS.iter().any(|name| headers.contains_key(*name))
        {
            return false;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.len() < MAX_WARNINGS && known.insert(peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unlisted_proxy_is_reported_once_and_at_most_sixteen_are() {
        let proxies = UnlistedProxies::new("server", vec!["10.0.0.0/8".parse().unwrap()]);
        let (none, mut forwarded) = (HeaderMap::new(), HeaderMap::new());
        forwarded.insert("x-forwarded-for", "198.51.100.1".parse().unwrap());
        let peer = |n: u8| IpAddr::from([172, 17, 0, n]);
        assert!(!proxies.is_new(peer(1), &none), "nothing shows a proxy");
        assert!(!proxies.is_new("10.1.1.1".parse().unwrap(), &forwarded), "it is named");
        assert!(proxies.is_new(peer(1), &forwarded) && !proxies.is_new(peer(1), &forwarded));
        assert_eq!((2..100).filter(|n| proxies.is_new(peer(*n), &forwarded)).count(), 15);
    }
}
