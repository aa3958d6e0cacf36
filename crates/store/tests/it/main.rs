//! The store against a real Postgres.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails right there")]

mod claim_pending;
mod claims;
mod consents;
mod costs;
mod countries;
mod days;
mod dead_letters;
mod documents;
mod equivalence;
mod erasures;
mod feeds;
mod finish_and_cancel;
mod folders;
mod gate_watch;
mod imports;
mod outcomes;
mod people;
mod plans;
mod receipts;
mod refused_rows;
mod relocation;
mod report_ids;
mod reports;
mod resend;
mod resolutions;
mod schema;
mod slots;
mod stops;
mod tls;
mod trouble;
mod volumes;
mod world;
