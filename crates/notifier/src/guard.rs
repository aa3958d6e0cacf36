//! Refuses addresses that a customer must not reach through us (server-side request forgery).
//!
//! **Invariant.** An address is allowed only if it is public, or in a network that the operator has listed. The check is a list of
//! what is allowed, so a range that is not known here is refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::IpNet;
use url::{Host, Url};

/// Why an address is refused. The text does not contain the URL, whose path may be secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The scheme is neither https nor http.
    #[error("the address has the scheme {0}; write an https address")]
    Scheme(String),
    /// User and password in the URL.
    #[error("the address contains a user or a password; remove them, because deliveries are signed")]
    UserInfo,
    /// There is no host.
    #[error("the address has no host; write an https address")]
    NoHost,
    /// Plain http to a host that is not in a listed network.
    #[error(
        "the address is plain http; write an https address, or list the network of the host in [webhooks] networks"
    )]
    PlainHttp,
    /// The address is not public.
    #[error("{0} is not a public address; if this is intended, list its network in [webhooks] networks")]
    NotPublic(IpAddr),
    /// The name has no address.
    #[error("the name of the host has no address")]
    NoAddress,
}

/// The addresses that deliveries may connect to. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Guard {
    networks: Arc<[IpNet]>,
}

impl Guard {
    /// Allows public addresses, and these networks.
    pub fn new(networks: impl Into<Arc<[IpNet]>>) -> Self {
        Self { networks: networks.into() }
    }

    /// Checks what can be checked without resolving the name. The addresses of the name are checked at each
    /// connection.
    pub fn check_url(&self, url: &Url) -> Result<(), Refused> {
        let is_plain = match url.scheme() {
            "https" => false,
            "http" => true,
            scheme => return Err(Refused::Scheme(scheme.to_owned())),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::UserInfo);
        }
        match url.host() {
            None => Err(Refused::NoHost),
            Some(Host::Ipv4(host)) => self.check(host.into(), is_plain),
            Some(Host::Ipv6(host)) => self.check(host.into(), is_plain),
            Some(Host::Domain(_)) if is_plain && self.networks.is_empty() => Err(Refused::PlainHttp),
            Some(Host::Domain(_)) => Ok(()),
        }
    }

    /// Checks all addresses of a name: one that is refused refuses the name, so that the order of the answer does not matter.
    pub(crate) fn check_resolved(&self, addresses: &[IpAddr], is_plain: bool) -> Result<(), Refused> {
        if addresses.is_empty() {
            return Err(Refused::NoAddress);
        }
        addresses.iter().try_for_each(|address| self.check(*address, is_plain))
    }

    fn check(&self, address: IpAddr, is_plain: bool) -> Result<(), Refused> {
        let address = address.to_canonical();
        if self.networks.iter().any(|network| network.contains(&address)) {
            return Ok(());
        }
        match address {
            _ if is_plain => Err(Refused::PlainHttp),
            IpAddr::V4(v4) if is_public_v4(v4) => Ok(()),
            IpAddr::V6(v6) if is_public_v6(v6) => Ok(()),
            _ => Err(Refused::NotPublic(address)),
        }
    }
}

/// Not in the special-purpose registry of IANA, and not the host service of Azure.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = match (a, b, c) {
        // This network, private, loopback, multicast and reserved.
        (0 | 10 | 127 | 224.., _, _)
        // Carrier-grade NAT; Alibaba's metadata service is in it.
        | (100, 64..=127, _)
        // Link-local; metadata services of clouds are in it.
        | (169, 254, _)
        | (172, 16..=31, _)
        // Protocol assignments, documentation, 6to4 relays.
        | (192, 0, 0 | 2) | (192, 88, 99)
        | (192, 168, _)
        // Benchmarks and documentation.
        | (198, 18..=19, _) | (198, 51, 100) | (203, 0, 113) => true,
        _ => false,
    };
    !is_special && address != Ipv4Addr::new(168, 63, 129, 16)
}

