//! Claiming a batch of recipients: one statement that is one transaction and one round trip.
//!
//! It locks the rows that are still due, takes the rate lease for exactly that many, and only then marks them as being
//! sent. Refused means nothing was claimed. The lease comes last of what can be refused, and the gate's row lock is
//! held over the update and the commit only. Rows are locked in the order of their places, and only rows that wait are
//! locked, so a claim can block another claim or a cancellation for a moment but never deadlock with a recording.

use std::time::Duration;

use campaign::{CampaignId, ClaimId, Lease, Msisdn, SenderId, Seq, Variables};
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::Json;
use uuid::Uuid;

use crate::connection::Store;
use crate::error::Error;
use crate::senders::rate_of;

/// How far ahead of now departure slots are given out. A worker that dies loses that much of the rate at most.
const MAX_AHEAD: &str = "interval '200 milliseconds'";

/// What became of the wish to claim a batch.
#[derive(Debug)]
#[must_use]
pub enum Claimed {
    /// These rows are ours until the lease ends.
    Granted(Claim),
    /// Nothing was claimed.
    Refused(Refused),
}

/// Why nothing was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// None of the rows is due: done, claimed by another worker, or not there. The messages were stale.
    NothingDue,
    /// The campaign or the sender is stopped; the feed brings the rows back when it is open again.
    Held,
    /// The rate is used up for now; ask again after this time.
    Wait(Duration),
}

/// A claimed batch.
#[derive(Debug)]
pub struct Claim {
    /// Its id, the fence of every recording.
    pub id: ClaimId,
    /// When it was claimed, by the database clock.
    pub at: Timestamp,
    /// The departure slots of its rows.
    pub lease: Lease,
    /// The opening of the sender's gate it was claimed in.
    pub gate_epoch: i64,
    /// Whether it is the one request that may pass a closed gate, to see whether it can be opened.
    pub is_probe: bool,
    /// The opening of the campaign it was claimed in.
    pub campaign_epoch: i64,
    /// The rows, in the order of their places.
    pub rows: Vec<ClaimedRow>,
}

/// One claimed recipient.
#[derive(Debug)]
pub struct ClaimedRow {
    /// Its place.
    pub seq: Seq,
    /// Whom to send to.
    pub msisdn: Msisdn,
    /// What to fill in.
    pub variables: Variables,
    /// The number of this attempt, from 1.
    pub attempt: u16,
}

fn statement() -> String {
    format!(
        "
with due_now as (
    select seq from recipient
    where campaign_id = $1 and seq = any($2)
        and (state = 'pending' or (state = 'retry' and exists (
            select from due d where d.campaign_id = $1 and d.seq = recipient.seq and d.due_at <= clock_timestamp())))
        and (select (is_open or probe_armed) and tat <= clock_timestamp() + {MAX_AHEAD}
             from sender_gate where sender_id = $3)
        and (select state = 'running' from campaign where id = $1)
    order by seq limit (select case when not is_open then 1 end from sender_gate where sender_id = $3) for update
), permit as (
    update sender_gate g
    set probe_armed = false, tat = case when permits is null then tat else
        greatest(tat, clock_timestamp()) + ((n * slow_per_us + permits - 1) / permits) * interval '1 microsecond' end
    from (select count(*) as n from due_now) wanted,
        (select ceil(per_us / pace_now(pace, slowed_at))::bigint as slow_per_us
         from sender_gate where sender_id = $3) slowed
    where g.sender_id = $3 and n > 0 and (is_open or probe_armed) and tat <= clock_timestamp() + {MAX_AHEAD}
    returning permits, slow_per_us, burst, epoch, not is_open as is_probe, (extract(epoch from
        tat - ((n * slow_per_us + permits - 1) / permits) * interval '1 microsecond' - clock_timestamp()
    ) * 1000000)::bigint as first_in_us
), batch as (
    insert into claim (campaign_id, sender_id, worker, seqs, lease_until)
    select $1, $3, $4, (select array_agg(seq) from due_now), clock_timestamp() + $5 * interval '1 millisecond'
    from permit returning id, claimed_at
), claimed as (
    update recipient r
    set state = 'sending', claim_id = batch.id, attempts = attempts + 1, changed_at = batch.claimed_at
    from due_now, batch
    where r.campaign_id = $1 and r.seq = due_now.seq
    returning r.seq, r.msisdn, r.variables, r.attempts
), no_longer_due as (
    delete from due d using due_now, batch where d.campaign_id = $1 and d.seq = due_now.seq
)
select (g.is_open or g.probe_armed) and c.state = 'running' as open, c.epoch as campaign_epoch,
    greatest(extract(epoch from g.tat - clock_timestamp() - {MAX_AHEAD}) * 1000000, 0)::bigint as wait_us,
    (select count(*) from due_now) as n_due, b.id as claim_id, b.claimed_at, p.permits, p.slow_per_us, p.burst,
    p.epoch as gate_epoch, p.is_probe, p.first_in_us, r.seq, r.msisdn, r.variables, r.attempts
from sender_gate g cross join campaign c
left join permit p on true left join batch b on true left join claimed r on true
where g.sender_id = $3 and c.id = $1
order by r.seq"
    )
}

