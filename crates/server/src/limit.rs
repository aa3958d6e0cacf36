//! Bad requests by address: so many in a minute are looked at, further ones are not.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const WINDOW: Duration = Duration::from_mins(1);
/// How many addresses are remembered; beyond it all are forgotten, which bounds the memory.
const MOST_ADDRESSES: usize = 10_000;

/// How many bad requests came from whom.
pub(crate) struct BadRequests {
    at_most: u32,
    seen: Mutex<HashMap<IpAddr, (Instant, u32)>>,
}

impl BadRequests {
    pub(crate) fn new(at_most: u32) -> Self {
        Self { at_most, seen: Mutex::default() }
    }

    /// Whether this address had its share.
    pub(crate) fn is_over(&self, address: IpAddr, now: Instant) -> bool {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(&address).is_some_and(|(since, n)| now < *since + WINDOW && *n >= self.at_most)
    }

    /// Notes a bad request.
    pub(crate) fn note(&self, address: IpAddr, now: Instant) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= MOST_ADDRESSES && !seen.contains_key(&address) {
            seen.clear();
        }
        let (since, n) = seen.entry(address).or_insert((now, 0));
        if now >= *since + WINDOW {
            (*since, *n) = (now, 0);
        }
        *n += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_share_a_minute() {
        let (limit, one, other) =
            (BadRequests::new(2), IpAddr::from([1, 1, 1, 1]), IpAddr::from([2, 2, 2, 2]));
        let (now, later) = (Instant::now(), Instant::now() + WINDOW);
        limit.note(one, now);
        assert!(!limit.is_over(one, now));
        limit.note(one, now);
        assert!(limit.is_over(one, now) && !limit.is_over(other, now));
        assert!(!limit.is_over(one, later));
        limit.note(one, later);
        assert!(!limit.is_over(one, later));
    }
}
