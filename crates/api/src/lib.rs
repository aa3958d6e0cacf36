//! The HTTP API: `/api/v1`, JSON.
//!
//! ```text
//! request ─▶ answer (request id, headers) ─▶ admission (key, rate) ─▶ resources::… (body, query) ─▶ Control ─▶ JSON or problem
//! ```
//!
//! **Invariants.**
//! - This crate knows HTTP and the control plane. Rights, audit and idempotency are in `control`.
//! - An answer that is not 2xx or 304 is a problem (RFC 9457) whose `detail` is the sentence that the command prints.
//! - Every answer has a request id and the headers of `answer`, also an answer to a request that no route matches.
//! - Phone numbers are in bodies, never in addresses.
//! - A request with unknown members or parameters is refused.
//!
//! # Structure
//!
//! `config`, `problem`, `answer` (request ids, headers), `rate_limit`, `admission` (keys), `json`, `body`, `upload`, `download`, `page`, `etag`, `schema`, `streams`, `resources` (one
//! file per subject), `openapi`, `router`.

mod admission;
mod answer;
mod body;
mod config;
mod download;
mod etag;
mod json;
mod openapi;
mod page;
mod problem;
mod rate_limit;
mod resources;
mod router;
mod schema;
mod streams;
mod upload;

pub use config::Config;
pub use openapi::document;
pub use router::router;
