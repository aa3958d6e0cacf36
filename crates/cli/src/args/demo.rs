//! Arguments of `flowcast demo`.

use std::time::Duration;

use clap::Args as ClapArgs;

use crate::args::senders::{RateArg, rate};

#[derive(ClapArgs)]
pub(crate) struct Demo {
    /// Number of recipients
    #[arg(long, default_value_t = 10_000)]
    pub(crate) recipients: u32,
    /// Rate of the sender, or none
    #[arg(long, default_value = "1000/s", value_parser = rate)]
    pub(crate) rate: RateArg,
    /// Number of consumers
    #[arg(long, default_value_t = 2)]
    pub(crate) consumers: u32,
    /// Latency of the simulated provider
    #[arg(long, default_value = "50ms", value_parser = humantime::parse_duration)]
    pub(crate) latency: Duration,
    /// End after the report instead of serving the console; also done without a terminal
    #[arg(long)]
    pub(crate) exit: bool,
}
