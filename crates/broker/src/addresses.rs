//! The addresses of RabbitMQ, and the order in which they are tried.
//!
//! Invariants: an address, which contains a password, is in no `Debug` output. Clones share the memory of failures, so all connections of a
//! process avoid a node that one of them found to be away.

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use tokio::time::Instant;

/// So long after a failure, a node is tried after all others.
const AVOIDED_FOR: Duration = Duration::from_secs(30);

/// One or several URLs of the nodes of one RabbitMQ cluster.
#[derive(Clone)]
pub struct Addresses {
    urls: Vec<SecretString>,
    /// The randomness of the order of this process.
    seed: u64,
    failures: Arc<Mutex<HashMap<SocketAddr, Instant>>>,
}

/// The order in which the addresses are tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// Shuffled once for each process, so that processes spread over the nodes.
    #[default]
    Shuffle,
    /// As they are listed.
    Listed,
}

impl Addresses {
    fn new(urls: Vec<SecretString>) -> Self {
        Self { urls, seed: fastrand::u64(..), failures: Arc::default() }
    }

    /// The addresses in a text: separated by commas or white space.
    fn parse(text: &str) -> Self {
        Self::new(split(text).into_iter().map(SecretString::from).collect())
    }

    /// The URLs as they were given, with passwords.
    pub(crate) fn urls(&self) -> impl Iterator<Item = &str> {
        self.urls.iter().map(ExposeSecret::expose_secret)
    }

    /// Each address by itself.
    pub(crate) fn each(&self) -> impl Iterator<Item = Self> {
        self.urls.iter().map(|url| Self::new(vec![url.clone()]))
    }

    /// The nodes in the order in which they are tried now.
    pub(crate) fn in_order<T>(&self, mut nodes: Vec<(T, SocketAddr)>, order: Order) -> Vec<(T, SocketAddr)> {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if order == Order::Shuffle {
            shuffle(&mut nodes, self.seed);
        }
        put_failed_last(&mut nodes, |(_, node)| failures.get(node).map(Instant::elapsed));
        nodes
    }

    /// Remembers that a node is away.
    pub(crate) fn note_failure(&self, node: SocketAddr) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        // Pods get new addresses, so old failures would collect.
        failures.retain(|_, at| at.elapsed() < AVOIDED_FOR);
        failures.insert(node, Instant::now());
    }

    /// Forgets the failure of a node that answers.
    pub(crate) fn note_success(&self, node: SocketAddr) {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).remove(&node);
    }
}

/// The settings, without what this process remembers.
impl fmt::Debug for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Addresses").field(&self.urls).finish()
    }
}

impl From<SecretString> for Addresses {
    fn from(text: SecretString) -> Self {
        Self::parse(text.expose_secret())
    }
}

impl From<String> for Addresses {
    fn from(text: String) -> Self {
        Self::parse(&text)
    }
}

impl From<&str> for Addresses {
    fn from(text: &str) -> Self {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for Addresses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = Vec<String>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a URL or a list of URLs")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(vec![text.to_owned()])
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut texts: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(text) = texts.next_element()? {
                    all.push(text);
                }
                Ok(all)
            }
        }
        let texts = deserializer.deserialize_any(Texts)?;
        let addresses = Self::parse(&texts.join(" "));
        if addresses.urls.is_empty() {
            return Err(D::Error::custom("url is empty; write amqp://user:password@host:port/vhost"));
        }
        Ok(addresses)
    }
}

/// Splits at white space, and at commas in front of a further URL: a password may contain a comma.
fn split(text: &str) -> Vec<String> {
    let separated = text.replace(",amqp://", " amqp://").replace(",amqps://", " amqps://");
    separated
        .split_whitespace()
        .map(|url| url.trim_matches(','))
        .filter(|url| !url.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The same seed gives the same order.
fn shuffle<T>(nodes: &mut [T], seed: u64) {
    fastrand::Rng::with_seed(seed).shuffle(nodes);
}

/// Moves nodes that failed within [`AVOIDED_FOR`] behind all others, the latest failure last.
fn put_failed_last<T>(nodes: &mut [T], failed_ago: impl Fn(&T) -> Option<Duration>) {
    nodes.sort_by_key(|node| {
        failed_ago(node).and_then(|ago| AVOIDED_FOR.checked_sub(ago)).filter(|left| !left.is_zero())
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[derive(Deserialize)]
    struct Holder {
        url: Addresses,
    }

    fn read(toml: &str) -> Result<Vec<String>, String> {
        let holder: Holder = toml::from_str(toml).map_err(|error| error.message().to_owned())?;
        Ok(holder.url.urls().map(str::to_owned).collect())
    }

    #[test]
    fn addresses_are_separated_by_commas_or_white_space_or_a_list() {
        let two = vec!["amqp://u:p@a".to_owned(), "amqps://u:p@b:1/v".to_owned()];
        for text in [
            "url = 'amqp://u:p@a,amqps://u:p@b:1/v'",
            "url = ' amqp://u:p@a , amqps://u:p@b:1/v, '",
            "url = \"amqp://u:p@a\\namqps://u:p@b:1/v\\n\"",
            "url = ['amqp://u:p@a', 'amqps://u:p@b:1/v']",
        ] {
            assert_eq!(read(text), Ok(two.clone()), "{text}");
        }
        assert_eq!(read("url = 'amqp://u:p,q@a'"), Ok(vec!["amqp://u:p,q@a".to_owned()]));
        for empty in ["url = ' , '", "url = []"] {
            assert!(read(empty).unwrap_err().contains("url is empty"), "{empty}");
        }
        assert!(read("url = 5").unwrap_err().contains("a URL or a list of URLs"));
    }

    #[test]
    fn the_order_depends_on_the_seed_only() {
        let shuffled = |seed| {
            let mut nodes = [0, 1, 2];
            shuffle(&mut nodes, seed);
            nodes
        };
        assert_eq!(shuffled(7), shuffled(7));
        for first in 0..3 {
            assert!((0..50).any(|seed| shuffled(seed)[0] == first), "{first} is never the first");
        }
    }

    #[test]
    fn a_node_that_failed_is_the_last_for_thirty_seconds() {
        let order = |ago: [Option<Duration>; 3]| {
            let mut nodes = [0, 1, 2];
            put_failed_last(&mut nodes, |node| ago[*node]);
            nodes
        };
        assert_eq!(order([None; 3]), [0, 1, 2]);
        assert_eq!(order([Some(29 * SECOND), None, None]), [1, 2, 0]);
        assert_eq!(order([Some(30 * SECOND), None, None]), [0, 1, 2]);
        assert_eq!(order([Some(SECOND), Some(9 * SECOND), None]), [2, 1, 0]);
    }

    #[test]
    fn clones_share_failures_and_a_success_ends_one() {
        let nodes =
            || (1_u16..=3).map(|port| ((), SocketAddr::from(([127, 0, 0, 1], port)))).collect::<Vec<_>>();
        let first = |addresses: &Addresses| addresses.in_order(nodes(), Order::Listed)[0].1.port();
        let addresses = Addresses::from("amqp://a");
        let failed = nodes()[0].1;
        assert_eq!(first(&addresses), 1);
        addresses.clone().note_failure(failed);
        assert_eq!(first(&addresses), 2);
        addresses.note_success(failed);
        assert_eq!(first(&addresses), 1);
    }

    #[test]
    fn no_password_is_in_debug_output() {
        assert!(
            !format!("{:?}", Addresses::from("amqp://u:hunter2@a,amqp://u:hunter2@b")).contains("hunter2")
        );
    }
}
