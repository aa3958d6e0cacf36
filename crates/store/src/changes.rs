//! Changes that people and programs ask for: their transaction, their audit, and requests that are repeated.

pub(crate) mod audit;
pub(crate) mod change;
pub(crate) mod idempotency;
