//! What is posted to us over HTTP: webhooks of the providers, and lists of recipients.
//!
//! ```text
//! request ─▶ hook (who is it, is it signed) ─▶ intake (what does it say) ─▶ queue ─▶ committer ─▶ 200
//! ```
//!
//! **Invariants.**
//! - 200 is said after the commit and never before, so whatever got a 200 is in the database, whoever dies then.
//! - Memory is bounded: posts in the queue by number and by bytes, connections by number (`connections.rs`). Beyond that the answer is 503 at once; all
//!   providers post again. No post that is not checked keeps a good one out (`memory.rs`).
//! - What is refused leaves a number behind and one line in the log, without anything of the body, the path or the address's
//!   owner.
//! - A body is trusted when its path is known, its address is one of the sender's, and its signature or password is right. Paths
//!   and passwords are compared by their hash, signatures in constant time.
//! - A list is imported whole or not at all, and only for whoever shows the key; without a key in the settings there is no such
//!   address.

mod address;
mod body;
mod committer;
mod config;
mod connections;
mod content_coding;
mod days;
mod hook;
mod intake;
mod limit;
mod listen;
mod memory;
mod proxies;
mod run;
mod senders;
mod stops;
mod upkeep;
mod upload_answer;
mod upload_body;
mod upload_query;
mod uploads;

pub use config::Config;
pub use run::{Server, Setup};
pub use senders::Secrets;
