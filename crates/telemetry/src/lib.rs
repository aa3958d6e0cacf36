//! Metrics and health of one process.
//!
//! A crate declares its metrics in one file, `metrics.rs`, as statics of [`Counters`], [`Gauges`] and [`Histograms`]. Code that runs
//! often keeps the handles (`Counters::with`), so that an event costs a few atomic operations.
//!
//! **Invariants.**
//! - The handlers of [`router()`] read memory only. They never wait for PostgreSQL, RabbitMQ or a provider.
//! - The number of series is bounded: a value that is not in the list of its label becomes `other`, and senders beyond
//!   `[metrics] senders` become `_other`.
//! - No label contains a phone number, a variable, an id of a message, a key or an address.

mod config;
mod exporter;
pub mod health;
mod instrument;
mod label;
mod markdown;
mod notify;
mod process;
mod router;
mod scrape;
mod senders;
mod steps;

/// The target of spans for an OpenTelemetry collector. They are exported if `[otlp] endpoint` is set, and are no context of log lines.
pub const SPANS: &str = "flowcast_spans";

pub use config::{Config, Listen};
pub use exporter::{Exporter, render_once};
pub use instrument::{
    Counter, Counters, Gauge, Gauges, Histogram, Histograms, Instrument, Kind, Rows, replace_together,
};
pub use label::{CAMPAIGN, Label, SENDER, Values};
pub use markdown::{Section, markdown};
pub use notify::Notifier;
pub use process::{BuildInfo, INSTRUMENTS};
pub use router::router;
pub use scrape::on_scrape;
pub use steps::{STAGES, Stage, Step, oldest, step};
