//! The decision about a request: rate limit, faults, balance, outcome and ledger record.
//!
//! This folder uses `settings`, `providers`, `ledger` and `webhooks`. It knows nothing of HTTP connections.

pub(crate) mod decide;
pub(crate) mod injector;
pub(crate) mod sliding_window;
