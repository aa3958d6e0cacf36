//! When a request may leave: in a departure slot of the claim's lease, or in a new slot.
//!
//! The slots of a lease keep workers apart. A request that wakes up later than its slot allows does not leave in it. It takes
//! the next slot of its claim; if none is left, it leases a new one from PostgreSQL. So requests that a stall woke up together do
//! not leave together. On a slow network or a busy machine, all slots of a new lease may have passed when its answer arrives. Then the
//! worker asks for slots that begin later, by the time that the last answer was late, a quarter of it and [`MARGIN`].
//!
//! Slots that were leased before the sender's rate was lowered, or before its provider asked for a pause, are given up for
//! new ones. The same holds for recipients that were claimed while the sender had no rate.
//!
//! `governor` limits the whole process over all leases, spaces out requests that a stall made late, and keeps the pause that
//! WhatsApp asks for between two messages to one recipient.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use campaign::{CampaignId, Msisdn, Rate};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};
use store::{Claim, LeaseRequest, TimedLease};
use tokio::time::Instant;

use crate::sender_metrics::MissedSlot;
use crate::sender_worker::SenderWorker;

/// Meta's pair rate limit: one message to the same recipient in six seconds. It applies to a sender of any provider.
const PAIR_PAUSE: Duration = Duration::from_secs(6);

/// How long a sleep of one millisecond may take, because timers have millisecond resolution. Slots of that time may be used
/// together.
const SHORTEST_WAIT: Duration = Duration::from_millis(2);

/// Paces the departures of one sender in this process.
pub(crate) struct Pacer {
    limits: Mutex<Option<Arc<Limits>>>,
    pairs: DefaultKeyedRateLimiter<Msisdn>,
    sweeps: Sweeps,
}

impl Default for Pacer {
    fn default() -> Self {
        let quota = Quota::with_period(PAIR_PAUSE).unwrap_or(Quota::per_minute(NonZeroU32::MIN));
        Self {
            limits: Mutex::default(),
            pairs: RateLimiter::keyed(quota),
            sweeps: Sweeps::new(Instant::now()),
        }
    }
}

/// When to forget recipients whose pair pause is over. The search reads all known recipients, so it runs once in a
/// [`PAIR_PAUSE`].
struct Sweeps {
    next: Mutex<Instant>,
}

impl Sweeps {
    fn new(now: Instant) -> Self {
        Self { next: Mutex::new(now + PAIR_PAUSE) }
    }

    fn is_due(&self, now: Instant) -> bool {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = now >= *next;
        if is_due {
            *next = now + PAIR_PAUSE;
        }
        is_due
    }
}

impl Pacer {
    /// The rest of the pair pause, if this process sent to the recipient less than [`PAIR_PAUSE`] ago.
    pub(crate) fn pair_pause(&self, recipient: Msisdn) -> Option<Duration> {
        if self.sweeps.is_due(Instant::now()) {
            self.pairs.retain_recent();
        }
        let refused = self.pairs.check_key(&recipient).err()?;
        Some(refused.wait_time_from(DefaultClock::default().now()))
    }

    /// How long to wait because too many requests have left this process just now; `None` means that a permit was taken.
    fn too_many(&self, rate: Option<Rate>) -> Option<Duration> {
        let limits = self.limits(rate?)?;
        let refused = limits.spacing.check().and_then(|()| limits.rate.check()).err()?;
        Some(refused.wait_time_from(DefaultClock::default().now()))
    }

    /// The limits of this rate; a changed rate gets new limits.
    fn limits(&self, rate: Rate) -> Option<Arc<Limits>> {
        let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        if limits.as_ref().is_none_or(|known| known.of != rate) {
            *limits = Limits::of(rate).map(Arc::new);
        }
        limits.clone()
    }
}

/// Limits of this process, in addition to its leases.
struct Limits {
    of: Rate,
    /// See [`at_most`].
    rate: DefaultDirectRateLimiter,
    /// See [`spaced`].
    spacing: DefaultDirectRateLimiter,
}

impl Limits {
    fn of(rate: Rate) -> Option<Self> {
        Some(Self {
            of: rate,
            rate: RateLimiter::direct(at_most(rate)?),
            spacing: RateLimiter::direct(spaced(rate)?),
        })
    }
}

/// The rate. Its burst is the slots within one lateness and the burst of the sender: requests of two leases may leave together when one
/// lease is late and the next one is on time.
fn at_most(rate: Rate) -> Option<Quota> {
    let together = NonZeroU32::new(rate.permits_in(rate.lateness()).saturating_add(rate.burst()))?;
    // The clocks of database and process drift. At exactly the same rate, the limiter of a slow clock would delay requests more and more.
    Some(Quota::with_period(slot(rate).mul_f64(0.98))?.allow_burst(together))
}

/// Twice the rate: requests that a stall made late leave one after the other. If they left at once and a second stall hit
/// between the clock and the wire, all of them would arrive too late.
fn spaced(rate: Rate) -> Option<Quota> {
    let at_once = NonZeroU32::new(rate.permits_in(SHORTEST_WAIT * 2).saturating_add(1))?;
    Some(Quota::with_period(slot(rate) / 2)?.allow_burst(at_once))
}

