//! A program of a service: its path, user, folder and environment.
//!
//! It has its own environment, so that the caller's settings (`RABBITMQ_*`, `PG*`, `ERL_*`) cannot change it.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::Error;
use crate::discovery::User;

/// A program that can be run several times.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    path: PathBuf,
    folder: PathBuf,
    user: Option<User>,
    args: Vec<OsString>,
    env: Vec<(&'static str, OsString)>,
}

impl Program {
    /// A program that works in `folder` as `user`, or as the current user if there is none.
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

    /// Starts the program in its own process group, with its output in the file `log`.
    pub(crate) fn spawn(&self, log: &Path) -> io::Result<Child> {
        let log = File::options().create(true).append(true).open(log)?;
        let errors = log.try_clone()?;
        self.command().process_group(0).stdout(log).stderr(errors).spawn()
    }

    /// Runs the program to its end and returns its output.
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
