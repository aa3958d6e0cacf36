//! The control plane against a real PostgreSQL.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails right there")]

mod audit;
mod drafts;
mod jobs;
mod live;
mod pages;
mod repeated;
mod rights;
mod start_requests;
mod starts;
mod texts;
mod webhook_endpoints;
mod world;
