//! The simulator over real sockets; needs no services.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

mod admin;
mod balance;
mod client;
mod faults;
mod ledger;
mod providers;
mod refusals;
mod strictness;
