//! Reads the answer to a claim: one row, with the recipients in arrays.

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

/// The answer to a claim.
#[derive(Debug)]
#[must_use]
pub enum ClaimAnswer {
    /// The recipients belong to this worker until the lease ends.
    Granted(Claim),
    /// Nothing was claimed.
    Refused(ClaimRefusal),
}

/// Why nothing was claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimRefusal {
    /// No recipient is due: all are done, claimed by another worker, or deleted. The messages were outdated.
    NothingDue,
    /// The campaign or the sender is stopped, or the database is not the confirmed one; the feed publishes the recipients again
    /// after the opening.
    Held,
    /// The rate is used up for now; ask again after this time.
    Wait(Duration),
    /// The rate was lowered: claim at most this many recipients.
    TooMany(u32),
}

/// A claimed batch.
#[derive(Debug)]
pub struct Claim {
    /// The id; outcomes are recorded only under the current claim of a recipient.
    pub id: ClaimId,
    /// Time of the claim by the database clock; the slots are counted from it.
    pub at: Timestamp,
    /// The departure slots of the recipients.
    pub slots: TimedLease,
    /// The epoch of the gate of the sender at the claim.
    pub gate_epoch: i64,
    /// Whether the claim is a probe: one request that passes a closed gate, to test whether the gate can be opened.
    pub is_probe: bool,
    /// The epoch of the campaign at the claim.
    pub campaign_epoch: i64,
    /// Time until the deadline of the campaign, if it has one.
    pub time_left: Option<Duration>,
    /// Time until the end of the sending hours, if the campaign has some.
    pub open_for: Option<Duration>,
    /// Whether due recipients may have been left out: by a daily cap, by a probe, or because the statement of `claim_pending.rs`
    /// claims only `pending` recipients.
    pub may_be_cut: bool,
    /// The recipients, ordered by `seq`.
    pub rows: Vec<ClaimedRow>,
}

/// One claimed recipient.
#[derive(Debug)]
pub struct ClaimedRow {
    /// The position in the list.
    pub seq: Seq,
    /// The phone number.
    pub msisdn: Msisdn,
    /// The values of the variables.
    pub variables: Variables,
    /// The number of this attempt, from 1.
    pub attempt: u16,
    /// The 24-hour window at the sender.
    pub window: Window,
    /// How long the provider withholds marketing messages to this recipient, because the recipient had too many.
    pub quiet_for: Option<Duration>,
}

/// Why the statement of `claim.rs` claimed nothing.
pub(crate) fn read_refusal(row: &Row) -> ClaimRefusal {
    if !row.get::<_, bool>("open") {
        return ClaimRefusal::Held;
    }
    // The statement skipped (suppressed) all rows that it read, and a cap or a probe kept it from reading the others.
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
    /// The claim in an answer that was requested at `asked` and has arrived just now.
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

/// The recipients of an answer, ordered by `seq`. The answer has the window only of recipients with a conversation.
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

/// The window, and the time for which the provider withholds messages, of recipients with a conversation, by number.
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
    Msisdn::from_digits(digits).ok_or_else(|| Error::unreadable("a phone number without E.164 length"))
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
