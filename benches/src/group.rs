//! A contestant's processes: one that was started here, and whatever it starts, as one process group.

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

/// What a group may take to end in good order.
const PATIENCE: Duration = Duration::from_secs(45);

/// The group; dropping it kills it.
pub(crate) struct Group {
    name: String,
    leader: u32,
    child: Child,
    log: PathBuf,
}

impl Group {
    /// Starts it with its output in a log file in this folder.
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

    /// The CPU time that its processes took so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let own = usage::cpu(self.leader).with_context(|| format!("{} is gone", self.name))?;
        let below = usage::descendants(self.leader);
        Ok(own + below.iter().map(|stat| stat.own + stat.ended_children).sum::<Duration>())
    }

    /// An error if it has ended, with the end of its log.
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

    /// Kills all of it at once, as `kill -9` does.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        self.signal_all(Signal::SIGKILL);
        self.child.wait().await?;
        Ok(())
    }

    /// Tells it to stop and waits until it has; what does not is killed.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        kill(Pid::from_raw(i32::try_from(self.leader)?), Signal::SIGTERM).ok();
        let ended = timeout(PATIENCE, self.child.wait()).await;
        let words = || format!("{} did not stop in {PATIENCE:?}:\n{}", self.name, self.last_words());
        ended.with_context(words)??;
        Ok(())
    }

    fn signal_all(&self, signal: Signal) {
        if let Ok(leader) = i32::try_from(self.leader) {
            // An error means that nobody is left.
            killpg(Pid::from_raw(leader), signal).ok();
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal_all(Signal::SIGKILL);
    }
}
