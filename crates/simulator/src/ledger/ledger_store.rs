//! The storage of the ledger: one 64-byte record per request, in chunks that never move.
//!
//! Invariant: records are stored in the order of their sequence, which begins at 1. A million accepted messages with a UUID as
//! reference take about 100 MB, including the counts per recipient. References longer than 15 bytes that are not UUIDs take their
//! length in addition.

use std::collections::HashMap;

use crate::ledger::compact_ref::{CompactRef, CompactRefs};
use crate::providers::api::{BodyReport, Examination};
use crate::providers::outcome::{ACCEPTED, OutcomeId};
use crate::{FaultKind, Msisdn};

const CHUNK: usize = 16_384;
/// The number of maps that hold the counts per recipient. Each map grows on its own, so that no request waits for all of them.
const SHARDS: usize = 64;

/// One request, in 64 bytes.
#[derive(Clone, Copy)]
pub(crate) struct Record {
    pub(crate) arrival_us: u64,
    /// The digits of the recipient; 0 is none.
    pub(crate) recipient: u64,
    pub(crate) body_report: u32,
    pub(crate) ref2: u32,
    pub(crate) peer_port: u16,
    /// The HTTP status of the answer; 0 is no answer.
    pub(crate) status: u16,
    pub(crate) outcome: OutcomeId,
    pub(crate) fault: Option<FaultKind>,
    pub(crate) reference: CompactRef,
    pub(crate) flow_token: CompactRef,
}

/// The part of a record that the decision adds to the examined request.
#[derive(Clone, Copy)]
pub(crate) struct DecisionRecord {
    pub(crate) arrival_us: u64,
    pub(crate) peer_port: u16,
    pub(crate) status: u16,
    pub(crate) outcome: OutcomeId,
    pub(crate) fault: Option<FaultKind>,
}

#[derive(Default)]
pub(crate) struct LedgerStore {
    chunks: Vec<Vec<Record>>,
    refs: CompactRefs,
    body_reports: Interner<BodyReport>,
    ref2s: Interner<Option<String>>,
    accepted_of: Vec<HashMap<u64, u32>>,
    by_outcome: Vec<u64>,
    arrivals_us: Option<(u64, u64)>,
    distinct_recipients: u64,
    accepted_more_than_once: u64,
}

impl LedgerStore {
    pub(crate) fn len(&self) -> u64 {
        let full = self.chunks.len().saturating_sub(1) * CHUNK;
        let last = self.chunks.last().map_or(0, Vec::len);
        u64::try_from(full + last).unwrap_or(u64::MAX)
    }

    /// Appends a request with the next sequence.
    pub(crate) fn append(&mut self, examined: Examination, decided: DecisionRecord) {
        let record = Record {
            arrival_us: decided.arrival_us,
            recipient: examined.recipient.map_or(0, Msisdn::as_u64),
            body_report: self.body_reports.intern(examined.body_report),
            ref2: self.ref2s.intern(examined.ref2),
            peer_port: decided.peer_port,
            status: decided.status,
            outcome: decided.outcome,
            fault: decided.fault,
            reference: self.refs.store(examined.reference.as_deref()),
            flow_token: self.refs.store(examined.flow_token.as_deref()),
        };
        self.count(&record);
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(record),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(record);
                self.chunks.push(chunk);
            }
        }
    }

    /// The records with a sequence greater than `after`, with their sequences.
    pub(crate) fn records(&self, after: u64) -> impl Iterator<Item = (u64, &Record)> {
        let after_index = usize::try_from(after).unwrap_or(usize::MAX);
        let chunks = self.chunks.iter().skip(after_index / CHUNK);
        let records = chunks.flatten().skip(after_index % CHUNK);
        records.zip(after.saturating_add(1)..).map(|(record, sequence)| (sequence, record))
    }

    pub(crate) fn compact_ref(&self, compact_ref: CompactRef) -> Option<String> {
        self.refs.read(compact_ref)
    }

    pub(crate) fn body_report(&self, record: &Record) -> BodyReport {
        self.body_reports.get(record.body_report).cloned().unwrap_or_default()
    }

    pub(crate) fn ref2(&self, record: &Record) -> Option<String> {
        self.ref2s.get(record.ref2).cloned().flatten()
    }

    pub(crate) fn with_outcome(&self, outcome: OutcomeId) -> u64 {
        self.by_outcome.get(usize::from(outcome)).copied().unwrap_or(0)
    }

    pub(crate) fn accepted_for(&self, recipient: Msisdn) -> u32 {
        let digits = recipient.as_u64();
        self.accepted_of.get(shard(digits)).and_then(|counts| counts.get(&digits)).copied().unwrap_or(0)
    }

    pub(crate) fn accepted_counts(&self) -> impl Iterator<Item = (Msisdn, u32)> {
        let counts = self.accepted_of.iter().flatten();
        counts.filter_map(|(&digits, &count)| Some((Msisdn::from_u64(digits)?, count)))
    }

    pub(crate) fn distinct_recipients(&self) -> u64 {
        self.distinct_recipients
    }

    pub(crate) fn accepted_more_than_once(&self) -> u64 {
        self.accepted_more_than_once
    }

    pub(crate) fn first_arrival_us(&self) -> Option<u64> {
        self.arrivals_us.map(|(first, _)| first)
    }

    pub(crate) fn last_arrival_us(&self) -> Option<u64> {
        self.arrivals_us.map(|(_, last)| last)
    }

    fn count(&mut self, record: &Record) {
        let at = record.arrival_us;
        let (first, last) = self.arrivals_us.unwrap_or((at, at));
        self.arrivals_us = Some((first.min(at), last.max(at)));
        let outcome = usize::from(record.outcome);
        if self.by_outcome.len() <= outcome {
            self.by_outcome.resize(outcome + 1, 0);
        }
        if let Some(count) = self.by_outcome.get_mut(outcome) {
            *count += 1;
        }
        if record.outcome != ACCEPTED {
            return;
        }
        if self.accepted_of.is_empty() {
            self.accepted_of.resize_with(SHARDS, HashMap::new);
        }
        if let Some(counts) = self.accepted_of.get_mut(shard(record.recipient)) {
            let count = counts.entry(record.recipient).or_default();
            *count = count.saturating_add(1);
            self.distinct_recipients += u64::from(*count == 1);
            self.accepted_more_than_once += u64::from(*count == 2);
        }
    }
}

