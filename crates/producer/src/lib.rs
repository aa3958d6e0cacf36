//! The producer: lists into Postgres, and recipients' ids into the senders' queues.
//!
//! **Invariants.** A list is stored whole or not at all. The feed stays a few seconds ahead of the workers, moves its
//! cursor only past ids whose publishing was confirmed, and can be set back at any time: publishing an id twice is
//! harmless, because a claim decides. No phone number goes to the broker.

mod columns;
mod config;
mod dead;
mod error;
mod feed;
mod import;
mod list;
mod run;
mod share;

pub use config::Config;
pub use dead::drain;
pub use error::Error;
pub use import::{ImportReport, Progress, import};
pub use list::{ImportOptions, reason_words};
pub use run::run;
