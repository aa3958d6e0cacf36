//! The store against a real Postgres.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails right there")]

mod claims;
mod consents;
mod costs;
mod countries;
mod days;
mod dead_letters;
mod documents;
mod endings;
mod equivalence;
mod erasures;
mod feeds;
mod folders;
mod gate_watch;
mod imports;
mod outcomes;
mod pending;
mod people;
mod receipts;
mod refused_rows;
mod relocation;
mod report_ids;
mod reports;
mod retries;
mod schema;
mod settlements;
mod slots;
mod stops;
mod tls;
mod trouble;
mod volumes;
mod world;
