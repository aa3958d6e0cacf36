//! The memory of every request that arrived.
//!
//! This folder uses `settings` and `providers`. The public reader is `ledger_reader.rs`.

mod compact_ref;
pub(crate) mod ledger_store;
