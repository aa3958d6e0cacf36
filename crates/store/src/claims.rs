//! Claiming a batch of recipients: one statement, in one transaction and one round trip with the turn it takes before.
//!
//! It locks the rows that are still due, takes permits for exactly that many, and only then marks them as being sent.
//! Refused means nothing was claimed. The permits come last of what can be refused, and the gate's row lock is held over
//! the update and the commit only. The answer is one row, with the recipients in arrays: what is the same for all of them is
//! worked out and sent once. Rows are locked in the order of their places, and only rows that wait are
//! locked, so a claim can block another claim or a cancellation for a moment but never deadlock with a recording.
//!
//! Before anything is counted, those who must not be written to become `skipped`: who is suppressed for the sender or for all, and
//! whose 24-hour window is known to be closed in a campaign that has no template for them. That holds even when the rest is
//! refused. Each costs two look-ups by key. The joins are lateral with a limit, so that each recipient is looked up by key
//! whatever the planner thinks of the tables.

use std::time::Duration;

use campaign::{CampaignId, ClaimId, Msisdn, SenderId, Seq, Variables, Window};
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Json, ToSql};
use uuid::Uuid;

use crate::connection::{Store, written_for};
use crate::error::Error;
use crate::permits::{Leased, LeasedAt, MAX_AHEAD, REFUSAL_FROM, permit_steps, read_wait, refusal};

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
    /// The rate has become lower: ask for as many at most.
    TooMany(u32),
}

/// A claimed batch.
#[derive(Debug)]
pub struct Claim {
    /// Its id, the fence of every recording.
    pub id: ClaimId,
    /// When it was claimed, by the database clock; the slots are counted from then.
    pub at: Timestamp,
    /// The departure slots of its rows.
    pub slots: LeasedAt,
    /// The opening of the sender's gate it was claimed in.
    pub gate_epoch: i64,
    /// Whether it is the one request that may pass a closed gate, to see whether it can be opened.
    pub is_probe: bool,
    /// The opening of the campaign it was claimed in.
    pub campaign_epoch: i64,
    /// Until the campaign's deadline, if it has one.
    pub time_left: Option<Duration>,
    /// Until the sending hours end, if it has some.
    pub open_for: Option<Duration>,
    /// Whether some that were due may have been left out: a daily cap or a probe takes no more.
    pub may_be_cut: bool,
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
    /// Their 24-hour window at the sender.
    pub window: Window,
    /// How long the provider would withhold anything but an answer from them, because they had enough for now.
    pub quiet_for: Option<Duration>,
}

/// WhatsApp's window, less the time from a claim to the departure.
const WINDOW: &str = "interval '23 hours 59 minutes'";

/// The claims of a sender's workers take turns before they look: one that waited for the gate's row would be evaluated a
/// second time by Postgres, with all that it looks up. Nothing depends on it but time; what holds is the row's lock.
const TURN: &str = "select pg_advisory_xact_lock(hashtextextended('claims of a sender', $1))";