impl Store {
    /// Claims those of these recipients that are due, with as many permits of the sender's rate, for `lease` long.
    pub async fn claim(
        &self,
        sender: SenderId,
        campaign: CampaignId,
        seqs: &[Seq],
        (worker, lease): (Uuid, Duration),
    ) -> Result<Claimed, Error> {
        static STATEMENT: std::sync::LazyLock<String> = std::sync::LazyLock::new(statement);
        let client = self.client().await?;
        let prepared = client.prepare_cached(&STATEMENT).await?;
        let seqs: Vec<i32> = seqs.iter().map(|seq| seq.0).collect();
        let lease_ms = f64::from(u32::try_from(lease.as_millis()).unwrap_or(u32::MAX));
        let rows = client.query(&prepared, &[&campaign.0, &seqs, &sender.0, &worker, &lease_ms]).await?;
        let Some(first) = rows.first() else {
            // The campaign or the sender was deleted: the message is stale.
            return Ok(Claimed::Refused(Refused::NothingDue));
        };
        match first.get::<_, Option<i64>>("claim_id") {
            Some(id) => Ok(Claimed::Granted(read_claim(ClaimId(id), first, &rows)?)),
            None => Ok(Claimed::Refused(read_refusal(first))),
        }
    }
}

fn read_refusal(row: &Row) -> Refused {
    let wait = Duration::from_micros(u64::try_from(row.get::<_, i64>("wait_us")).unwrap_or(0));
    match (row.get("open"), row.get::<_, i64>("n_due")) {
        (false, _) => Refused::Held,
        (true, 0) if wait.is_zero() => Refused::NothingDue,
        // Rows were due but another worker took the permits between our look and our lock: look again soon.
        (true, _) => Refused::Wait(wait.max(Duration::from_millis(1))),
    }
}

fn read_claim(id: ClaimId, first: &Row, rows: &[Row]) -> Result<Claim, Error> {
    let first_in_us: Option<i64> = first.get("first_in_us");
    let rate = rate_of(first.get("permits"), first.get("slow_per_us"), first.get("burst"));
    Ok(Claim {
        id,
        at: first.get("claimed_at"),
        lease: Lease {
            first_in: Duration::from_micros(u64::try_from(first_in_us.unwrap_or(0)).unwrap_or(0)),
            rate,
        },
        gate_epoch: first.get("gate_epoch"),
        is_probe: first.get("is_probe"),
        campaign_epoch: first.get("campaign_epoch"),
        rows: rows.iter().map(read_row).collect::<Result<_, Error>>()?,
    })
}

fn read_row(row: &Row) -> Result<ClaimedRow, Error> {
    let digits = u64::try_from(row.get::<_, i64>("msisdn")).map_err(Error::unreadable)?;
    Ok(ClaimedRow {
        seq: Seq(row.get("seq")),
        msisdn: Msisdn::from_digits(digits)
            .ok_or_else(|| Error::unreadable("a number of no E.164 length"))?,
        variables: row.try_get::<_, Json<Variables>>("variables").map_err(Error::unreadable)?.0,
        attempt: u16::try_from(row.get::<_, i16>("attempts")).unwrap_or(1),
    })
}
