//! Leaving on time: the slots of the lease, and no bunching after a stall.
//!
//! A lease's slots keep workers apart. Inside this process `governor` spaces the departures as well, so that requests
//! that woke up late together do not leave together.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use campaign::{Lease, Rate};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::time::Instant;

/// Paces the departures of one sender in this process.
#[derive(Default)]
pub(crate) struct Pace {
    limiter: Mutex<Option<(Rate, Arc<DefaultDirectRateLimiter>)>>,
}

impl Pace {
    /// Waits for the slot number `index` of a lease granted at `granted`.
    pub(crate) async fn departure(&self, lease: Lease, granted: Instant, index: usize) {
        let Some(rate) = lease.rate else { return };
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        tokio::time::sleep_until(granted + lease.departure(index)).await;
        if let Some(limiter) = self.limiter(rate) {
            limiter.until_ready().await;
        }
    }

    /// The limiter of this rate; a changed rate makes a new one.
    fn limiter(&self, rate: Rate) -> Option<Arc<DefaultDirectRateLimiter>> {
        let mut limiter = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, limiter)) = &*limiter
            && *known == rate
        {
            return Some(Arc::clone(limiter));
        }
        let quota = Quota::with_period(rate.per() / rate.permits())?;
        let made = Arc::new(RateLimiter::direct(quota.allow_burst(NonZeroU32::new(rate.burst())?)));
        *limiter = Some((rate, Arc::clone(&made)));
        Some(made)
    }
}
