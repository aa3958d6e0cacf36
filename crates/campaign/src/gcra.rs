//! Leases of the generic cell rate algorithm: which departure slots a worker has.
//!
//! The theoretical arrival time (TAT) of a sender is one row in the database; a lease of n permits moves it on by the
//! time of n permits, under the row's lock. The slots of two leases are therefore disjoint whoever holds them (ITU-T
//! I.371 names the algorithm; design decision 5).

use std::time::Duration;

use crate::rate::Rate;

/// Departure slots that no other worker has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// From the moment of the lease to its first slot.
    pub first_in: Duration,
    /// The rate the slots were given at; `None` when the sender has no limit.
    pub rate: Option<Rate>,
}

impl Lease {
    /// How long after the moment of the lease the request number `index` (from 0) may leave.
    ///
    /// A burst lets the requests leave up to `burst - 1` intervals before their theoretical time, never before now.
    pub fn departure(&self, index: u32) -> Duration {
        let Some(rate) = self.rate else { return Duration::ZERO };
        (self.first_in + rate.time_of(index)).saturating_sub(rate.time_of(rate.burst() - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the database row does: the first slot of this lease, and the TAT after it, all in microseconds.
    fn grant(tat: u64, now: u64, n: u32, rate: Rate) -> (Lease, u64) {
        let start = tat.max(now);
        let lease = Lease { first_in: Duration::from_micros(start - now), rate: Some(rate) };
        (lease, start + u64::try_from(rate.time_of(n).as_micros()).unwrap())
    }

    proptest! {
        #[test]
        fn no_window_holds_more_than_the_rate_and_the_burst(
            permits in 1..2_000u32,
            burst in 1..20u32,
            leases in prop::collection::vec((0..300_000u64, 1..40u32), 1..40),
            window in 1_000..5_000_000u64,
        ) {
            let rate = Rate::new(permits, Duration::from_secs(1), burst).unwrap();
            let (mut now, mut tat) = (0, 0);
            let mut departures = Vec::new();
            for (pause, n) in leases {
                now += pause;
                let (lease, next) = grant(tat, now, n, rate);
                departures.extend((0..n).map(|i| now + u64::try_from(lease.departure(i).as_micros()).unwrap()));
                tat = next;
            }
            departures.sort_unstable();
            let allowed = u64::from(permits) * window / 1_000_000 + u64::from(burst);
            for (i, first) in departures.iter().enumerate() {
                let inside = departures[i..].iter().take_while(|at| **at < first + window).count() as u64;
                prop_assert!(inside <= allowed, "{inside} in {window} µs, allowed {allowed}");
            }
        }
    }

    #[test]
    fn a_sender_without_a_limit_departs_at_once() {
        let lease = Lease { first_in: Duration::ZERO, rate: None };
        assert_eq!(lease.departure(199), Duration::ZERO);
    }

    #[test]
    fn slots_are_spaced_by_the_rate() {
        let lease = Lease { first_in: Duration::from_millis(5), rate: "20/s".parse().ok() };
        assert_eq!(lease.departure(0), Duration::from_millis(5));
        assert_eq!(lease.departure(3), Duration::from_millis(155));
    }
}
