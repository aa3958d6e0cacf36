//! A program of a service: what to run, as whom, where and with which environment.
//!
//! It runs with an environment of its own, so that the settings of the caller (`RABBITMQ_*`, `PG*`, `ERL_*`) cannot change it.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::Error;
use crate::discovery::User;

/// A program that can be run again and again.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    path: PathBuf,
    folder: PathBuf,
    user: Option<User>,
    args: Vec<OsString>,
    env: Vec<(&'static str, OsString)>,
}

impl Program {
    /// A program that works in `folder` as `user`, or as we do if there is none.
    pub(crate) fn new(path: &Path, folder: &Path, user: Option<User>) -> Self {
        let env = vec![("LANG", "C.UTF-8".into()), ("HOME", folder.as_os_str().to_owned())];
        Self { path: path.to_owned(), folder: folder.to_owned(), user, args: Vec::new(), env }
    }

    /// Adds arguments.
    pub(crate) fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    /// Starts it in a process group of its own, with its output in the file `log`.
    pub(crate) fn spawn(&self, log: &Path) -> io::Result<Child> {
        let log = File::options().create(true).append(true).open(log)?;
        let errors = log.try_clone()?;
        self.command().process_group(0).stdout(log).stderr(errors).spawn()
    }

    /// Runs it to its end and gives what it printed.
    pub(crate) async fn output(&self) -> Result<String, Error> {
        let output = tokio::process::Command::from(self.command())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(Error::system("run a program of the service"))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(text);
        }
        Err(Error::Command {
            command: self.path.display().to_string(),
            status: output.status.to_string(),
            output: format!("{text}{}", String::from_utf8_lossy(&output.stderr)),
        })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.args).current_dir(&self.folder).stdin(Stdio::null());
        command.env_clear().envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(user) = self.user {
            command.uid(user.uid).gid(user.gid);
        }
        command
    }
}
