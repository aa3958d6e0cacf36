//! Command line options of `flowcast database`. The comments of the fields are `--help` texts.

use clap::{Args as ClapArgs, Subcommand};

#[derive(Subcommand)]
pub(crate) enum DatabaseCommand {
    /// Show the identity of this database beside the confirmed one, and the senders that are held because they differ
    Show {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Confirm this database, after a failover or a restore; senders stay held
    Confirm(Confirm),
}

/// Options of `flowcast database confirm`.
#[derive(ClapArgs)]
pub(crate) struct Confirm {
    /// Who confirms; default: the user of this command
    #[arg(long, value_name = "NAME")]
    pub(crate) by: Option<String>,
    /// Resume the senders that were held because of the failover, in the same transaction
    #[arg(long)]
    pub(crate) resume: bool,
    /// How far the database is behind at most, if consumers were killed as well, for example 30s: recipients that senders could have
    /// sent to in this time become unknown
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) assume_sent: Option<std::time::Duration>,
    /// Confirm also if a consumer has not yet recorded again what it knows; recipients whose outcomes are lost are then sent to twice
    #[arg(long)]
    pub(crate) force: bool,
}