fn shard(digits: u64) -> usize {
    usize::try_from(digits % 64).unwrap_or(0) % SHARDS
}

/// Stores each distinct value once and gives it a number; the default value is 0.
struct Interner<T> {
    values: Vec<T>,
    numbers: HashMap<T, u32>,
    empty: T,
}

impl<T: Default> Default for Interner<T> {
    fn default() -> Self {
        Self { values: Vec::new(), numbers: HashMap::new(), empty: T::default() }
    }
}

impl<T: Clone + Eq + std::hash::Hash> Interner<T> {
    fn intern(&mut self, value: T) -> u32 {
        if value == self.empty {
            return 0;
        }
        if let Some(&number) = self.numbers.get(&value) {
            return number;
        }
        self.values.push(value.clone());
        let number = u32::try_from(self.values.len()).unwrap_or(0);
        self.numbers.insert(value, number);
        number
    }

    fn get(&self, number: u32) -> Option<&T> {
        let index = usize::try_from(number).unwrap_or(0).checked_sub(1)?;
        self.values.get(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(ledger: &mut LedgerStore, recipient: &str, outcome: OutcomeId) {
        let examined = Examination { recipient: Msisdn::parse(recipient), ..Examination::default() };
        let arrival_us = ledger.len() * 10;
        ledger
            .append(examined, DecisionRecord { arrival_us, peer_port: 1, status: 202, outcome, fault: None });
    }

    #[test]
    fn a_record_is_one_cache_line() {
        assert_eq!(size_of::<Record>(), 64);
    }

    #[test]
    fn reads_records_after_any_sequence_across_chunks() {
        let mut ledger = LedgerStore::default();
        for _ in 0..(2 * CHUNK + 5) {
            append(&mut ledger, "254700000001", ACCEPTED);
        }
        let total = ledger.len();
        for after in [0, 1, 16_383, 16_384, 16_385, 32_768, total - 1, total, total + 9, u64::MAX] {
            let sequences: Vec<u64> = ledger.records(after).map(|(sequence, _)| sequence).collect();
            assert_eq!(sequences.len() as u64, total.saturating_sub(after), "after {after}");
            assert!(ledger.records(after).all(|(sequence, record)| record.arrival_us == (sequence - 1) * 10));
        }
    }

    #[test]
    fn counts_accepted_messages_by_recipient() {
        let mut ledger = LedgerStore::default();
        for (recipient, outcome) in
            [("254700000001", 0), ("254700000001", 0), ("254700000002", 0), ("254700000003", 1)]
        {
            append(&mut ledger, recipient, outcome);
        }
        append(&mut ledger, "254700000001", ACCEPTED);
        assert_eq!((ledger.distinct_recipients(), ledger.accepted_more_than_once()), (2, 1));
        assert_eq!(ledger.accepted_for(Msisdn::parse("254700000001").unwrap()), 3);
        assert_eq!(ledger.accepted_for(Msisdn::parse("254700000003").unwrap()), 0);
        assert_eq!((ledger.with_outcome(0), ledger.with_outcome(1), ledger.with_outcome(9)), (4, 1, 0));
    }
}
