//! The consumer: receives recipient ids from the senders' queues, claims the recipients and sends their messages.
//!
//! Start reading at `pipeline::handle`: it is the story of one batch, from top to bottom.
//!
//! **Invariants.** A queue message is acknowledged only after the outcome of its recipient is committed, or if its recipient was
//! not claimed. A recipient in a claim gets at most one HTTP request. No phone number, variable or key is logged.

mod batch;
mod campaigns;
mod capacity;
mod config;
mod departures;
mod gate;
mod gate_mirror;
mod live_channel;
mod metrics;
mod pipeline;
mod recorder;
mod run;
mod sender_health;
mod sender_loop;
mod sender_metrics;
mod sender_worker;
mod spans;

pub use config::{Config, KeyResolver};
pub use metrics::INSTRUMENTS;
pub use run::{Setup, run};
