//! Who is compared: Flowcast, the batch prototype, and what people would use instead.

use std::path::Path;

use clap::ValueEnum;
use tokio::process::Command;

use crate::envelope::Envelope;
use crate::prototype;

/// Jobs that each peer has under way at once, however it divides them.
const CONCURRENCY: u32 = 64;

/// Whoever does the fair job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Contestant {
    Flowcast,
    Prototype,
    Apalis,
    Node,
    AioPika,
    Dramatiq,
    Celery,
}

impl Contestant {
    /// What the table calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Flowcast => "Flowcast",
            Self::Prototype => "batch prototype",
            Self::Apalis => "apalis",
            Self::Node => "Node",
            Self::AioPika => "aio-pika",
            Self::Dramatiq => "Dramatiq",
            Self::Celery => "Celery",
        }
    }

    /// How many jobs it gets, so that each works for some seconds.
    pub(crate) const fn jobs(self) -> u32 {
        match self {
            Self::Flowcast | Self::Prototype => 60_000,
            Self::Apalis | Self::Node => 20_000,
            Self::AioPika => 10_000,
            Self::Dramatiq => 5_000,
            Self::Celery => 4_000,
        }
    }

    /// How its messages look.
    pub(crate) const fn envelope(self) -> Envelope {
        match self {
            Self::Flowcast | Self::Prototype | Self::Apalis | Self::Node | Self::AioPika => Envelope::Plain,
            Self::Dramatiq => Envelope::Dramatiq,
            Self::Celery => Envelope::Celery,
        }
    }

    /// What becomes of a claim whose worker died, as its code says.
    pub(crate) const fn promise(self) -> &'static str {
        match self {
            Self::Flowcast => "never sent again: unknown",
            _ => "sent again",
        }
    }

    /// What starts it; Flowcast has roles instead.
    pub(crate) fn command(self) -> anyhow::Result<Command> {
        let folder = match self {
            Self::Flowcast | Self::Prototype => {
                let mut command = Command::new(std::env::current_exe()?);
                command.env(prototype::CHILD, "1");
                return Ok(command);
            }
            Self::Apalis => "apalis",
            Self::Node => "node",
            Self::AioPika => "aio_pika",
            Self::Dramatiq => "dramatiq",
            Self::Celery => "celery",
        };
        let mut command =
            Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(folder).join("run"));
        command.env("PEER_CONCURRENCY", CONCURRENCY.to_string());
        Ok(command)
    }
}
