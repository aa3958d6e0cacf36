//! Webhooks of providers: delivery receipts, answers, opt-outs, templates after closed windows, and events whose message is not known yet.
//!
//! Uses `db`, `campaigns`, `lists`, `sending`.

pub(crate) mod answers;
pub(crate) mod batch;
pub(crate) mod closed;
pub(crate) mod conversations;
pub(crate) mod fall_back;
pub(crate) mod ingest;
pub(crate) mod ingest_apart;
pub(crate) mod match_again;
pub(crate) mod matching;
pub(crate) mod number_changes;
pub(crate) mod people;
pub(crate) mod receipts;
pub(crate) mod rows;
pub(crate) mod unmatched;
pub(crate) mod users;
