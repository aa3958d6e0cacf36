//! The shell that outlives the owner of a service and cleans up after it.
//!
//! The shell reads a pipe whose other end only the owner has. The pipe closes when the owner drops the watchdog, and
//! the kernel closes it when the owner dies in any way. Then the shell kills the processes of the service and removes
//! its folder, or removes the container.
//!
//! Invariants:
//! - The watchdog starts before the service, so the service is never without it.
//! - It is in its own process group and ignores the signals of a terminal: Ctrl-C does not kill it.
//! - It does not keep the owner's output open.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::processes::FUNCTIONS;

/// Reads process groups to kill, until the owner is gone.
///
/// Line 7 of `postmaster.pid` names the shared memory of a PostgreSQL that was killed before it could remove it.
const FOLDER_SCRIPT: &str = r#"
folder=$1 groups=
while read -r word group; do
  case $word in
    group) groups="$groups $group" ;;
    forget) groups= ;;
  esac
done
kill_all
shared=$(sed -n '7s/^ *[0-9]* *//p' "$folder/data/postmaster.pid" 2>/dev/null)
[ -z "$shared" ] || ipcrm -m "$shared" 2>/dev/null
rm -rf "$folder"
"#;

const CONTAINER_SCRIPT: &str = r#"
while read -r line; do :; done
docker rm -f -v "$1"
"#;

/// A running watchdog; dropping it cleans up and waits until that is done.
#[derive(Debug)]
pub(crate) struct Watchdog {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Watchdog {
    /// Watches over the processes that work in `folder`, and over the folder itself.
    pub(crate) fn over_folder(folder: &Path) -> io::Result<Self> {
        Self::spawn(
            Command::new("sh").arg("-c").arg(script(&[FUNCTIONS, FOLDER_SCRIPT])).arg("devstack").arg(folder),
        )
    }

    /// Watches over the container of this name, with the `docker` command.
    pub(crate) fn over_container(name: &str) -> io::Result<Self> {
        Self::spawn(Command::new("sh").arg("-c").arg(script(&[CONTAINER_SCRIPT])).arg("devstack").arg(name))
    }

    /// Adds a process group that must be killed at the end.
    pub(crate) fn note_group(&mut self, group: u32) -> io::Result<()> {
        self.send(&format!("group {group}\n"))
    }

    /// Removes all groups, because their processes are gone and the numbers may be reused.
    pub(crate) fn forget_groups(&mut self) -> io::Result<()> {
        self.send("forget\n")
    }

    fn spawn(command: &mut Command) -> io::Result<Self> {
        let mut shell = command
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let pipe = shell.stdin.take();
        Ok(Self { shell, pipe })
    }

    fn send(&mut self, line: &str) -> io::Result<()> {
        match &mut self.pipe {
            Some(pipe) => pipe.write_all(line.as_bytes()),
            None => Ok(()),
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.pipe.take());
        if let Err(error) = self.shell.wait() {
            tracing::warn!(%error, "the watchdog of a service was lost; processes or folders may be left");
        }
    }
}

fn script(parts: &[&str]) -> String {
    let mut script = String::from("trap '' INT TERM HUP QUIT\n");
    script.extend(parts.iter().copied());
    script
}
