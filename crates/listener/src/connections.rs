//! The open connections, and the choice of a connection to close for a new one.
//!
//! **Invariants.**
//! - Accepting never waits.
//! - A connection is authenticated while a request with a right signature, password, token or key is in progress. An
//!   authenticated connection is never closed for another one.
//! - Above `connections`, an unauthenticated connection is closed for the new one: the connection that has been unauthenticated
//!   longest, of the network with the most unauthenticated connections. A provider's request is authenticated within
//!   milliseconds, so slow connections of others do not close those of a provider. If all connections are authenticated, the new
//!   one is answered 503.
//! - One network (`client_address::network`) has at most `connections_per_address` unauthenticated connections. Above this limit
//!   its oldest one is closed. Trusted proxies have no such limit.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::client_address;

/// All open connections.
pub struct Connections {
    max: usize,
    max_per_network: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    open: HashMap<u64, Open>,
    /// Unauthenticated connections by network, the oldest first.
    unauthenticated: HashMap<IpAddr, BTreeSet<(Instant, u64)>>,
}

struct Open {
    network: IpAddr,
    /// Since when the connection is unauthenticated; `None` while it is authenticated.
    unauthenticated_since: Option<Instant>,
    closed: CancellationToken,
}

/// One connection. It does not count any more after this value is dropped.
pub struct Connection {
    all: Arc<Connections>,
    id: u64,
    /// The address of the peer: a client or a proxy.
    pub peer: IpAddr,
    closed: CancellationToken,
}

impl Connections {
    /// At most `max` connections, and at most `max_per_network` unauthenticated ones from each network.
    pub fn new(max: usize, max_per_network: usize) -> Arc<Self> {
        Arc::new(Self { max, max_per_network, state: Mutex::default() })
    }

    /// Admits a new connection, and closes another one if there are too many. `None` if all connections are authenticated.
    pub fn admit(self: &Arc<Self>, peer: SocketAddr, is_proxy: bool, now: Instant) -> Option<Connection> {
        let peer = peer.ip().to_canonical();
        let network = client_address::network(peer);
        let mut state = self.lock();
        let of_network = state.unauthenticated.get(&network).map_or(0, BTreeSet::len);
        if !is_proxy && of_network >= self.max_per_network {
            state.close_oldest_of(network);
        }
        if state.open.len() >= self.max {
            let (largest, _) = state.unauthenticated.iter().max_by_key(|(_, ids)| ids.len())?;
            let largest = *largest;
            state.close_oldest_of(largest);
        }
        let (id, closed) = (state.next, CancellationToken::new());
        state.next += 1;
        state.open.insert(id, Open { network, unauthenticated_since: Some(now), closed: closed.clone() });
        state.unauthenticated.entry(network).or_default().insert((now, id));
        Some(Connection { all: Arc::clone(self), id, peer, closed })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connection {
    /// Marks the request in progress as authenticated: its signature, password, token or key is right.
    pub fn mark_authenticated(&self) {
        let mut state = self.all.lock();
        let Some(open) = state.open.get_mut(&self.id) else { return };
        if let Some(since) = open.unauthenticated_since.take() {
            let network = open.network;
            state.remove_unauthenticated(network, since, self.id);
        }
    }

    /// Marks the request as answered: the connection is unauthenticated until the next request is.
    pub fn mark_answered(&self, now: Instant) {
        let mut state = self.all.lock();
        let Some(open) = state.open.get_mut(&self.id) else { return };
        let (before, network) = (open.unauthenticated_since.replace(now), open.network);
        if let Some(since) = before {
            state.remove_unauthenticated(network, since, self.id);
        }
        state.unauthenticated.entry(network).or_default().insert((now, self.id));
    }

    /// Returns when this connection is to be closed for another one.
    pub async fn closed(&self) {
        self.closed.cancelled().await;
    }
}

impl State {
    fn close_oldest_of(&mut self, network: IpAddr) {
        if let Some((_, id)) = self.unauthenticated.get(&network).and_then(BTreeSet::first).copied() {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: u64) {
        let Some(open) = self.open.remove(&id) else { return };
        open.closed.cancel();
        if let Some(since) = open.unauthenticated_since {
            self.remove_unauthenticated(open.network, since, id);
        }
    }

    fn remove_unauthenticated(&mut self, network: IpAddr, since: Instant, id: u64) {
        if let Some(ids) = self.unauthenticated.get_mut(&network) {
            ids.remove(&(since, id));
            if ids.is_empty() {
                self.unauthenticated.remove(&network);
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
    fn the_longest_unauthenticated_connection_of_the_largest_network_is_closed() {
        let (all, began) = (Connections::new(4, 100), Instant::now());
        let at = |seconds| began + Duration::from_secs(seconds);
        let alone = all.admit(peer(1), false, at(0)).unwrap();
        let crowd: Vec<_> = (1..4).map(|n| all.admit(peer(2), false, at(n)).unwrap()).collect();
        crowd[0].mark_authenticated();
        let new = all.admit(peer(3), false, at(9)).unwrap();
        assert_eq!(
            [is_closed(&alone), is_closed(&crowd[0]), is_closed(&crowd[1]), is_closed(&crowd[2])],
            [false, false, true, false]
        );
        // An answered connection is unauthenticated from then on.
        crowd[0].mark_answered(at(10));
        let _other = all.admit(peer(4), false, at(11)).unwrap();
        assert!(is_closed(&crowd[2]) && !is_closed(&crowd[0]));
        drop(new);
        assert_eq!(all.lock().open.len(), 3);
    }

    #[test]
    fn if_all_connections_are_authenticated_a_new_one_is_not_admitted_until_one_ends() {
        let (all, now) = (Connections::new(2, 100), Instant::now());
        let both = [all.admit(peer(1), false, now).unwrap(), all.admit(peer(1), false, now).unwrap()];
        both.iter().for_each(Connection::mark_authenticated);
        assert!(all.admit(peer(2), false, now).is_none());
        drop(both);
        assert!(all.admit(peer(2), false, now).is_some());
        assert!(all.lock().open.is_empty() && all.lock().unauthenticated.is_empty());
    }

    #[test]
    fn a_network_has_a_limit_of_unauthenticated_connections_and_a_proxy_has_none() {
        let (all, now) = (Connections::new(100, 2), Instant::now());
        let ours: Vec<_> = (0..10).map(|_| all.admit(peer(1), true, now).unwrap()).collect();
        let theirs: Vec<_> = (0..10).map(|_| all.admit(peer(2), false, now).unwrap()).collect();
        assert_eq!(ours.iter().filter(|connection| is_closed(connection)).count(), 0);
        assert_eq!(theirs.iter().filter(|connection| is_closed(connection)).count(), 8);
    }
}
