//! Accounts, sessions and API keys against a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails right there")]

mod accounts;
mod audited;
mod keys;
mod log_ins;
mod rights;
mod second_factors;
mod secrets;
mod sessions;
mod world;
