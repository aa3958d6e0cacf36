//! Leases of departure slots by the generic cell rate algorithm (ITU-T I.371).
//!
//! The theoretical arrival time (TAT) of a sender is one row in PostgreSQL. A lease of n permits advances it by the
//! time of n permits, under the row's lock. So the slots of all leases are disjoint, whichever worker has them.
//!
//! **Invariant.** A request leaves in its slot or at most [`Rate::lateness`] after it, otherwise it gives the slot up.
//! So in every window no more requests leave than fit into the window plus the lateness, however long a worker is
//! suspended.
//!
//! **Invariant.** After a change of the rate, the next slot comes one slot of the new rate after the last leased slot.
//! So a window with slots of both rates holds no more than the faster rate allows, and a raised rate is used at once.

use std::time::Duration;

use crate::pacing::rate::Rate;

/// Departure slots that belong to one worker, each usable once, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The time from the start of the lease to its first slot.
    first_in: Duration,
    /// `None` if the sender has no rate.
    rate: Option<Rate>,
    next: u32,
    n: u32,
}

impl Lease {
    /// `n` slots at this rate; the first one is `first_in` after the start of the lease.
    pub fn new(first_in: Duration, rate: Option<Rate>, n: u32) -> Self {
        Self { first_in, rate, next: 0, n }
    }

    /// The rate of the slots; `None` if the sender has no rate.
    pub fn rate(&self) -> Option<Rate> {
        self.rate
    }

    /// The time from the start of the lease to the end of its last slot; `None` if the sender has no rate.
    pub fn span(&self) -> Option<Duration> {
        Some(self.first_in + self.rate?.time_of(self.n))
    }

    /// Takes the next slot that a request can still use at `elapsed` after the start of the lease; earlier slots are
    /// lost. `None` if no slot is left.
    pub fn take_slot(&mut self, elapsed: Duration) -> Option<Duration> {
        let slot = match self.rate {
            None => Duration::ZERO,
            Some(rate) => {
                let too_late = elapsed.saturating_sub(rate.lateness()).saturating_sub(self.first_in);
                self.next = self.next.max(rate.first_not_before(too_late));
                self.first_in + rate.time_of(self.next)
            }
        };
        if self.next >= self.n {
            return None;
        }
        self.next += 1;
        Some(slot)
    }

