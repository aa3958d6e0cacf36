//! The limit of bad requests from one network: above the limit per minute, they are answered 429 and not logged.
//!
//! **Invariants.**
//! - Only requests that are refused in any case are counted and answered 429. A request with a right signature or password is
//!   never refused here, whatever else came from its network, because several senders may receive requests from the same provider or
//!   proxy.
//! - Counts are kept by subject (such as a sender) and network (`client_address::network`). The table has a fixed size and is never emptied: two
//!   networks that share a slot reach the limit sooner.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::client_address;

const WINDOW: Duration = Duration::from_mins(1);
/// The number of slots in the table, of 24 bytes each.
const SLOTS: usize = 1 << 14;

/// The number of bad requests by sender and network in the current minute.
pub struct BadRequests {
    limit: u32,
    /// Seeded at random, so that clients cannot find out which networks share a slot.
    hash: RandomState,
    slots: Mutex<Vec<Option<Slot>>>,
}

#[derive(Clone, Copy)]
struct Slot {
    since: Instant,
    n: u32,
}

impl BadRequests {
    /// At most `limit` bad requests a minute are answered with their reason.
    pub fn new(limit: u32) -> Self {
        Self { limit, hash: RandomState::new(), slots: Mutex::new(vec![None; SLOTS]) }
    }

    /// Counts a bad request to a subject, such as a sender, or to none. Returns whether the limit of this minute is exceeded.
    pub fn count_exceeds_limit(&self, subject: Option<i64>, address: IpAddr, now: Instant) -> bool {
        let key = self.hash.hash_one((subject, client_address::network(address)));
        let Ok(index) = usize::try_from(key % SLOTS as u64) else { return false };
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(slot) = slots.get_mut(index) else { return false };
        let slot = match slot {
            Some(slot) if now < slot.since + WINDOW => slot,
            other => other.insert(Slot { since: now, n: 0 }),
        };
        slot.n = slot.n.saturating_add(1);
        slot.n > self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENDER: Option<i64> = Some(1);

    fn v4(n: u32) -> IpAddr {
        IpAddr::from(n.to_be_bytes())
    }

    #[test]
    fn the_limit_of_bad_requests_is_per_network_sender_and_minute() {
        let (limit, now) = (BadRequests::new(2), Instant::now());
        assert!(
            !limit.count_exceeds_limit(SENDER, v4(1), now) && !limit.count_exceeds_limit(SENDER, v4(1), now)
        );
        assert!(limit.count_exceeds_limit(SENDER, v4(1), now));
        assert!(!limit.count_exceeds_limit(Some(2), v4(1), now), "another sender");
        assert!(!limit.count_exceeds_limit(None, v4(1), now), "no sender");
        assert!(!limit.count_exceeds_limit(SENDER, v4(2), now), "another address");
        assert!(!limit.count_exceeds_limit(SENDER, v4(1), now + WINDOW), "another minute");
        let of_one_customer = |n: u16| IpAddr::from([0x2001, 0xdb8, 0, 7, n, n, n, n]);
        assert!(
            !limit.count_exceeds_limit(SENDER, of_one_customer(1), now)
                && !limit.count_exceeds_limit(SENDER, of_one_customer(2), now)
        );
        assert!(limit.count_exceeds_limit(SENDER, of_one_customer(3), now), "IPv6 is counted by /64");
    }

    #[test]
    fn a_hundred_thousand_addresses_do_not_reset_a_count() {
        let (limit, now) = (BadRequests::new(30), Instant::now());
        for _ in 0..31 {
            limit.count_exceeds_limit(SENDER, v4(1), now);
        }
        for n in 2..100_000 {
            limit.count_exceeds_limit(SENDER, v4(n), now);
        }
        assert!(limit.count_exceeds_limit(SENDER, v4(1), now));
    }
}
