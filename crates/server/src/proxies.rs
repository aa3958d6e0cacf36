//! Proxies that requests come through although `trusted_proxies` does not name them.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use axum::http::HeaderMap;
use ipnet::IpNet;

use crate::address;

/// Headers that only a proxy adds.
const ADDED_BY_PROXIES: [&str; 3] = ["x-forwarded-for", "forwarded", "x-real-ip"];
/// Most addresses that are warned of: whoever knows a path can add a header.
const MOST: usize = 16;

/// Unnamed proxies that were warned of.
pub(crate) struct UnnamedProxies {
    trusted: Vec<IpNet>,
    known: Mutex<HashSet<IpAddr>>,
}

impl UnnamedProxies {
    pub(crate) fn new(trusted: Vec<IpNet>) -> Self {
        Self { trusted, known: Mutex::default() }
    }

    /// Warns once of each unnamed proxy. To be called for requests to a path or with a key that is ours, so that strangers cannot
    /// fill the log.
    pub(crate) fn look(&self, peer: IpAddr, headers: &HeaderMap) {
        if self.is_new(peer.to_canonical(), headers) {
            tracing::warn!(
                "requests come through the proxy {0}, which is not in [server] trusted_proxies: all of its callers count as one \
                 address, in the limits and in --webhook-sources; add {0} or its network to trusted_proxies, and let the proxy set \
                 X-Forwarded-For",
                peer.to_canonical()
            );
        }
    }

    fn is_new(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        if address::is_trusted(peer, &self.trusted)
            || !ADDED_BY_PROXIES.iter().any(|name| headers.contains_key(*name))
        {
            return false;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.len() < MOST && known.insert(peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unnamed_proxy_is_warned_of_once_and_not_more_than_sixteen() {
        let proxies = UnnamedProxies::new(vec!["10.0.0.0/8".parse().unwrap()]);
        let (none, mut forwarded) = (HeaderMap::new(), HeaderMap::new());
        forwarded.insert("x-forwarded-for", "198.51.100.1".parse().unwrap());
        let peer = |n: u8| IpAddr::from([172, 17, 0, n]);
        assert!(!proxies.is_new(peer(1), &none), "nothing shows a proxy");
        assert!(!proxies.is_new("10.1.1.1".parse().unwrap(), &forwarded), "it is named");
        assert!(proxies.is_new(peer(1), &forwarded) && !proxies.is_new(peer(1), &forwarded));
        assert_eq!((2..100).filter(|n| proxies.is_new(peer(*n), &forwarded)).count(), 15);
    }
}
