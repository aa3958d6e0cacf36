//! Leaving on time: in a slot of the lease, or in a new one.
//!
//! A lease's slots keep workers apart. A request that wakes up later than its slot allows does not leave in it: it takes
//! the next slot of its batch, and when there is none left, a new one from the database. So requests that a stall woke
//! up together do not leave together. `governor` counts the same once more for the whole process, over all leases, and
//! keeps the pause that WhatsApp wants between two messages to one recipient.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use campaign::{CampaignId, Msisdn, Rate};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, Quota, RateLimiter};
use store::{Claim, LeasedAt};
use tokio::time::Instant;

use crate::lane::Lane;

/// Meta's pair limit: one message to the same recipient in six seconds; a sender has it whoever its provider is.
const PAIR_PAUSE: Duration = Duration::from_secs(6);

/// Paces the departures of one sender in this process.
pub(crate) struct Pace {
    limiter: Mutex<Option<(Rate, Arc<DefaultDirectRateLimiter>)>>,
    pairs: DefaultKeyedRateLimiter<Msisdn>,
    sweeps: Sweeps,
}

impl Default for Pace {
    fn default() -> Self {
        let quota = Quota::with_period(PAIR_PAUSE).unwrap_or(Quota::per_minute(NonZeroU32::MIN));
        Self {
            limiter: Mutex::default(),
            pairs: RateLimiter::keyed(quota),
            sweeps: Sweeps::new(Instant::now()),
        }
    }
}

/// When recipients of long ago are forgotten. Looking for them goes through everybody, so it is done once in a while,
/// whatever their number: a fast sender has more of them than any number one would choose.
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

impl Pace {
    /// How long this recipient must be left alone, if somebody wrote to them moments ago.
    pub(crate) fn pair_pause(&self, recipient: Msisdn) -> Option<Duration> {
        if self.sweeps.is_due(Instant::now()) {
            self.pairs.retain_recent();
        }
        let refused = self.pairs.check_key(&recipient).err()?;
        Some(refused.wait_time_from(DefaultClock::default().now()))
    }

    /// How long to wait because too many left this process just now; `None` takes a permit.
    fn too_many(&self, rate: Option<Rate>) -> Option<Duration> {
        let refused = self.limiter(rate?)?.check().err()?;
        Some(refused.wait_time_from(DefaultClock::default().now()))
    }

    /// The limiter of this rate; a changed rate makes a new one.
    fn limiter(&self, rate: Rate) -> Option<Arc<DefaultDirectRateLimiter>> {
        let mut limiter = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, limiter)) = &*limiter
            && *known == rate
        {
            return Some(Arc::clone(limiter));
        }
        // Two leases may meet within their lateness; more than that never leaves together.
        let together = NonZeroU32::new(rate.permits_in(rate.lateness()).saturating_add(rate.burst()))?;
        // The database clock and ours do not run alike; at the very same rate the slower one would fall behind for ever.
        let quota = Quota::with_period((rate.per() / rate.permits()).mul_f64(0.98))?;
        let made = Arc::new(RateLimiter::direct(quota.allow_burst(together)));
        *limiter = Some((rate, Arc::clone(&made)));
        Some(made)
    }
}

/// The departures of one claim, in their order.
pub(crate) struct Departures {
    queue: tokio::sync::Mutex<Queue>,
}

struct Queue {
    slots: LeasedAt,
    waiting: u32,
}

/// Whether a request may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Departure {
    /// Now.
    Now,
    /// Not any more: the sender was stopped, or the worker is, before it had a slot.
    Missed,
}

impl Departures {
    /// Of a claim granted just now.
    pub(crate) fn of(claim: &Claim) -> Self {
        let waiting = u32::try_from(claim.rows.len()).unwrap_or(u32::MAX);
        Self { queue: tokio::sync::Mutex::new(Queue { slots: claim.slots, waiting }) }
    }

    /// Waits for the next slot of the claim.
    pub(crate) async fn next(&self, lane: &Lane, campaign: CampaignId) -> Departure {
        let mut queue = self.queue.lock().await;
        if queue.slots.lease.rate().is_none() {
            return Departure::Now;
        }
        let departure = queue.next(lane, campaign).await;
        queue.waiting = queue.waiting.saturating_sub(1);
        departure
    }
}

impl Queue {
    async fn next(&mut self, lane: &Lane, campaign: CampaignId) -> Departure {
        loop {
            let Some(slot) = self.slots.lease.take_slot(self.slots.at.elapsed()) else {
                let Some(slots) = lane.renew(campaign, self.waiting).await else { return Departure::Missed };
                self.slots = slots;
                continue;
            };
            let at = self.slots.at + slot;
            if at > Instant::now() {
                tokio::time::sleep_until(at).await;
            }
            // Whoever asks the limiter leaves: a permit that is taken and not used would be missed by the next.
            while self.slots.lease.keeps(slot, self.slots.at.elapsed()) {
                match lane.pace.too_many(self.slots.lease.rate()) {
                    None => return Departure::Now,
                    Some(pause) => tokio::time::sleep(pause).await,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_of_long_ago_are_looked_for_once_in_a_pause() {
        let start = Instant::now();
        let sweeps = Sweeps::new(start);
        let asked: Vec<bool> =
            (0..30).map(|second| sweeps.is_due(start + Duration::from_secs(second))).collect();
        let due: Vec<usize> = (0..30).filter(|second| asked[*second]).collect();
        assert_eq!(due, [6, 12, 18, 24]);
    }
}