fn slot(rate: Rate) -> Duration {
    rate.per() / rate.permits()
}

/// The departure slots of one claim, used in order.
pub(crate) struct Departures {
    queue: tokio::sync::Mutex<Queue>,
}

struct Queue {
    slots: TimedLease,
    waiting: u32,
    /// The epoch of the gate that the claim probes.
    probes: Option<i64>,
    /// Whether the slots are those of a new lease of which no slot was used.
    is_unused: bool,
}

/// Added to the start of a lease that follows a lease whose slots had all passed.
const MARGIN: Duration = Duration::from_millis(10);

/// Whether a request may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Departure {
    /// Now.
    Now,
    /// Not any more: there was no slot before the sender was stopped or the worker was told to stop.
    Missed,
}

impl Departures {
    /// The slots of a claim that was granted just now.
    pub(crate) fn of(claim: &Claim) -> Self {
        let waiting = u32::try_from(claim.rows.len()).unwrap_or(u32::MAX);
        let probes = claim.is_probe.then_some(claim.gate_epoch);
        let queue = Queue { slots: claim.slots, waiting, probes, is_unused: false };
        Self { queue: tokio::sync::Mutex::new(queue) }
    }

    /// Waits for the next slot of the claim.
    pub(crate) async fn next(&self, worker: &SenderWorker, campaign: CampaignId) -> Departure {
        let mut queue = self.queue.lock().await;
        let is_free = queue.slots.lease.rate().is_none() && !worker.is_outdated(&queue.slots);
        let departure = if is_free { Departure::Now } else { queue.next(worker, campaign).await };
        queue.waiting = queue.waiting.saturating_sub(1);
        departure
    }
}

impl Queue {
    async fn next(&mut self, worker: &SenderWorker, campaign: CampaignId) -> Departure {
        loop {
            let slot = if worker.is_outdated(&self.slots) {
                None
            } else {
                self.slots.lease.take_slot(self.slots.at.elapsed())
            };
            let Some(slot) = slot else {
                // A claim has a slot for each recipient: without a stall or a lowered rate, none is missing.
                worker.metrics.count_missed_slot(MissedSlot::Stall);
                let late = self.is_unused.then(|| self.slots.at.elapsed().mul_f64(1.25) + MARGIN);
                let ahead = late.unwrap_or_default();
                let request = LeaseRequest { n: self.waiting.max(1), ahead, probes: self.probes };
                let Some(slots) = worker.renew(campaign, request).await else {
                    return Departure::Missed;
                };
                self.slots = slots;
                self.is_unused = true;
                continue;
            };
            let at = self.slots.at + slot;
            if at > Instant::now() {
                tokio::time::sleep_until(at).await;
                if worker.is_outdated(&self.slots) {
                    continue;
                }
            }
            // A request that takes a permit of the limiter leaves; an unused permit would be missing to the next request.
            while self.slots.lease.keeps(slot, self.slots.at.elapsed()) {
                match worker.pacer.too_many(self.slots.lease.rate()) {
                    None => {
                        self.is_unused = false;
                        return Departure::Now;
                    }
                    Some(pause) => tokio::time::sleep(pause).await,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    #[test]
    fn requests_that_a_stall_made_late_are_spaced_out_at_twice_the_rate() {
        let left_by = |rate: &str, ms: u64| {
            let clock = FakeRelativeClock::default();
            let limiter =
                RateLimiter::direct_with_clock(spaced(rate.parse().unwrap()).unwrap(), clock.clone());
            let mut left = 0;
            for at in 0..=ms {
                left += (0..100).filter(|_| limiter.check().is_ok()).count();
                if at < ms {
                    clock.advance(Duration::from_millis(1));
                }
            }
            left
        };
        assert_eq!([left_by("1000/s,burst=20", 0), left_by("1000/s,burst=20", 10)], [5, 25]);
        assert_eq!([left_by("80/s", 0), left_by("80/s", 12), left_by("80/s", 13)], [2, 3, 4]);
    }

    #[test]
    fn late_requests_do_not_leave_together_although_the_burst_would_allow_it() {
        let (pacer, rate) = (Pacer::default(), Some("20/s,burst=20".parse().unwrap()));
        let left = (0..39).filter(|_| pacer.too_many(rate).is_none()).count();
        assert!((1..10).contains(&left), "{left}");
    }

    #[test]
    fn recipients_whose_pause_is_over_are_searched_for_once_in_a_pause() {
        let start = Instant::now();
        let sweeps = Sweeps::new(start);
        let asked: Vec<bool> =
            (0..30).map(|second| sweeps.is_due(start + Duration::from_secs(second))).collect();
        let due: Vec<usize> = (0..30).filter(|second| asked[*second]).collect();
        assert_eq!(due, [6, 12, 18, 24]);
    }
}
