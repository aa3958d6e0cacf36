//! What became of a claim, read from its answer: one row, with the recipients in arrays.

use std::collections::HashMap;
use std::time::Duration;

use campaign::{ClaimId, Msisdn, Seq, Variables, Window};
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Json};

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::sending::rate_limit::{LeaseAnswer, TimedLease, read_wait};

/// What became of the wish to claim a batch.
#[derive(Debug)]
#[must_use]
pub enum ClaimAnswer {
    /// These rows are ours until the lease ends.
    Granted(Claim),
    /// Nothing was claimed.
    Refused(ClaimRefusal),
}

/// Why nothing was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimRefusal {
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
    pub slots: TimedLease,
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
    /// Whether some that are due may have been left out: a daily cap or a probe takes no more, and the short way
    /// (`claim_pending.rs`) only those who are pending.
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

/// Why the statement for whoever is due claimed nobody.
pub(crate) fn read_refusal(row: &Row) -> ClaimRefusal {
    if !row.get::<_, bool>("open") {
        return ClaimRefusal::Held;
    }
    // All that was looked at may have been skipped while others were left out.
    let may_have_more = row.get("has_skipped") && row.get("may_be_cut");
    match read_wait(row) {
        LeaseAnswer::TooMany(at_most) => ClaimRefusal::TooMany(at_most),
        _ if row.get::<_, i64>("n_due") == 0 && row.get("has_room") && !may_have_more => {
            ClaimRefusal::NothingDue
        }
        LeaseAnswer::Wait(wait) => ClaimRefusal::Wait(wait),
        LeaseAnswer::Granted(_) | LeaseAnswer::Held => ClaimRefusal::NothingDue,
    }
}

impl Store {
    /// The claim in an answer that was asked for at `asked` and came just now.
    pub(crate) fn read_claim(&self, answer: &Row, asked: Instant) -> Result<Claim, Error> {
        let until = |column| {
            let left: Option<i64> = answer.get(column);
            left.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
        };
        let rows = read_rows(answer)?;
        Ok(Claim {
            id: ClaimId(answer.get("claim_id")),
            at: answer.get::<_, Timestamp>("permitted_at").min(answer.get("starts_at")),
            slots: self.read_lease(answer, u32::try_from(rows.len()).unwrap_or(u32::MAX), asked),
            gate_epoch: answer.get("epoch"),
            is_probe: answer.get("is_probe"),
            campaign_epoch: answer.get("campaign_epoch"),
            time_left: until("time_left_ms"),
            open_for: until("open_for_ms"),
            may_be_cut: false,
            rows,
        })
    }
}

/// The recipients of an answer, in the order of their places. Of those few who are known to the sender there is more.
fn read_rows(answer: &Row) -> Result<Vec<ClaimedRow>, Error> {
    let seqs: Vec<i32> = read(answer, "seqs")?;
    let msisdns: Vec<i64> = read(answer, "msisdns")?;
    let variables: Vec<Json<Variables>> = read(answer, "variables")?;
    let attempts: Vec<i16> = read(answer, "attempts")?;
    let known = read_known(answer)?;
    let people = seqs.into_iter().zip(msisdns).zip(variables).zip(attempts);
    let mut rows = people
        .map(|(((seq, msisdn), Json(variables)), attempt)| {
            let (window, quiet_for) = known.get(&msisdn).copied().unwrap_or((Window::Unheard, None));
            Ok(ClaimedRow {
                seq: Seq(seq),
                msisdn: read_msisdn(msisdn)?,
                variables,
                attempt: u16::try_from(attempt).unwrap_or(1),
                window,
                quiet_for,
            })
        })
        .collect::<Result<Vec<_>, Error>>()?;
    rows.sort_unstable_by_key(|row| row.seq);
    Ok(rows)
}

/// What is known of those who wrote to the sender, or had enough of it, by number.
fn read_known(answer: &Row) -> Result<HashMap<i64, (Window, Option<Duration>)>, Error> {
    let Some(msisdns) = read::<Option<Vec<i64>>>(answer, "known")? else { return Ok(HashMap::new()) };
    let windows: Vec<Option<&str>> = read(answer, "windows")?;
    let pauses: Vec<Option<i64>> = read(answer, "pauses")?;
    let known = msisdns.into_iter().zip(windows.into_iter().zip(pauses));
    Ok(known
        .map(|(msisdn, (window, quiet_ms))| (msisdn, (read_window(window), read_pause(quiet_ms))))
        .collect())
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
