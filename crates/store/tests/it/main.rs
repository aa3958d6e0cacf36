//! The store against a real Postgres.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails right there")]

mod claims;
mod consents;
mod dead_letters;
mod endings;
mod feeds;
mod imports;
mod outcomes;
mod receipts;
mod schema;
mod settlements;
mod world;
