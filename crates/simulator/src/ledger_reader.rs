//! Reading the ledger: which recipient was sent what, when and how often, and what was answered.
//!
//! Invariant: reading changes nothing. Long results are read page by page, so that requests do not wait for the lock. The `Debug`
//! output of the results shows no number and no token.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::decision::decide::SimulatedProvider;
use crate::ledger::ledger_store::{LedgerStore, Record};
use crate::providers::outcome::ACCEPTED;
use crate::{FaultKind, Msisdn};

/// The number of records that are read under one lock, while requests wait.
const PAGE: usize = 4_096;

/// Reads the ledger of a simulator; cheap to clone, and usable after the simulator stopped.
#[derive(Clone)]
pub struct Ledger {
    simulated: Arc<SimulatedProvider>,
}

/// One request in the ledger.
#[derive(Clone, PartialEq, Serialize)]
pub struct Entry {
    /// The number of the request in the ledger; the first is 1.
    pub sequence: u64,
    /// The arrival time of the last byte by the kernel's clock, in microseconds since the start. The sequence is the order of the
    /// decisions, so two requests that arrive together may be in either order.
    pub arrival_us: u64,
    /// The recipient, if the body names one.
    pub recipient: Option<Msisdn>,
    /// The client's reference; for Kaleyra `extra_info.ref`.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// The flow token.
    pub flow_token: Option<String>,
    /// The client's second reference; for Kaleyra `extra_info.ref2`.
    pub ref2: Option<String>,
    /// The outcome, by the simulator's name.
    pub outcome: &'static str,
    /// The outcome, by the provider's code.
    pub code: &'static str,
    /// Whether the message was accepted, whatever the client was answered.
    pub accepted: bool,
    /// The HTTP status of the answer, if there was an answer.
    pub status: Option<u16>,
    /// The provider's id of an accepted message.
    pub message_id: Option<String>,
    /// The port of the client, which identifies the connection.
    pub peer_port: u16,
    /// The fault that decided the answer.
    pub fault: Option<FaultKind>,
    /// Paths of members that the documentation does not name, as far as the body was checked.
    pub unknown_fields: Vec<String>,
    /// The reason for an invalid body: the member and the rule it breaks.
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

/// Totals of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Requests that arrived.
    pub requests: u64,
    /// Messages that were accepted.
    pub accepted: u64,
    /// Recipients with at least one accepted message.
    pub distinct_recipients: u64,
    /// Recipients with more than one accepted message.
    pub accepted_more_than_once: u64,
    /// Requests that were not accepted, by code.
    pub refused: BTreeMap<&'static str, u64>,
    /// Messages that can still be accepted; `None` is endless.
    pub balance: Option<u64>,
    /// Requests that wait for their answer now.
    pub in_flight: u64,
    /// The arrival time of the first request, in microseconds since the start.
    pub first_arrival_us: Option<u64>,
    /// The arrival time of the last request, in microseconds since the start.
    pub last_arrival_us: Option<u64>,
    /// The time of this summary, in microseconds since the start.
    pub now_us: u64,
}

/// The requests for one recipient.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recipient {
    /// Messages that were accepted.
    pub accepted: u32,
    /// All requests, accepted or not.
    pub requests: Vec<Entry>,
}

impl Ledger {
    pub(crate) fn new(simulated: Arc<SimulatedProvider>) -> Self {
        Self { simulated }
    }

    /// Totals of the ledger, all at the same moment.
    pub fn summary(&self) -> Summary {
        let state = self.simulated.state();
        let ledger = &state.ledger;
        let mut refused = BTreeMap::new();
        for id in (ACCEPTED + 1)..=self.simulated.outcomes.garbled() {
            if let Some(outcome) = self.simulated.outcomes.get(id)
                && ledger.with_outcome(id) > 0
            {
                *refused.entry(outcome.code).or_default() += ledger.with_outcome(id);
            }
        }
        Summary {
            requests: ledger.len(),
            accepted: ledger.with_outcome(ACCEPTED),
            distinct_recipients: ledger.distinct_recipients(),
            accepted_more_than_once: ledger.accepted_more_than_once(),
            refused,
            balance: state.balance,
            in_flight: self.simulated.in_flight(),
            first_arrival_us: ledger.first_arrival_us(),
            last_arrival_us: ledger.last_arrival_us(),
            now_us: self.now_us(),
        }
    }