fn statement() -> String {
    format!(
        "
with before as materialized (
    select (g.is_open or g.probe_armed) and may_send(c.state, c.deadline_at, c.opens_at, c.closes_at) as open,
        greatest(g.tat, l.tat) <= clock_timestamp() + {MAX_AHEAD} as has_room,
        case when not g.is_open then 1
            when g.daily_cap is not null then
                greatest(g.daily_cap - case when g.day = day_now(g.day_zone) then g.day_used else 0 end, 0)
        end as at_most,
        not c.definition ? 'template' as needs_window
    from sender_gate g cross join campaign c left join campaign_gate l on l.campaign_id = c.id
    where g.sender_id = $2 and c.id = :campaign
), due_now as (
    select seq, attempts, msisdn from recipient
    where campaign_id = :campaign and seq = any($1)
        and (state = 'pending' or (state = 'retry' and exists (
            select from due d where d.campaign_id = :campaign and d.seq = recipient.seq and d.due_at <= clock_timestamp())))
        and (select open and has_room from before)
    order by seq limit (select at_most from before)
    for update
), {}
), wanted as (
    select count(*) as n, count(*) filter (where attempts = 0) as n_first from allowed
), {}, batch as (
    insert into claim (campaign_id, sender_id, worker, seqs, lease_until)
    select :campaign, $2, $3, (select array_agg(seq) from allowed), clock_timestamp() + $4 * interval '1 millisecond'
    from permit returning id, claimed_at
), marked as (
    update recipient r
    set state = case when l.barred is null then 'sending' else 'skipped' end,
        claim_id = case when l.barred is null then batch.id else r.claim_id end,
        attempts = r.attempts + (l.barred is null)::int, reason_code = coalesce(l.barred, r.reason_code),
        changed_at = coalesce(batch.claimed_at, clock_timestamp())
    from looked_at l left join batch on true
    where r.campaign_id = :campaign and r.seq = l.seq and (l.barred is not null or batch.id is not null)
    returning r.seq, r.msisdn, r.variables, r.attempts, l.window_state, l.quiet_ms, l.barred
), no_longer_due as (
    delete from due d using marked m
    where d.campaign_id = :campaign and d.seq = m.seq and exists (select from due where campaign_id = :campaign)
), claimed as (
    select array_agg(seq) as seqs, array_agg(msisdn) as msisdns, array_agg(variables) as variables,
        array_agg(attempts) as attempts, array_agg(window_state) as windows, array_agg(quiet_ms) as quiet_ms
    from marked where barred is null
)
select {}, before.has_room, c.epoch as campaign_epoch,
    (extract(epoch from c.deadline_at - clock_timestamp()) * 1000)::bigint as time_left_ms,
    (extract(epoch from c.closes_at - clock_timestamp()) * 1000)::bigint as open_for_ms,
    (select n from wanted) as n_due, exists (select from looked_at where barred is not null) as has_skipped,
    not g.is_open or g.daily_cap is not null as may_be_cut, b.id as claim_id, p.*, claimed.*
from {REFUSAL_FROM} cross join before cross join claimed left join permit p on true left join batch b on true
where g.sender_id = $2 and c.id = :campaign",
        look_steps(),
        permit_steps(),
        refusal()
    )
}

