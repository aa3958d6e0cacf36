//! Permits: departure slots of a sender's rate, a campaign's own rate and the recipients of a day, all or none of them.
//!
//! The rows of the limits are locked first, the campaign's before its sender's, and looked at as they are then; so a
//! permit is never counted by one limit and refused by another. The sender's slots are the departure times. Their start
//! satisfies the campaign's rate as well: it takes its permits in bunches of one lease.

use std::sync::LazyLock;
use std::time::Duration;

use campaign::{CampaignId, Lease, Rate, SenderId};
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_postgres::Row;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::sql::expand;
use crate::db::volume::written_for;
use crate::senders::rate::rate_of;
use crate::sending::fragments::FRAGMENTS;

/// The time of the rate that a worker leases at once: a slow rate is not hoarded.
const LEASED: Duration = Duration::from_millis(100);

/// What became of the wish for slots of recipients that are claimed already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum LeaseAnswer {
    /// These slots.
    Granted(TimedLease),
    /// The rate is used up for now; ask again after this time.
    Wait(Duration),
    /// The rate has become lower: ask for as many at most.
    TooMany(u32),
    /// The sender is stopped.
    Held,
}

/// Departure slots, and when on this process's clock they were given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedLease {
    /// The slots.
    pub lease: Lease,
    /// The moment they are counted from.
    pub at: Instant,
}

pub(crate) static STATEMENT: LazyLock<String> =
    LazyLock::new(|| expand(include_str!("lease.sql"), FRAGMENTS));

impl Store {
    /// Slots for `n` recipients that were claimed and lost theirs because the worker stood still; none when their campaign
    /// does not run any more.
    pub async fn lease(&self, sender: SenderId, campaign: CampaignId, n: u32) -> Result<LeaseAnswer, Error> {
        let client = self.client().await?;
        let prepared = client.prepare_cached(&written_for(campaign, &STATEMENT)).await?;
        let asked = Instant::now();
        let Some(row) = client.query_opt(&prepared, &[&i64::from(n), &sender.0]).await? else {
            return Ok(LeaseAnswer::Held);
        };
        Ok(match (row.get::<_, Option<i64>>("epoch"), row.get("open")) {
            (Some(_), _) => LeaseAnswer::Granted(self.read_lease(&row, n, asked)),
            (None, false) => LeaseAnswer::Held,
            (None, true) => read_wait(&row),
        })
    }

    /// The granted slots, in an answer that was asked for at `asked` and came just now.
    pub(crate) fn read_lease(&self, row: &Row, n: u32, asked: Instant) -> TimedLease {
        let rate = rate_of(row.get("slow_permits"), row.get("slow_per_us"), row.get("burst"));
        let (starts_at, permitted_at): (Timestamp, Timestamp) =
            (row.get("starts_at"), row.get("permitted_at"));
        let ahead = starts_at.as_microsecond() - permitted_at.as_microsecond();
        let distance = Duration::from_micros(ahead.unsigned_abs());
        let permitted = self.local_time(asked, permitted_at);
        // A slot that began while the statement ran is counted from its beginning.
        let (first_in, at) = if ahead < 0 {
            (Duration::ZERO, permitted.checked_sub(distance).unwrap_or(permitted))
        } else {
            (distance, permitted)
        };
        TimedLease { lease: Lease::new(first_in, rate, n), at }
    }
}

/// What to do about a gate that is open and grants nothing now.
pub(crate) fn read_wait(row: &Row) -> LeaseAnswer {
    let rate = rate_of(row.get("at_permits"), row.get("at_per_us"), Some(1));
    if let (true, Some(rate)) = (row.get("is_too_long"), rate) {
        return LeaseAnswer::TooMany(permits_per_lease(rate));
    }
    LeaseAnswer::Wait(wait_for(row.get("wait_us")))
}

/// How long to wait. When another worker took the permits between the look and the lock, none is left: look again soon.
pub(crate) fn wait_for(wait_us: i64) -> Duration {
    Duration::from_micros(u64::try_from(wait_us).unwrap_or(0)).max(Duration::from_millis(1))
}

/// How many permits of this rate a worker takes at once: a tenth of a second of it, so that no worker hoards it.
pub fn permits_per_lease(rate: Rate) -> u32 {
    rate.permits_in(LEASED)
}
