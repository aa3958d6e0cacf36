//! The compared programs: Flowcast, the batch prototype, and the usual alternatives.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use tokio::process::Command;

use crate::envelope::Envelope;
use crate::output::line;
use crate::prototype;

/// Jobs that each peer has in flight, however it divides them.
const CONCURRENCY: u32 = 64;

/// What the installation creates, in the folder of the peers.
const INSTALLED: [&str; 3] = [".venv/bin/celery", "node/node_modules", "apalis/target/release/peer-apalis"];

/// A program that does the fair job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Contestant {
    Flowcast,
    /// Flowcast, whose producer publishes the messages while they are sent.
    FlowcastFed,
    /// Flowcast with one recipient in each queue message, as the peers have it.
    FlowcastSingly,
    Prototype,
    Apalis,
    Node,
    AioPika,
    Dramatiq,
    Celery,
}

impl Contestant {
    /// The name in the table.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Flowcast => "Flowcast, blocks of 400",
            Self::FlowcastFed => "Flowcast, blocks of 400, feeding meanwhile",
            Self::FlowcastSingly => "Flowcast, blocks of one",
            Self::Prototype => "batch prototype",
            Self::Apalis => "apalis",
            Self::Node => "Node",
            Self::AioPika => "aio-pika",
            Self::Dramatiq => "Dramatiq",
            Self::Celery => "Celery",
        }
    }

    /// The number of jobs, so that each contestant works for some seconds.
    pub(crate) const fn jobs(self) -> u32 {
        match self {
            Self::Flowcast | Self::FlowcastFed | Self::FlowcastSingly | Self::Prototype => 120_000,
            Self::Apalis | Self::Node => 20_000,
            Self::AioPika => 10_000,
            Self::Dramatiq => 5_000,
            Self::Celery => 4_000,
        }
    }

    /// The format of its messages.
    pub(crate) const fn envelope(self) -> Envelope {
        match self {
            Self::Flowcast
            | Self::FlowcastFed
            | Self::FlowcastSingly
            | Self::Prototype
            | Self::Apalis
            | Self::Node
            | Self::AioPika => Envelope::Plain,
            Self::Dramatiq => Envelope::Dramatiq,
            Self::Celery => Envelope::Celery,
        }
    }

    /// How the contestant handles the open job of a worker that died, according to its code.
    pub(crate) const fn promise(self) -> &'static str {
        match self {
            own if own.is_own() => "never sent again: unknown",
            _ => "sent again",
        }
    }

    /// Whether it must be installed.
    pub(crate) const fn is_peer(self) -> bool {
        !matches!(self, Self::Prototype) && !self.is_own()
    }

    /// Whether it is Flowcast itself.
    pub(crate) const fn is_own(self) -> bool {
        matches!(self, Self::Flowcast | Self::FlowcastFed | Self::FlowcastSingly)
    }

    /// The command that starts it; Flowcast has roles instead.
    pub(crate) fn command(self) -> anyhow::Result<Command> {
        let folder = match self {
            Self::Flowcast | Self::FlowcastFed | Self::FlowcastSingly | Self::Prototype => {
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
        let mut command = Command::new(peers().join(folder).join("run"));
        command.env("PEER_CONCURRENCY", CONCURRENCY.to_string());
        Ok(command)
    }
}

/// Installs the peers from their registries, unless they are installed.
pub(crate) async fn install() -> anyhow::Result<()> {
    if INSTALLED.iter().all(|what| peers().join(what).exists()) {
        return Ok(());
    }
    line("installing the peers");
    let installed = Command::new(peers().join("install")).status().await.context("installing the peers")?;
    anyhow::ensure!(installed.success(), "the peers cannot be installed");
    Ok(())
}

fn peers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers")
}
