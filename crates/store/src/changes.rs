//! Changes that people and programs ask for: their transaction, their audit, requests that are repeated, and long actions.
//!
//! Uses `db`.

pub(crate) mod audit;
pub(crate) mod change;
pub(crate) mod idempotency;
pub(crate) mod jobs;
