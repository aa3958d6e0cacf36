//! The HTTP server: webhooks of the providers, and uploads of recipient lists.
//!
//! ```text
//! request ─▶ webhook::handler (authenticate, parse) ─▶ webhook::events (rows) ─▶ queue ─▶ webhook::committer ─▶ 200
//! ```
//!
//! **Invariants.**
//! - The answer 200 is sent after the commit, never before. If the server dies, every webhook request that was answered 200 is in
//!   the database.
//! - Memory is bounded: queued requests by number and by bytes, connections by number (`http/connections.rs`). Above a limit the
//!   answer is 503 immediately; all providers repeat the request. Requests that are not authenticated do not displace
//!   authenticated ones (`http/body_memory.rs`).
//! - A refused request is counted and logged in one line, without anything of the body, the path or the client's address.
//! - A webhook request is accepted if its path is known, its address is among the sender's sources, and its signature or password
//!   is right. Paths and passwords are compared by their hash, signatures in constant time.
//! - A list is imported completely or not at all, and only with the upload key. Without a key in the settings there are no
//!   uploads.
//!
//! # Structure
//!
//! Each module uses only modules above it: `config`, `http` (connections and limits), `webhook`, `upload`, `background` (periodic
//! tasks), `monitor` (metrics and health), `server` (start and stop). `metrics` is used by all.

mod background;
mod config;
mod http;
mod metrics;
mod monitor;
mod server;
mod upload;
mod webhook;

pub use config::Config;
pub use metrics::INSTRUMENTS;
pub use server::{Server, Setup};
pub use webhook::senders::Secrets;