    /// Whether a request with this slot may still leave.
    pub fn keeps(&self, slot: Duration, elapsed: Duration) -> bool {
        self.rate.is_none_or(|rate| elapsed <= slot + rate.lateness())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Simulates the database row: the first slot of this lease, and the TAT after it, in microseconds.
    fn grant(tat: u64, now: u64, n: u32, rate: Rate) -> (Lease, u64) {
        let start = tat.max(now);
        let lease = Lease::new(Duration::from_micros(start - now), Some(rate), n);
        (lease, start + micros(rate.time_of(n)))
    }

    /// The longest time until a lease begins, and the longest lease of several slots, in microseconds.
    const MAX_AHEAD: u64 = 500_000;
    const LONGEST: u64 = 250_000;

    /// The database row of a sender whose rate changes; times in microseconds.
    struct GateRow {
        tat: u64,
        rate: Rate,
    }

    impl GateRow {
        /// Leases `n` slots at the rate divided by `slowness`, as after a throttle answer. Grants nothing if that is
        /// too much or too far ahead. A slot is its time and the distance of slots at the whole rate.
        fn lease(&mut self, now: u64, n: u32, slowness: u32) -> Vec<(u64, u64)> {
            let rate = Rate::new(self.rate.permits(), self.rate.per() * slowness, 1).unwrap();
            let is_granted = self.tat <= now + MAX_AHEAD && (n == 1 || micros(rate.time_of(n)) <= LONGEST);
            if !is_granted {
                return Vec::new();
            }
            let start = self.tat.max(now);
            self.tat = start + micros(rate.time_of(n));
            (0..n).map(|slot| (start + micros(rate.time_of(slot)), micros(self.rate.time_of(1)))).collect()
        }

        /// Simulates `set_rate`.
        fn change(&mut self, now: u64, rate: Rate) {
            let last_slot = self.tat.saturating_sub(micros(self.rate.time_of(1)));
            self.tat = last_slot.min(now + MAX_AHEAD + LONGEST) + micros(rate.time_of(1));
            self.rate = rate;
        }
    }

    #[derive(Clone, Debug)]
    enum Event {
        Lease(u32, u32),
        Change(Rate),
    }

    fn any_rate() -> impl Strategy<Value = Rate> {
        let per = prop_oneof![Just(1), Just(10), Just(3_600)].prop_map(Duration::from_secs);
        (1..2_000u32, per).prop_map(|(permits, per)| Rate::new(permits, per, 1).unwrap())
    }

    fn any_event() -> impl Strategy<Value = Event> {
        prop_oneof![
            3 => (1..200u32, prop_oneof![3 => Just(1), 1 => 1..64u32]).prop_map(|(n, slow)| Event::Lease(n, slow)),
            3 => Just(Event::Lease(1, 1)),
            1 => any_rate().prop_map(Event::Change),
        ]
    }

    fn micros(time: Duration) -> u64 {
        u64::try_from(time.as_micros()).unwrap()
    }

    /// When the requests of a lease leave if each one wakes up this much after its slot. A request that is too late
    /// never leaves.
    fn departures(mut lease: Lease, stalls: &[u64]) -> Vec<u64> {
        let (mut elapsed, mut left) = (0, Vec::new());
        for stall in stalls {
            let Some(slot) = lease.take_slot(Duration::from_micros(elapsed)) else { break };
            elapsed = elapsed.max(micros(slot)) + stall;
            if lease.keeps(slot, Duration::from_micros(elapsed)) {
                left.push(elapsed);
            }
        }
        left
    }

    proptest! {
        #[test]
        fn no_window_holds_more_than_the_rate_and_the_burst_however_long_workers_stall(
            permits in 1..2_000u32,
            burst in 1..20u32,
            leases in prop::collection::vec((0..300_000u64, prop::collection::vec(0..30_000u64, 1..40)), 1..40),
            window in 1_000..5_000_000u64,
        ) {
            let rate = Rate::new(permits, Duration::from_secs(1), burst).unwrap();
            let (mut now, mut tat) = (0, 0);
            let mut all = Vec::new();
            for (pause, stalls) in leases {
                now += pause;
                let (lease, next) = grant(tat, now, u32::try_from(stalls.len()).unwrap(), rate);
                all.extend(departures(lease, &stalls).into_iter().map(|at| now + at));
                tat = next;
            }
            all.sort_unstable();
            let in_window = (u64::from(permits) * window).div_ceil(1_000_000);
            let in_lateness = u64::from(permits) * micros(rate.lateness()) / 1_000_000 + 1;
            let allowed = in_window + u64::from(burst).max(in_lateness);
            for (i, first) in all.iter().enumerate() {
                let inside = all[i..].iter().take_while(|at| **at < first + window).count() as u64;
                prop_assert!(inside <= allowed, "{inside} in {window} µs, allowed {allowed}");
            }
        }

        #[test]
        fn a_second_stall_of_a_quarter_of_the_burst_does_not_exceed_the_rate_either(
            permits in 100..2_000u32,
            burst in 10..40u32,
            window in 1_000..500_000u64,
        ) {
            let rate = Rate::new(permits, Duration::from_secs(1), burst).unwrap();
            let way = micros(rate.time_of(burst - 1)) / 4;
            // The first request wakes up as late as allowed. Requests that leave while it is on its way arrive together
            // with it.
            let mut stalls = vec![0; 1_200];
            stalls[0] = micros(rate.lateness());
            let end_of_way = stalls[0] + way;
            let left = departures(Lease::new(Duration::ZERO, Some(rate), 1_200), &stalls);
            let arrived = left.into_iter().map(|at| at.max(end_of_way));
            let inside = arrived.filter(|at| *at < end_of_way + window).count() as u64;
            let allowed = (u64::from(permits) * window).div_ceil(1_000_000) + u64::from(burst);
            prop_assert!(inside <= allowed, "{inside} in {window} µs, allowed {allowed}");
        }

        #[test]
        fn a_window_over_changes_of_the_rate_holds_no_more_than_the_fastest_rate_allows(
            first in any_rate(),
            events in prop::collection::vec((prop_oneof![0..2_000u64, 0..2_000_000u64], any_event()), 1..60),
        ) {
            let (mut now, mut row) = (1_000_000_000, GateRow { tat: 0, rate: first });
            let mut slots: Vec<(u64, u64)> = Vec::new();
            for (pause, event) in events {
                now += pause;
                match event {
                    Event::Lease(n, slowness) => slots.extend(row.lease(now, n, slowness)),
                    Event::Change(rate) => {
                        row.change(now, rate);
                        let latest = now + MAX_AHEAD + LONGEST + micros(rate.time_of(1));
                        prop_assert!(row.tat <= latest, "the next slot is {} µs too far ahead", row.tat - latest);
                    }
                }
            }
            for (i, (from, _)) in slots.iter().enumerate() {
                let mut fastest = u64::MAX;
                for (inside, (at, distance)) in (1..).zip(&slots[i + 1..]) {
                    fastest = fastest.min(*distance);
                    // Each lease is rounded up to the microsecond.
                    let allowed = (at - from + inside) / fastest;
                    prop_assert!(inside <= allowed, "{inside} slots behind one at {from}, allowed {allowed}");
                }
            }
        }

        #[test]
        fn a_worker_that_is_on_time_uses_every_slot(permits in 1..5_000u32, first in 0..200_000u64, n in 1..200u32) {
            let rate = Rate::new(permits, Duration::from_secs(1), 1).unwrap();
            let lease = Lease::new(Duration::from_micros(first), Some(rate), n);
            prop_assert_eq!(departures(lease, &vec![100; n as usize]).len(), n as usize);
        }
    }

    #[test]
    fn a_sender_without_a_rate_sends_at_once() {
        let mut lease = Lease::new(Duration::ZERO, None, 2);
        let late = Duration::from_secs(9);
        assert_eq!([lease.take_slot(late), lease.take_slot(late)], [Some(Duration::ZERO); 2]);
        assert_eq!(lease.take_slot(late), None);
        assert!(lease.keeps(Duration::ZERO, late));
    }

    #[test]
    fn missed_slots_are_lost_and_the_others_are_kept() {
        let ms = Duration::from_millis;
        let mut lease = Lease::new(ms(5), "20/s".parse().ok(), 4);
        assert_eq!(lease.take_slot(ms(0)), Some(ms(5)));
        assert!(lease.keeps(ms(5), ms(30)) && !lease.keeps(ms(5), ms(31)));
        // The slots at 55 and 105 are lost; the slot at 155 is late by less than the lateness.
        assert_eq!(lease.take_slot(ms(175)), Some(ms(155)));
        assert_eq!(lease.take_slot(ms(175)), None);
    }
}
