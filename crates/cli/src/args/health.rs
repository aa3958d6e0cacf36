//! Command line options of `flowcast health`. The comments of the fields are `--help` texts.

use clap::{Args as ClapArgs, ValueEnum};

/// Options of `flowcast health`.
#[derive(ClapArgs)]
pub(crate) struct HealthArgs {
    /// The role to ask; without it, the first one that answers
    #[arg(long, value_enum)]
    pub(crate) role: Option<Role>,
    /// Ask only whether the process is alive, not whether it is ready
    #[arg(long)]
    pub(crate) alive: bool,
}

/// A long-running role.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Role {
    /// A producer.
    Producer,
    /// A consumer.
    Consumer,
    /// A server.
    Server,
}

impl Role {
    /// Its name.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Producer => "producer",
            Self::Consumer => "consumer",
            Self::Server => "server",
        }
    }
}
