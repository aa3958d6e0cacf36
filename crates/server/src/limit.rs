//! Bad requests of one address: beyond so many a minute they are answered 429 and not logged.
//!
//! **Invariants.**
//! - Only requests that are refused anyway are counted and answered so. A post whose signature or password is right is never
//!   refused here, whatever else came from its address: the posts of all senders may come from the addresses of one provider, or
//!   of one proxy.
//! - Counts are kept by sender and network (`address::network`). The table has a fixed size and is never emptied: where two
//!   share a place, both are refused with 429 sooner.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use campaign::SenderId;
use tokio::time::Instant;

use crate::address;

const WINDOW: Duration = Duration::from_mins(1);
/// Places of the table, of 24 bytes each.
const PLACES: usize = 1 << 14;

/// How many bad requests came to whom from where.
pub(crate) struct BadRequests {
    at_most: u32,
    /// Nobody outside can tell which addresses share a place.
    hash: RandomState,
    places: Mutex<Vec<Option<Place>>>,
}

#[derive(Clone, Copy)]
struct Place {
    since: Instant,
    n: u32,
}

impl BadRequests {
    pub(crate) fn new(at_most: u32) -> Self {
        Self { at_most, hash: RandomState::new(), places: Mutex::new(vec![None; PLACES]) }
    }

    /// Counts a bad request, to a sender or to an address that is none's. Returns whether there were enough within this minute.
    pub(crate) fn is_beyond(&self, sender: Option<SenderId>, address: IpAddr, now: Instant) -> bool {
        let key = self.hash.hash_one((sender.map(|sender| sender.0), address::network(address)));
        let Ok(index) = usize::try_from(key % PLACES as u64) else { return false };
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(place) = places.get_mut(index) else { return false };
        let place = match place {
            Some(place) if now < place.since + WINDOW => place,
            other => other.insert(Place { since: now, n: 0 }),
        };
        place.n = place.n.saturating_add(1);
        place.n > self.at_most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENDER: Option<SenderId> = Some(SenderId(1));

    fn v4(n: u32) -> IpAddr {
        IpAddr::from(n.to_be_bytes())
    }

    #[test]
    fn a_network_has_its_bad_requests_a_minute_for_each_sender() {
        let (limit, now) = (BadRequests::new(2), Instant::now());
        assert!(!limit.is_beyond(SENDER, v4(1), now) && !limit.is_beyond(SENDER, v4(1), now));
        assert!(limit.is_beyond(SENDER, v4(1), now));
        assert!(!limit.is_beyond(Some(SenderId(2)), v4(1), now), "another sender");
        assert!(!limit.is_beyond(None, v4(1), now), "no sender");
        assert!(!limit.is_beyond(SENDER, v4(2), now), "another address");
        assert!(!limit.is_beyond(SENDER, v4(1), now + WINDOW), "another minute");
        let of_one_customer = |n: u16| IpAddr::from([0x2001, 0xdb8, 0, 7, n, n, n, n]);
        assert!(
            !limit.is_beyond(SENDER, of_one_customer(1), now)
                && !limit.is_beyond(SENDER, of_one_customer(2), now)
        );
        assert!(limit.is_beyond(SENDER, of_one_customer(3), now), "IPv6 is counted by /64");
    }

    #[test]
    fn a_hundred_thousand_addresses_do_not_empty_the_table() {
        let (limit, now) = (BadRequests::new(30), Instant::now());
        for _ in 0..31 {
            limit.is_beyond(SENDER, v4(1), now);
        }
        for n in 2..100_000 {
            limit.is_beyond(SENDER, v4(n), now);
        }
        assert!(limit.is_beyond(SENDER, v4(1), now));
    }
}