/// Global unicast, without ranges that embed an IPv4 address or are for documentation.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let is_special = match (a, b) {
        // Protocol assignments with Teredo, documentation, 6to4, segment routing.
        (0x2001, 0..=0x1ff | 0xdb8) | (0x2002, _) | (0x3fff, 0..=0xfff) => true,
        _ => false,
    };
    a & 0xe000 == 0x2000 && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(guard: &Guard, url: &str) -> Result<(), Refused> {
        guard.check_url(&url.parse().unwrap())
    }

    #[test]
    fn private_addresses_are_refused_in_every_spelling() {
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f.1",
            "0x7f000001",
            "017700000001",
            "0",
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "169.254.169.254",
            "0xA9FEA9FE",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "127.0.0.1.",
            "１２７.0.0.1",
            "[::1]",
            "[::]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::ffff:10.0.0.1]",
            "[::127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b:1::a]",
            "[2002:7f00:1::]",
            "[2001::1]",
            "[fc00::1]",
            "[fd00:ec2::254]",
            "[fe80::1]",
            "[fec0::1]",
            "[ff02::1]",
            "[2001:db8::1]",
            "[100::1]",
            "[3fff::1]",
        ] {
            let url = format!("https://{host}/x");
            assert!(matches!(check(&Guard::default(), &url), Err(Refused::NotPublic(_))), "{url}");
        }
    }

    #[test]
    fn public_addresses_and_names_are_allowed_with_https_only() {
        let guard = Guard::default();
        for host in [
            "shop.example",
            "shop.example:8443",
            "8.8.8.8",
            "172.32.0.1",
            "100.63.0.1",
            "[2a00:1450::1]",
            "localhost",
        ] {
            assert_eq!(check(&guard, &format!("https://{host}/x")), Ok(()), "{host}");
            assert_eq!(check(&guard, &format!("http://{host}/x")), Err(Refused::PlainHttp), "{host}");
        }
        assert_eq!(check(&guard, "ftp://shop.example/"), Err(Refused::Scheme("ftp".into())));
        assert_eq!(check(&guard, "file:///etc/passwd"), Err(Refused::Scheme("file".into())));
        for url in
            ["https://me:hunter2@shop.example/", "https://me@shop.example/", "https://:x@shop.example/"]
        {
            let error = check(&guard, url).unwrap_err();
            assert_eq!(error, Refused::UserInfo, "{url}");
            assert!(!error.to_string().contains("hunter2"));
        }
    }

    #[test]
    fn a_listed_network_is_allowed_and_its_neighbor_is_not() {
        let networks: Vec<IpNet> = vec!["10.1.0.0/16".parse().unwrap(), "fd00:1::/32".parse().unwrap()];
        let guard = Guard::new(networks);
        for url in
            ["http://10.1.2.3/", "https://10.1.2.3/", "http://[::ffff:10.1.2.3]/", "http://[fd00:1::7]/"]
        {
            assert_eq!(check(&guard, url), Ok(()), "{url}");
        }
        assert!(matches!(check(&guard, "https://10.2.0.1/"), Err(Refused::NotPublic(_))));
        assert_eq!(check(&guard, "http://10.2.0.1/"), Err(Refused::PlainHttp));
        assert_eq!(check(&guard, "http://8.8.8.8/"), Err(Refused::PlainHttp));
        assert_eq!(check(&guard, "http://internal.example/"), Ok(()));
        let addresses =
            |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        assert_eq!(guard.check_resolved(&addresses(&["10.1.0.1"]), true), Ok(()));
        assert_eq!(guard.check_resolved(&addresses(&["8.8.8.8"]), true), Err(Refused::PlainHttp));
        assert!(guard.check_resolved(&addresses(&["8.8.8.8", "127.0.0.1"]), false).is_err());
        assert_eq!(guard.check_resolved(&[], false), Err(Refused::NoAddress));
    }
}
