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
use store::{Claim, Leased, LeasedAt};
use tokio::time::Instant;

use crate::lane::Lane;

/// Meta's pair limit: one message to the same recipient in six seconds; a sender has it whoever its provider is.
const PAIR_PAUSE: Duration = Duration::from_secs(6);
/// After so many recipients those of long ago are forgotten.
const PAIRS_KEPT: usize = 100_000;

/// Paces the departures of one sender in this process.
pub(crate) struct Pace {
    limiter: Mutex<Option<(Rate, Arc<DefaultDirectRateLimiter>)>>,
    pairs: DefaultKeyedRateLimiter<Msisdn>,
}

impl Default for Pace {
    fn default() -> Self {
        let quota = Quota::with_period(PAIR_PAUSE).unwrap_or(Quota::per_minute(NonZeroU32::MIN));
        Self { limiter: Mutex::default(), pairs: RateLimiter::keyed(quota) }
    }
}

impl Pace {
    /// How long this recipient must be left alone, if somebody wrote to them moments ago.
    pub(crate) fn pair_pause(&self, recipient: Msisdn) -> Option<Duration> {
        if self.pairs.len() > PAIRS_KEPT {
            self.pairs.retain_recent();
        }
        let refused = self.pairs.check_key(&recipient).err()?;
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
        let quota = Quota::with_period(rate.per() / rate.permits())?;
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
                match self.renew(lane, campaign).await {
                    Departure::Now => continue,
                    Departure::Missed => return Departure::Missed,
                }
            };
            let at = self.slots.at + slot;
            if at > Instant::now() {
                tokio::time::sleep_until(at).await;
            }
            if let Some(limiter) = self.slots.lease.rate().and_then(|rate| lane.pace.limiter(rate)) {
                while let Err(too_many) = limiter.check() {
                    tokio::time::sleep(too_many.wait_time_from(DefaultClock::default().now())).await;
                }
            }
            if self.slots.lease.keeps(slot, self.slots.at.elapsed()) {
                return Departure::Now;
            }
        }
    }

    /// Takes new slots for those that still wait.
    async fn renew(&mut self, lane: &Lane, campaign: CampaignId) -> Departure {
        let mut wanted = self.waiting.max(1);
        while !lane.shutdown.is_cancelled() {
            match lane.lease(campaign, wanted).await {
                Ok(Leased::Granted(slots)) => {
                    self.slots = slots;
                    return Departure::Now;
                }
                Ok(Leased::Wait(time)) => lane.pause(time).await,
                Ok(Leased::TooMany(at_most)) => wanted = at_most.min(wanted - 1).max(1),
                Ok(Leased::Held) | Err(_) => return Departure::Missed,
            }
        }
        Departure::Missed
    }
}
