//! Permits: departure slots of the rate of a sender, permits of the rate of a campaign, and recipients of the daily cap. All or
//! none are taken.
//!
//! The rows of the limits are locked first, the row of the campaign before the row of its sender, and read under the lock. So a
//! permit is never counted by one limit and refused by another. The slots of the sender are the departure times. The first slot
//! also satisfies the rate of the campaign; the other slots of the lease follow at the rate of the sender.

use std::sync::LazyLock;
use std::time::Duration;

use campaign::{CampaignId, Lease, Rate, SenderId};
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::metrics;
use crate::db::sql::expand;
use crate::db::volume::{of_campaign, written_for};
use crate::senders::rate::{MOST_AHEAD, rate_of};
use crate::sending::fragments::{FRAGMENTS, OF_LEASE};

/// The time for which a worker leases slots at once. With a longer time one worker would hold the slots of the others.
const LEASED: Duration = Duration::from_millis(100);

/// The answer to a request for slots of recipients that are already claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum LeaseAnswer {
    /// The granted slots.
    Granted(TimedLease),
    /// The rate is used up for now; ask again after this time.
    Wait(Duration),
    /// The rate was lowered: ask for at most this many slots.
    TooMany(u32),
    /// The sender is stopped, or the database is not the confirmed one.
    Held,
}

/// Departure slots and their local start time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimedLease {
    /// The slots.
    pub lease: Lease,
    /// The local time from which the slots are counted.
    pub at: Instant,
}

impl TimedLease {
    /// The local time from which PostgreSQL grants more permits to this worker, if no other worker takes some; `None` if the
    /// sender has no rate.
    pub fn next_at(&self) -> Option<Instant> {
        let end = self.at + self.lease.span()?;
        Some(end.checked_sub(MOST_AHEAD).unwrap_or(end))
    }
}

pub(crate) static STATEMENT: LazyLock<String> =
    LazyLock::new(|| of_campaign(5, &expand(&expand(include_str!("lease.sql"), FRAGMENTS), OF_LEASE)));

/// A wish for departure slots of recipients that are claimed already.
#[derive(Clone, Copy, Debug)]
pub struct LeaseRequest {
    /// How many slots.
    pub n: u32,
    /// How far ahead the first slot is at least, so that it has not passed when the answer arrives; at most
    /// [`LeaseRequest::MOST_AHEAD`].
    pub ahead: Duration,
    /// The epoch of the closed gate that the recipient probes. Only the claim of a probe may set it.
    pub probes: Option<i64>,
}

impl LeaseRequest {
    /// The longest `ahead`: below the distance at which a lease is refused as too early.
    pub const MOST_AHEAD: Duration = Duration::from_millis(400);

    /// This many slots, from now on, through an open gate.
    pub fn of(n: u32) -> Self {
        Self { n, ahead: Duration::ZERO, probes: None }
    }
}

impl Store {
    /// Departure slots for recipients that are claimed already and have lost theirs. `Held` if the sender is stopped, the
    /// campaign may not send, or the database is not the confirmed one.
    pub async fn lease(
        &self,
        sender: SenderId,
        campaign: CampaignId,
        request: LeaseRequest,
    ) -> Result<LeaseAnswer, Error> {
        let LeaseRequest { n, ahead, probes } = request;
        let ahead = i64::try_from(ahead.min(LeaseRequest::MOST_AHEAD).as_micros()).unwrap_or_default();
        let client = self.client().await?;
        let prepared = client.prepare_cached(&written_for(campaign, &STATEMENT)).await?;
        let asked = Instant::now();
        let (n_slots, sender) = (i64::from(n), sender.0);
        let wanted: [&(dyn ToSql + Sync); 5] = [&n_slots, &sender, &ahead, &probes, &campaign.0];
        let Some(row) = metrics::LEASE.time(client.query_opt(&prepared, &wanted)).await? else {
            return Ok(LeaseAnswer::Held);
        };
        Ok(match (row.get::<_, Option<i64>>("epoch"), row.get("open")) {
            (Some(_), _) => LeaseAnswer::Granted(self.read_lease(&row, n, asked)),
            (None, false) => LeaseAnswer::Held,
            (None, true) => read_wait(&row),
        })
    }

    /// The granted slots in an answer that was requested at `asked` and has arrived just now.
    pub(crate) fn read_lease(&self, row: &Row, n: u32, asked: Instant) -> TimedLease {
        let rate = rate_of(row.get("slow_permits"), row.get("slow_per_us"), row.get("burst"));
        let (starts_at, permitted_at): (Timestamp, Timestamp) =
            (row.get("starts_at"), row.get("permitted_at"));
        let ahead = starts_at.as_microsecond() - permitted_at.as_microsecond();
        let distance = Duration::from_micros(ahead.unsigned_abs());
        let permitted = self.local_time(asked, permitted_at);
        // A slot that began during the statement is counted from its beginning.
        let (first_in, at) = if ahead < 0 {
            (Duration::ZERO, permitted.checked_sub(distance).unwrap_or(permitted))
        } else {
            (distance, permitted)
        };
        TimedLease { lease: Lease::new(first_in, rate, n), at }
    }
}

/// The answer of a gate that is open and grants nothing now.
pub(crate) fn read_wait(row: &Row) -> LeaseAnswer {
    let rate = rate_of(row.get("at_permits"), row.get("at_per_us"), Some(1));
    if let (true, Some(rate)) = (row.get("is_too_long"), rate) {
        return LeaseAnswer::TooMany(permits_per_lease(rate));
    }
    LeaseAnswer::Wait(wait_for(row.get("wait_us")))
}

/// The time to wait. If another worker took the permits between the reading and the lock, no wait is known: the minimum applies.
pub(crate) fn wait_for(wait_us: i64) -> Duration {
    Duration::from_micros(u64::try_from(wait_us).unwrap_or(0)).max(Duration::from_millis(1))
}

/// How many permits of this rate a worker leases at once: 100 ms of the rate, so that no worker hoards it.
pub fn permits_per_lease(rate: Rate) -> u32 {
    rate.permits_in(LEASED)
}