    /// At most `limit` entries with a sequence greater than `after`, in order.
    pub fn entries(&self, after: u64, limit: usize) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        while entries.len() < limit {
            let last = entries.last().map_or(after, |entry| entry.sequence);
            let page = PAGE.min(limit - entries.len());
            let state = self.simulated.state();
            let before = entries.len();
            entries.extend(
                state
                    .ledger
                    .records(last)
                    .take(page)
                    .map(|(sequence, record)| self.entry(&state.ledger, state.salt, sequence, record)),
            );
            drop(state);
            if entries.len() - before < page {
                break;
            }
        }
        entries
    }

    /// The current time of the arrival clock, in microseconds since the start.
    pub fn now_us(&self) -> u64 {
        self.simulated.since_start_us(Instant::now())
    }

    /// The arrival times of all requests, in microseconds since the start, ascending.
    pub fn arrivals(&self) -> Vec<u64> {
        self.arrivals_of(|_| true)
    }

    /// The arrival times of accepted messages, in microseconds since the start, ascending.
    pub fn accepted_arrivals(&self) -> Vec<u64> {
        self.arrivals_of(|record| record.outcome == ACCEPTED)
    }

    /// The requests for one recipient; scans the whole ledger.
    pub fn recipient(&self, recipient: Msisdn) -> Recipient {
        let state = self.simulated.state();
        let digits = recipient.as_u64();
        let records = state.ledger.records(0).filter(|(_, record)| record.recipient == digits);
        let requests = records
            .map(|(sequence, record)| self.entry(&state.ledger, state.salt, sequence, record))
            .collect();
        Recipient { accepted: state.ledger.accepted_for(recipient), requests }
    }

    /// Every recipient with an accepted message and the number of accepted messages, in no particular order.
    pub fn accepted_counts(&self) -> Vec<(Msisdn, u32)> {
        self.simulated.state().ledger.accepted_counts().collect()
    }

    /// Waits until `wanted` holds for the summary. Returns `false` if it does not within `deadline`.
    pub async fn wait_until(&self, deadline: Duration, wanted: impl Fn(&Summary) -> bool) -> bool {
        let poll = async {
            let mut interval = tokio::time::interval(Duration::from_millis(2));
            while !wanted(&self.summary()) {
                interval.tick().await;
            }
        };
        tokio::time::timeout(deadline, poll).await.is_ok()
    }

    fn arrivals_of(&self, wanted: impl Fn(&Record) -> bool) -> Vec<u64> {
        let state = self.simulated.state();
        let records = state.ledger.records(0).filter(|(_, record)| wanted(record));
        let mut arrivals: Vec<u64> = records.map(|(_, record)| record.arrival_us).collect();
        drop(state);
        arrivals.sort_unstable();
        arrivals
    }

    fn entry(&self, ledger: &LedgerStore, salt: u32, sequence: u64, record: &Record) -> Entry {
        let outcome = self.simulated.outcomes.get(record.outcome);
        let accepted = record.outcome == ACCEPTED;
        let body_report = ledger.body_report(record);
        Entry {
            sequence,
            arrival_us: record.arrival_us,
            recipient: Msisdn::from_u64(record.recipient),
            reference: ledger.compact_ref(record.reference),
            flow_token: ledger.compact_ref(record.flow_token),
            ref2: ledger.ref2(record),
            outcome: outcome.map_or("", |outcome| outcome.name),
            code: outcome.map_or("", |outcome| outcome.code),
            accepted,
            status: (record.status != 0).then_some(record.status),
            message_id: accepted.then(|| self.simulated.api.message_id(salt, sequence)),
            peer_port: record.peer_port,
            fault: record.fault,
            unknown_fields: body_report.unknown_fields,
            wrong: body_report.wrong,
        }
    }
}
