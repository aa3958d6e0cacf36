//! The open connections, and which of them is closed for a new one.
//!
//! **Invariants.**
//! - Accepting never waits.
//! - A connection is checked while a request is answered on it whose signature, password, token or key is right. A checked
//!   connection is never closed for another one.
//! - Beyond `connections`, an unchecked connection is closed for the new one: of the network with most unchecked connections, the
//!   one that has been unchecked longest. A provider's post is checked within milliseconds, so slow strangers close no connection of
//!   a provider that posts. If all connections are checked, the new one is answered 503.
//! - One network (`address::network`) has at most `connections_per_address` unchecked connections; beyond them its oldest is closed.
//!   Trusted proxies have no such limit.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::address;

/// All connections.
pub(crate) struct Connections {
    most: usize,
    most_per_network: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    open: HashMap<u64, Open>,
    /// Unchecked connections by network, the oldest first.
    unchecked: HashMap<IpAddr, BTreeSet<(Instant, u64)>>,
}

struct Open {
    network: IpAddr,
    /// Since when it is unchecked; `None` while it is checked.
    unchecked_since: Option<Instant>,
    closed: CancellationToken,
}

/// One connection. It ceases to count when this is dropped.
pub(crate) struct Connection {
    all: Arc<Connections>,
    id: u64,
    /// Who is at its other end: a client, or a proxy.
    pub(crate) peer: IpAddr,
    closed: CancellationToken,
}

impl Connections {
    /// At most `most` connections, of them `most_per_network` unchecked ones of each network.
    pub(crate) fn new(most: usize, most_per_network: usize) -> Arc<Self> {
        Arc::new(Self { most, most_per_network, state: Mutex::default() })
    }

    /// Admits a new connection, and closes another one for it if there are too many. `None`: all are checked.
    pub(crate) fn admit(
        self: &Arc<Self>,
        peer: SocketAddr,
        is_proxy: bool,
        now: Instant,
    ) -> Option<Connection> {
        let peer = peer.ip().to_canonical();
        let network = address::network(peer);
        let mut state = self.lock();
        let of_network = state.unchecked.get(&network).map_or(0, BTreeSet::len);
        if !is_proxy && of_network >= self.most_per_network {
            state.close_oldest_of(network);
        }
        if state.open.len() >= self.most {
            let (largest, _) = state.unchecked.iter().max_by_key(|(_, ids)| ids.len())?;
            let largest = *largest;
            state.close_oldest_of(largest);
        }
        let (id, closed) = (state.next, CancellationToken::new());
        state.next += 1;
        state.open.insert(id, Open { network, unchecked_since: Some(now), closed: closed.clone() });
        state.unchecked.entry(network).or_default().insert((now, id));
        Some(Connection { all: Arc::clone(self), id, peer, closed })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// The signature, password, token or key of its request is right.
    pub(crate) fn mark_checked(&self) {
        let mut state = self.all.lock();
        let Some(open) = state.open.get_mut(&self.id) else { return };
        if let Some(since) = open.unchecked_since.take() {
            let network = open.network;
            state.forget_unchecked(network, since, self.id);
        }
    }

    /// Its request was answered; the next one is unchecked.
    pub(crate) fn mark_answered(&self, now: Instant) {
        let mut state = self.all.lock();
        let Some(open) = state.open.get_mut(&self.id) else { return };
        let (before, network) = (open.unchecked_since.replace(now), open.network);
        if let Some(since) = before {
            state.forget_unchecked(network, since, self.id);
        }
        state.unchecked.entry(network).or_default().insert((now, self.id));
    }

    /// Returns when this connection must be closed for another one.
    pub(crate) async fn closed(&self) {
        self.closed.cancelled().await;
    }
}

impl State {
    fn close_oldest_of(&mut self, network: IpAddr) {
        if let Some((_, id)) = self.unchecked.get(&network).and_then(BTreeSet::first).copied() {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: u64) {
        let Some(open) = self.open.remove(&id) else { return };
        open.closed.cancel();
        if let Some(since) = open.unchecked_since {
            self.forget_unchecked(open.network, since, id);
        }
    }

    fn forget_unchecked(&mut self, network: IpAddr, since: Instant, id: u64) {
        if let Some(ids) = self.unchecked.get_mut(&network) {
            ids.remove(&(since, id));
            if ids.is_empty() {
                self.unchecked.remove(&network);
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.all.lock().remove(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn peer(n: u8) -> SocketAddr {
        SocketAddr::from(([203, 0, 113, n], 4711))
    }

    fn is_closed(connection: &Connection) -> bool {
        connection.closed.is_cancelled()
    }

    #[test]
    fn the_longest_unchecked_connection_of_the_network_with_most_is_closed() {
        let (all, began) = (Connections::new(4, 100), Instant::now());
        let at = |seconds| began + Duration::from_secs(seconds);
        let alone = all.admit(peer(1), false, at(0)).unwrap();
        let crowd: Vec<_> = (1..4).map(|n| all.admit(peer(2), false, at(n)).unwrap()).collect();
        crowd[0].mark_checked();
        let new = all.admit(peer(3), false, at(9)).unwrap();
        assert_eq!(
            [is_closed(&alone), is_closed(&crowd[0]), is_closed(&crowd[1]), is_closed(&crowd[2])],
            [false, false, true, false]
        );
        // An answered connection is unchecked from then on.
        crowd[0].mark_answered(at(10));
        let _other = all.admit(peer(4), false, at(11)).unwrap();
        assert!(is_closed(&crowd[2]) && !is_closed(&crowd[0]));
        drop(new);
        assert_eq!(all.lock().open.len(), 3);
    }

    #[test]
    fn where_all_connections_are_checked_a_new_one_is_not_admitted_until_one_ends() {
        let (all, now) = (Connections::new(2, 100), Instant::now());
        let both = [all.admit(peer(1), false, now).unwrap(), all.admit(peer(1), false, now).unwrap()];
        both.iter().for_each(Connection::mark_checked);
        assert!(all.admit(peer(2), false, now).is_none());
        drop(both);
        assert!(all.admit(peer(2), false, now).is_some());
        assert!(all.lock().open.is_empty() && all.lock().unchecked.is_empty());
    }

    #[test]
    fn a_network_has_a_limit_of_unchecked_connections_and_a_proxy_has_none() {
        let (all, now) = (Connections::new(100, 2), Instant::now());
        let ours: Vec<_> = (0..10).map(|_| all.admit(peer(1), true, now).unwrap()).collect();
        let theirs: Vec<_> = (0..10).map(|_| all.admit(peer(2), false, now).unwrap()).collect();
        assert_eq!(ours.iter().filter(|connection| is_closed(connection)).count(), 0);
        assert_eq!(theirs.iter().filter(|connection| is_closed(connection)).count(), 8);
    }
}
