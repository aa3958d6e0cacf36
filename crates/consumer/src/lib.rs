//! The consumer: receives blocks of recipients from the senders' queues, claims the recipients and sends their messages.
//!
//! Start reading at `pipeline::handle`: it is the story of one batch, from top to bottom.
//!
//! **Invariants.** A block is acknowledged when each of its recipients is in a committed claim, or was not due. A recipient in a
//! claim gets at most one HTTP request. No phone number, variable or key is logged.

mod assignment;
mod batch;
mod campaigns;
mod capacity;
mod config;
mod departures;
mod gate;
mod gate_mirror;
mod journal;
mod live_channel;
mod lost_commits;
mod metrics;
mod nights;
mod open_block;
mod pipeline;
mod recent_outcomes;
mod recorder;
mod run;
mod sender_health;
mod sender_loop;
mod sender_metrics;
mod sender_worker;
mod sender_workers;
mod spans;

pub use config::{Config, KeyResolver};
pub use journal::check_directory as check_journal;
pub use metrics::INSTRUMENTS;
pub use run::{Setup, run};
