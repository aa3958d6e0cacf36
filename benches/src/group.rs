//! The processes of a contestant: the process started here and all its children, as one process group.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::flowcast::last_lines;
use crate::usage;

/// How long a group may take to shut down.
const STOP_LIMIT: Duration = Duration::from_secs(45);

/// The group; dropping it kills it.
pub(crate) struct Group {
    name: String,
    leader: u32,
    child: Child,
    log: PathBuf,
}

impl Group {
    /// Starts the group with its output in a log file in this folder.
    pub(crate) fn start(name: &str, mut command: Command, folder: &std::path::Path) -> anyhow::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {name}; benches/peers/install installs it"))?;
        let leader = child.id().context("a process that just started has ended")?;
        Ok(Self { name: name.to_owned(), leader, child, log })
    }

    /// The CPU time used by its processes so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let own = usage::cpu(self.leader).with_context(|| format!("{} is gone", self.name))?;
        let below = usage::descendants(self.leader);
        Ok(own + below.iter().map(|stat| stat.own + stat.ended_children).sum::<Duration>())
    }

    /// An error with the end of its log, if the process has ended.
    pub(crate) fn is_alive(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => anyhow::bail!("{} ended with {status}:\n{}", self.name, self.last_words()),
        }
    }

    /// The end of its log.
    pub(crate) fn last_words(&self) -> String {
        last_lines(&self.log, 12)
    }

    /// Kills all processes at once, like `kill -9`.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        self.signal_all(Signal::SIGKILL);
        self.child.wait().await?;
        Ok(())
    }

    /// Sends SIGTERM and waits for the end; kills the group if it does not end in time.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        kill(Pid::from_raw(i32::try_from(self.leader)?), Signal::SIGTERM).ok();
        let ended = timeout(STOP_LIMIT, self.child.wait()).await;
        let words = || format!("{} did not stop in {STOP_LIMIT:?}:\n{}", self.name, self.last_words());
        ended.with_context(words)??;
        Ok(())
    }

    fn signal_all(&self, signal: Signal) {
        if let Ok(leader) = i32::try_from(self.leader) {
            // An error means that no process is left.
            killpg(Pid::from_raw(leader), signal).ok();
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal_all(Signal::SIGKILL);
    }
}