/// The steps from `due_now` to `allowed`: who must not be written to is `barred`, with the reason.
fn look_steps() -> String {
    format!(
        "
looked_at as materialized (
    select d.seq, d.attempts, w.window_state, w.quiet_ms, coalesce(
            (select case s.reason when 'operator' then 'suppressed' else 'opted_out' end
             from suppression s where s.msisdn = d.msisdn and coalesce(s.sender_id, $2) = $2 limit 1),
            case when w.window_state = 'closed' and (select needs_window from before) then 'window_closed' end) as barred
    from due_now d left join lateral (
        select case when h.last_inbound_at > clock_timestamp() - {WINDOW} then 'open'
                when h.last_inbound_at is not null then 'closed' end as window_state,
            (extract(epoch from h.quiet_until - clock_timestamp()) * 1000)::bigint as quiet_ms
        from conversation h where h.sender_id = $2 and h.msisdn = d.msisdn limit 1
    ) w on true
), allowed as (
    select seq, attempts from looked_at where barred is null"
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
        let prepared = client.prepare_cached(&written_for(campaign, &STATEMENT)).await?;
        let seqs: Vec<i32> = seqs.iter().map(|seq| seq.0).collect();
        let lease_ms = f64::from(u32::try_from(lease.as_millis()).unwrap_or(u32::MAX));
        let take_turn = client.prepare_cached(TURN).await?;
        let of_sender: [&(dyn ToSql + Sync); 1] = [&sender.0];
        let wanted: [&(dyn ToSql + Sync); 4] = [&seqs, &sender.0, &worker, &lease_ms];
        let asked = Instant::now();
        // All four are written at once and answered in this order: one round trip.
        let (begun, in_turn, answer, committed) = tokio::join!(
            client.batch_execute("begin"),
            client.execute(&take_turn, &of_sender),
            client.query_opt(&prepared, &wanted),
            client.batch_execute("commit"),
        );
        begun?;
        in_turn?;
        let answer = answer?;
        committed?;
        let Some(answer) = answer else {
            // The campaign or the sender was deleted: the message is stale.
            return Ok(Claimed::Refused(Refused::NothingDue));
        };
        match answer.get::<_, Option<i64>>("claim_id") {
            Some(id) => Ok(Claimed::Granted(self.read_claim(ClaimId(id), &answer, asked)?)),
            None => Ok(Claimed::Refused(read_refusal(&answer))),
        }
    }
}

fn read_refusal(row: &Row) -> Refused {
    if !row.get::<_, bool>("open") {
        return Refused::Held;
    }
    // All that was looked at may have been skipped while others were left out.
    let may_have_more = row.get("has_skipped") && row.get("may_be_cut");
    match read_wait(row) {
        Leased::TooMany(at_most) => Refused::TooMany(at_most),
        _ if row.get::<_, i64>("n_due") == 0 && row.get("has_room") && !may_have_more => Refused::NothingDue,
        Leased::Wait(wait) => Refused::Wait(wait),
        Leased::Granted(_) | Leased::Held => Refused::NothingDue,
    }
}

impl Store {
    fn read_claim(&self, id: ClaimId, answer: &Row, asked: Instant) -> Result<Claim, Error> {
        let until = |column| {
            let left: Option<i64> = answer.get(column);
            left.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
        };
        let rows = read_rows(answer)?;
        Ok(Claim {
            id,
            at: answer.get::<_, Timestamp>("permitted_at").min(answer.get("starts_at")),
            slots: self.read_lease(answer, u32::try_from(rows.len()).unwrap_or(u32::MAX), asked),
            gate_epoch: answer.get("epoch"),
            is_probe: answer.get("is_probe"),
            campaign_epoch: answer.get("campaign_epoch"),
            time_left: until("time_left_ms"),
            open_for: until("open_for_ms"),
            may_be_cut: answer.get("may_be_cut"),
            rows,
        })
    }
}

/// The recipients of an answer, in the order of their places.
fn read_rows(answer: &Row) -> Result<Vec<ClaimedRow>, Error> {
    let seqs: Vec<i32> = read(answer, "seqs")?;
    let msisdns: Vec<i64> = read(answer, "msisdns")?;
    let variables: Vec<Json<Variables>> = read(answer, "variables")?;
    let attempts: Vec<i16> = read(answer, "attempts")?;
    let windows: Vec<Option<&str>> = read(answer, "windows")?;
    let pauses: Vec<Option<i64>> = read(answer, "quiet_ms")?;
    let people = seqs.into_iter().zip(msisdns).zip(variables);
    let circumstances = attempts.into_iter().zip(windows).zip(pauses);
    let mut rows = people
        .zip(circumstances)
        .map(|(((seq, msisdn), Json(variables)), ((attempt, window), quiet_ms))| {
            Ok(ClaimedRow {
                seq: Seq(seq),
                msisdn: read_msisdn(msisdn)?,
                variables,
                attempt: u16::try_from(attempt).unwrap_or(1),
                window: read_window(window),
                quiet_for: read_pause(quiet_ms),
            })
        })
        .collect::<Result<Vec<_>, Error>>()?;
    rows.sort_unstable_by_key(|row| row.seq);
    Ok(rows)
}

fn read<'a, T: FromSql<'a>>(answer: &'a Row, column: &str) -> Result<T, Error> {
    answer.try_get(column).map_err(Error::unreadable)
}

fn read_msisdn(digits: i64) -> Result<Msisdn, Error> {
    let digits = u64::try_from(digits).map_err(Error::unreadable)?;
    Msisdn::from_digits(digits).ok_or_else(|| Error::unreadable("a number of no E.164 length"))
}

fn read_window(state: Option<&str>) -> Window {
    match state {
        Some("open") => Window::Open,
        Some("closed") => Window::Closed,
        _ => Window::Unheard,
    }
}

fn read_pause(ms: Option<i64>) -> Option<Duration> {
    ms.and_then(|ms| u64::try_from(ms).ok()).filter(|ms| *ms > 0).map(Duration::from_millis)
}
