//! The ledger as others see it: who was sent what, when, how often, and what was answered.
//!
//! Invariant: reading never changes anything, and long answers are read page by page so that requests do not wait for them.
//! `Debug` of what it gives out shows no number and no token.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::book::{Book, Record};
use crate::desk::Desk;
use crate::outcome::ACCEPTED;
use crate::{FaultKind, Msisdn};

/// How many records are read while requests wait.
const PAGE: usize = 4_096;

/// Reads what arrived; cheap to clone, and usable for as long as it is held.
#[derive(Clone)]
pub struct Ledger {
    desk: Arc<Desk>,
}

/// One request that arrived.
#[derive(Clone, PartialEq, Serialize)]
pub struct Entry {
    /// Its place in the ledger, from 1 on.
    pub sequence: u64,
    /// When it had arrived as a whole by the kernel's clock, in microseconds since the start. The sequence is the order of
    /// the decisions, so of two requests that arrived together either may come first.
    pub arrival_us: u64,
    /// To whom it was meant to go, if that could be read.
    pub recipient: Option<Msisdn>,
    /// The client's reference, for Kaleyra `extra_info.ref`.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// The flow token.
    pub flow_token: Option<String>,
    /// The client's second remark, for Kaleyra `extra_info.ref2`.
    pub ref2: Option<String>,
    /// What was decided, in the simulator's words.
    pub outcome: &'static str,
    /// What was decided, as the provider's code.
    pub code: &'static str,
    /// Whether the message was accepted, whatever the client was told.
    pub accepted: bool,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// The provider's id of an accepted message.
    pub message_id: Option<String>,
    /// The port the client sent it from, which tells connections apart.
    pub peer_port: u16,
    /// The fault that decided the answer.
    pub fault: Option<FaultKind>,
    /// Paths of the members nobody knows, as far as the body was read.
    pub unknown_fields: Vec<String>,
    /// Why the payload was refused: the member and its rule.
    pub wrong: Option<String>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("sequence", &self.sequence)
            .field("outcome", &self.outcome)
            .field("status", &self.status)
            .field("fault", &self.fault)
            .field("wrong", &self.wrong)
            .finish_non_exhaustive()
    }
}

/// The ledger in a few numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// How many requests arrived.
    pub requests: u64,
    /// How many messages were accepted.
    pub accepted: u64,
    /// To how many recipients.
    pub distinct_recipients: u64,
    /// How many recipients had more than one message accepted.
    pub accepted_more_than_once: u64,
    /// How many requests were not accepted, by code.
    pub refused: BTreeMap<&'static str, u64>,
    /// How many more messages can be accepted; nothing if that is endless.
    pub balance: Option<u64>,
    /// How many requests wait for their answer now.
    pub in_flight: u64,
    /// When the first request had arrived, in microseconds since the start.
    pub first_arrival_us: Option<u64>,
    /// When the last request had arrived, in microseconds since the start.
    pub last_arrival_us: Option<u64>,
}

/// What one recipient was sent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recipient {
    /// How many messages were accepted.
    pub accepted: u32,
    /// Every request, accepted or not.
    pub requests: Vec<Entry>,
}

impl Ledger {
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        Self { desk }
    }

    /// The ledger in a few numbers, all of the same moment.
    pub fn summary(&self) -> Summary {
        let state = self.desk.state();
        let book = &state.book;
        let mut refused = BTreeMap::new();
        for id in (ACCEPTED + 1)..=self.desk.outcomes.garbled() {
            if let Some(outcome) = self.desk.outcomes.get(id)
                && book.with_outcome(id) > 0
            {
                *refused.entry(outcome.code).or_default() += book.with_outcome(id);
            }
        }
        Summary {
            requests: book.len(),
            accepted: book.with_outcome(ACCEPTED),
            distinct_recipients: book.distinct_recipients(),
            accepted_more_than_once: book.accepted_more_than_once(),
            refused,
            balance: state.balance,
            in_flight: self.desk.in_flight(),
            first_arrival_us: book.first_arrival_us(),
            last_arrival_us: book.last_arrival_us(),
        }
    }

    /// At most `limit` entries behind the sequence `after`, in order.
    pub fn entries(&self, after: u64, limit: usize) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        while entries.len() < limit {
            let behind = entries.last().map_or(after, |entry| entry.sequence);
            let page = PAGE.min(limit - entries.len());
            let state = self.desk.state();
            let before = entries.len();
            entries.extend(
                state
                    .book
                    .records(behind)
                    .take(page)
                    .map(|(sequence, record)| self.entry(&state.book, state.salt, sequence, record)),
            );
            drop(state);
            if entries.len() - before < page {
                break;
            }
        }
        entries
    }

    /// The time on the clock of arrivals, in microseconds since the start.
    pub fn now_us(&self) -> u64 {
        self.desk.since_start_us(Instant::now())
    }

    /// When each request had arrived, in microseconds since the start, in order.
    pub fn arrivals(&self) -> Vec<u64> {
        self.arrivals_of(|_| true)
    }

    /// When each accepted message had arrived, in microseconds since the start, in order.
    pub fn accepted_arrivals(&self) -> Vec<u64> {
        self.arrivals_of(|record| record.outcome == ACCEPTED)
    }

    /// What one recipient was sent; looks through the whole ledger.
    pub fn recipient(&self, recipient: Msisdn) -> Recipient {
        let state = self.desk.state();
        let digits = recipient.as_u64();
        let theirs = state.book.records(0).filter(|(_, record)| record.recipient == digits);
        let requests =
            theirs.map(|(sequence, record)| self.entry(&state.book, state.salt, sequence, record)).collect();
        Recipient { accepted: state.book.accepted_for(recipient), requests }
    }

    /// Each recipient that had a message accepted, with how many, in no order.
    pub fn accepted_counts(&self) -> Vec<(Msisdn, u32)> {
        self.desk.state().book.accepted_counts().collect()
    }

    /// Waits until the summary is as wanted, and says whether it became so in time.
    pub async fn wait_until(&self, deadline: Duration, wanted: impl Fn(&Summary) -> bool) -> bool {
        let look = async {
            let mut moments = tokio::time::interval(Duration::from_millis(2));
            while !wanted(&self.summary()) {
                moments.tick().await;
            }
        };
        tokio::time::timeout(deadline, look).await.is_ok()
    }

    fn arrivals_of(&self, wanted: impl Fn(&Record) -> bool) -> Vec<u64> {
        let state = self.desk.state();
        let records = state.book.records(0).filter(|(_, record)| wanted(record));
        let mut arrivals: Vec<u64> = records.map(|(_, record)| record.arrival_us).collect();
        drop(state);
        arrivals.sort_unstable();
        arrivals
    }

    fn entry(&self, book: &Book, salt: u32, sequence: u64, record: &Record) -> Entry {
        let outcome = self.desk.outcomes.get(record.outcome);
        let accepted = record.outcome == ACCEPTED;
        let remark = book.remark(record);
        Entry {
            sequence,
            arrival_us: record.arrival_us,
            recipient: Msisdn::from_u64(record.recipient),
            reference: book.label(record.reference),
            flow_token: book.label(record.flow_token),
            ref2: book.ref2(record),
            outcome: outcome.map_or("", |outcome| outcome.name),
            code: outcome.map_or("", |outcome| outcome.code),
            accepted,
            status: (record.status != 0).then_some(record.status),
            message_id: accepted.then(|| self.desk.rules.message_id(salt, sequence)),
            peer_port: record.peer_port,
            fault: record.fault,
            unknown_fields: remark.unknown_fields,
            wrong: remark.wrong,
        }
    }
}
