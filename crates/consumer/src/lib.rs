//! The consumer: takes ids from the senders' queues and sends the messages.
//!
//! **Invariants.** The way of one batch is told by one function, `pipeline::handle`, from top to bottom. A message of
//! the queue is settled only after what became of its recipient is committed. One claim is one HTTP request. No phone
//! number, variable or key is logged.

mod batch;
mod campaigns;
mod config;
mod gate;
mod intake;
mod lane;
mod mirror;
mod pace;
mod pipeline;
mod recorder;
mod room;
mod run;
mod waiting;

pub use config::{Config, KeyResolver};
pub use run::{Setup, run};
