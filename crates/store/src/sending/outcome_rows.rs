//! Outcomes of requests, as rows and as columns of a statement that records them.

use std::borrow::{Borrow, Cow};
use std::time::Duration;

use campaign::{ClaimId, Msisdn, Outcome, Reason, Seq};
use jiff::Timestamp;

/// The outcome of one claimed recipient.
#[derive(Clone, Debug)]
pub struct RecordedOutcome {
    /// The claim under which the outcome is recorded.
    pub claim: ClaimId,
    /// The recipient.
    pub seq: Seq,
    /// The outcome.
    pub outcome: Outcome,
    /// The request; `None`: no request was made, so the attempt does not count.
    pub request: Option<RequestRecord>,
}

/// One HTTP request.
#[derive(Clone, Copy, Debug)]
pub struct RequestRecord {
    /// Time of sending, by the database clock.
    pub sent_at: Timestamp,
    /// Time from sending to the end of the answer.
    pub latency: Duration,
    /// The HTTP status, if there was an answer.
    pub http_status: Option<u16>,
    /// The number under which WhatsApp knows the recipient, if it is another one.
    pub wa_id: Option<Msisdn>,
    /// Whether the provider answered that the recipient's 24-hour window is closed.
    pub window_closed: bool,
}

/// A recipient whose 24-hour window was closed, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClosedWindow {
    pub(crate) seq: Seq,
    pub(crate) at: Timestamp,
}

impl RecordedOutcome {
    /// The closed window that the provider answered, if it did.
    pub(crate) fn closed_window(&self) -> Option<ClosedWindow> {
        let request = self.request.as_ref().filter(|request| request.window_closed)?;
        Some(ClosedWindow { seq: self.seq, at: request.sent_at })
    }

    /// Whether the outcome is `accepted` or `failed` after a request.
    pub(crate) fn is_final(&self) -> bool {
        self.request.is_some() && matches!(self.outcome, Outcome::Accepted { .. } | Outcome::Failed { .. })
    }
}

/// The outcomes of one call, one column each.
#[derive(Default)]
pub(crate) struct Columns<'a> {
    pub(crate) claim_id: Vec<i64>,
    pub(crate) seq: Vec<i32>,
    pub(crate) outcome: Vec<&'static str>,
    pub(crate) state: Vec<&'static str>,
    pub(crate) given_back: Vec<bool>,
    pub(crate) reason_code: Vec<Option<Cow<'a, str>>>,
    pub(crate) reason_text: Vec<Option<Cow<'a, str>>>,
    pub(crate) due_in_ms: Vec<Option<i64>>,
    pub(crate) sent_at: Vec<Option<Timestamp>>,
    pub(crate) latency_us: Vec<Option<i32>>,
    pub(crate) http_status: Vec<Option<i16>>,
    pub(crate) provider_message_id: Vec<Option<Cow<'a, str>>>,
}

/// The columns of an outcome.
struct Meaning<'a> {
    outcome: &'static str,
    state: &'static str,
    given_back: bool,
    reason: Option<&'a Reason>,
    due_in: Option<Duration>,
    provider_message_id: Option<&'a str>,
}

fn meaning(outcome: &Outcome) -> Meaning<'_> {
    let plain = |outcome, state, reason| Meaning {
        outcome,
        state,
        given_back: false,
        reason,
        due_in: None,
        provider_message_id: None,
    };
    match outcome {
        Outcome::Accepted { provider_message_id } => {
            Meaning { provider_message_id: Some(provider_message_id), ..plain("accepted", "accepted", None) }
        }
        Outcome::Retry { after, counted, reason } => {
            Meaning { due_in: Some(*after), given_back: !counted, ..plain("retry", "retry", Some(reason)) }
        }
        Outcome::FallBack { counted, reason } => Meaning {
            due_in: Some(Duration::ZERO),
            given_back: !counted,
            ..plain("retry", "retry", Some(reason))
        },
        Outcome::Throttled { after, reason } => {
            Meaning { due_in: Some(*after), given_back: true, ..plain("throttled", "retry", Some(reason)) }
        }
        Outcome::Failed { reason } => plain("failed", "failed", Some(reason)),
        Outcome::Unknown { reason } => plain("unknown", "unknown", Some(reason)),
        Outcome::Held { reason, .. } => Meaning {
            due_in: Some(Duration::ZERO),
            given_back: true,
            ..plain("held", "pending", Some(reason))
        },
    }
}

/// A text that PostgreSQL accepts: without NUL characters, which texts of providers may contain.
fn storable(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "")) } else { Cow::Borrowed(text) }
}

impl<'a> Columns<'a> {
    pub(crate) fn of<O: Borrow<RecordedOutcome>>(outcomes: &'a [O]) -> Self {
        let mut columns = Self::default();
        for outcome in outcomes {
            columns.push(outcome.borrow());
        }
        columns
    }

    fn push(&mut self, recorded: &'a RecordedOutcome) {
        let meaning = meaning(&recorded.outcome);
        let request = recorded.request.as_ref();
        self.claim_id.push(recorded.claim.0);
        self.seq.push(recorded.seq.0);
        self.outcome.push(meaning.outcome);
        self.state.push(meaning.state);
        self.given_back.push(meaning.given_back || request.is_none());
        self.reason_code.push(meaning.reason.map(|reason| storable(&reason.code)));
        self.reason_text.push(meaning.reason.map(|reason| storable(&reason.text)));
        self.due_in_ms
            .push(meaning.due_in.map(|due_in| i64::try_from(due_in.as_millis()).unwrap_or(i64::MAX)));
        self.sent_at.push(request.map(|request| request.sent_at));
        self.latency_us
            .push(request.map(|request| i32::try_from(request.latency.as_micros()).unwrap_or(i32::MAX)));
        self.http_status
            .push(request.and_then(|request| request.http_status.and_then(|s| i16::try_from(s).ok())));
        self.provider_message_id.push(meaning.provider_message_id.map(storable));
    }
}
