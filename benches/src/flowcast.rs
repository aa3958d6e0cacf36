//! The `flowcast` executable under test: a release build, run as in production.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::{Instant, interval};

use crate::output::line;
use crate::usage::{self, Memory};

/// How long a process may drain.
const DRAIN_LIMIT: Duration = Duration::from_secs(45);
/// How often the memory of a command is read.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The executable.
pub(crate) struct Flowcast {
    path: PathBuf,
}

/// A process that runs until it gets SIGTERM.
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) pid: u32,
    child: Child,
    log: PathBuf,
}

/// The result of a command that ran to its end.
pub(crate) struct Ran {
    pub(crate) time: Duration,
    pub(crate) cpu: Duration,
    pub(crate) memory: Memory,
}

/// The environment of a process: its folder and variables.
pub(crate) struct Surroundings {
    pub(crate) folder: PathBuf,
    pub(crate) environment: Vec<(&'static str, String)>,
}

impl Flowcast {
    /// Builds the executable of this source, which is then next to this program.
    pub(crate) async fn build() -> anyhow::Result<Self> {
        line("building flowcast for release");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--quiet", "--release", "--workspace", "--bin", "flowcast"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .await
            .context("running cargo")?;
        anyhow::ensure!(built.success(), "flowcast does not build");
        let this = std::env::current_exe().context("finding this program")?;
        let folder = this.parent().context("finding the folder of this program")?;
        anyhow::ensure!(
            folder.ends_with("release"),
            "these figures are for release builds; run it with 'cargo run --release -p benches'"
        );
        Self::at(&folder.join("flowcast"))
    }

    /// An existing executable.
    pub(crate) fn at(path: &Path) -> anyhow::Result<Self> {
        let path = path.canonicalize().with_context(|| format!("no flowcast at {}", path.display()))?;
        Ok(Self { path })
    }

    /// Starts a role; its log is a file in its folder.
    pub(crate) fn start(
        &self,
        name: impl Into<String>,
        arguments: &[&str],
        surroundings: &Surroundings,
    ) -> anyhow::Result<Role> {
        let name = name.into();
        let log = surroundings.folder.join(format!("{name}.log"));
        let errors = std::fs::File::create(&log).context("making a log file")?;
        let child = self
            .command(arguments, surroundings)
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        let pid = child.id().context("a process that just started has ended")?;
        Ok(Role { name, pid, child, log })
    }

    /// Runs a command to its end; `each_look` gets its memory every twentieth of a second.
    pub(crate) async fn run(
        &self,
        arguments: &[&str],
        surroundings: &Surroundings,
        mut each_look: impl FnMut(Memory),
    ) -> anyhow::Result<Ran> {
        // A child's CPU time is added to ours when it ends, and no other child ends at the same time.
        let own = || usage::stat(std::process::id()).map(|stat| stat.ended_children);
        let (began, before) = (Instant::now(), own()?);
        let mut child =
            self.command(arguments, surroundings).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let pid = child.id().context("a process that just started has ended")?;
        let mut look = interval(LOOK_EVERY);
        let mut memory = Memory::default();
        let status = loop {
            tokio::select! {
                status = child.wait() => break status?,
                _ = look.tick() => {
                    if let Ok(now) = usage::memory(pid) {
                        memory = Memory { peak: memory.peak.max(now.peak), ..now };
                        each_look(now);
                    }
                }
            }
        };
        let time = began.elapsed();
        let stderr = child.wait_with_output().await?.stderr;
        anyhow::ensure!(
            status.success(),
            "flowcast {} ended with {status}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&stderr).trim()
        );
        Ok(Ran { time, cpu: own()?.saturating_sub(before), memory })
    }

    /// Runs a command to its end; returns what it printed.
    pub(crate) async fn output(
        &self,
        arguments: &[&str],
        surroundings: &Surroundings,
    ) -> anyhow::Result<String> {
        let ended = self.command(arguments, surroundings).output().await?;
        let name = arguments.first().copied().unwrap_or_default();
        anyhow::ensure!(
            ended.status.success(),
            "flowcast {name} ended with {}: {}",
            ended.status,
            String::from_utf8_lossy(&ended.stderr).trim()
        );
        Ok(String::from_utf8(ended.stdout)?)
    }

    fn command(&self, arguments: &[&str], surroundings: &Surroundings) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(arguments)
            .envs(surroundings.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&surroundings.folder)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

impl Role {
    /// The CPU time used so far.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        usage::cpu(self.pid).with_context(|| format!("{} is gone", self.name))
    }

    /// The current memory.
    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        usage::memory(self.pid).with_context(|| format!("{} is gone", self.name))
    }

    /// The standard output; can be taken once.
    pub(crate) fn output(&mut self) -> Option<tokio::process::ChildStdout> {
        self.child.stdout.take()
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
        last_lines(&self.log, 5)
    }

    /// Its whole log so far.
    pub(crate) fn log(&self) -> std::io::Result<String> {
        std::fs::read_to_string(&self.log)
    }

    /// Kills the process like `kill -9`.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let pid = i32::try_from(self.pid).context("an invalid process number")?;
        // A process that has ended already cannot get a signal; its exit status is checked below.
        kill(Pid::from_raw(pid), Signal::SIGTERM).ok();
        let ended = tokio::time::timeout(DRAIN_LIMIT, self.child.wait()).await;
        let status = ended.with_context(|| format!("{} did not stop in {DRAIN_LIMIT:?}", self.name))??;
        anyhow::ensure!(status.success(), "{} ended with {status}:\n{}", self.name, self.last_words());
        Ok(())
    }
}

/// The end of a log.
pub(crate) fn last_lines(log: &Path, most: usize) -> String {
    let log = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines.get(lines.len().saturating_sub(most)..).unwrap_or_default().join("\n")
}
