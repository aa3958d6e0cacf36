//! Permits: departure slots of a sender's rate, a campaign's own rate and the recipients of a day, all or none of them.
//!
//! The rows of the limits are locked first, the campaign's before its sender's, and looked at as they are then; so a
//! permit is never counted by one limit and refused by another. The sender's slots are the departure times. Their start
//! satisfies the campaign's rate as well: it takes its permits in bunches of one lease.

use std::time::Duration;

use campaign::{CampaignId, Lease, Rate, SenderId};
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_postgres::Row;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::volume::written_for;
use crate::senders::rate::{LONGEST, MAX_AHEAD, rate_of};

/// The time of the rate that a worker leases at once: a slow rate is not hoarded.
const LEASED: Duration = Duration::from_millis(100);

/// What a sender that was slowed down loses of its whole rate at most until it has all of it again: the share that is used grows
/// evenly for a minute at most. A slot of a slow rate takes that much longer, and not the whole of its time at the reduced rate.
const REGAINED: &str = "interval '30 seconds'";

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

/// The steps from `wanted` (`n`, `n_first`) to `permit` for campaign `$1` and sender `$3`.
///
/// A sender without a rate that is slowed down by its provider goes as though its rate were 1000/s, with a burst that lets
/// no stall cost a slot: nothing has to be exact there.
pub(crate) fn permit_steps() -> String {
    format!(
        "
campaign_limit as materialized (
    select l.permits, l.per_us, l.tat from campaign_gate l, wanted
    where l.campaign_id = :campaign and n > 0 for update of l
), gate as materialized (
    select g.*, n, n_first, pace_now(g.pace, g.slowed_at) as pace_now, day_now(g.day_zone) as today
    from wanted, (select count(*) from campaign_limit) locked_before, sender_gate g
    where g.sender_id = $2 and n > 0 for update of g
), terms as (
    select gate.*, rate.*,
        greatest(gate.tat, l.tat, gate.paused_until, clock_timestamp()) as starts_at,
        case when rate.slow_permits is not null then
            least(time_of(n, rate.slow_permits, rate.slow_per_us),
                time_of(n, rate.slow_permits, coalesce(gate.per_us, 1000000)) + {REGAINED})
        end as span,
        (n * l.per_us + l.permits - 1) / l.permits * interval '1 microsecond' as campaign_span,
        case when day = today then day_used else 0 end as used, n > 1 as is_divisible
    from gate cross join lateral (
        select coalesce(permits, case when pace_now < 1 then 1000 end) as slow_permits,
            ceil(coalesce(per_us, 1000000) / pace_now)::bigint as slow_per_us
    ) rate left join campaign_limit l on true
), granted as (
    select *, is_open and used + n_first >= daily_cap as is_capped from terms
    where (is_open or probe_armed) and starts_at <= clock_timestamp() + {MAX_AHEAD}
        and (not is_divisible or coalesce(span <= {LONGEST}, true))
        and (daily_cap is null or used + n_first <= daily_cap)
), permit as (
    update sender_gate g
    set probe_armed = false, tat = coalesce(granted.starts_at + granted.span, g.tat), day = granted.today,
        day_used = granted.used + granted.n_first, is_open = g.is_open and granted.is_capped is not true
    from granted where g.sender_id = $2
    returning g.epoch, not granted.is_open as is_probe, granted.slow_permits, granted.slow_per_us,
        coalesce(g.burst, 100) as burst,
        granted.starts_at, clock_timestamp() as permitted_at
), campaign_permit as (
    update campaign_gate l set tat = granted.starts_at + granted.campaign_span
    from granted where l.campaign_id = :campaign
), capped as (
    insert into hold (sender_id, reason, detail, until, caused_by)
    select $2, 'daily_cap', format('%s recipients a day', daily_cap), (today + 1)::timestamp at time zone day_zone,
        'the daily cap'
    from granted where is_capped
)"
    )
}

/// What a refusal has to say, of the gate as the statement found it.
pub(crate) fn refusal() -> String {
    format!(
        "
    (g.is_open or g.probe_armed) and may_send(c.state, c.deadline_at, c.opens_at, c.closes_at) as open,
    (extract(epoch from greatest(g.tat, l.tat, g.paused_until, t.starts_at) - clock_timestamp() - {MAX_AHEAD})
        * 1000000)::bigint as wait_us,
    coalesce(t.is_divisible and t.span > {LONGEST}, false) as is_too_long, t.slow_permits as at_permits,
    t.slow_per_us as at_per_us"
    )
}

/// Where a refusal looks.
pub(crate) const REFUSAL_FROM: &str = "
    sender_gate g cross join campaign c left join campaign_gate l on l.campaign_id = c.id left join terms t on true";

impl Store {
    /// Slots for `n` recipients that were claimed and lost theirs because the worker stood still; none when their campaign
    /// does not run any more.
    pub async fn lease(&self, sender: SenderId, campaign: CampaignId, n: u32) -> Result<LeaseAnswer, Error> {
        static STATEMENT: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
            format!(
                "with wanted as (
                    select $1::bigint as n, 0::bigint as n_first from campaign
                    where id = :campaign and may_send(state, deadline_at, opens_at, closes_at)
                ), {}
                select p.*, {} from {REFUSAL_FROM} left join permit p on true
                where g.sender_id = $2 and c.id = :campaign",
                permit_steps(),
                refusal()
            )
        });
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
