//! The processes of one service: all that work in its folder, and its process groups.
//!
//! A service has several processes. PostgreSQL gives each backend its own session, and Erlang starts helpers in the
//! same way, so a process group does not contain all of them. But all of them work in the folder of the service, and on
//! Linux `/proc` shows the folder of a process. On other systems only the process groups are used.
//!
//! Signals are sent by `sh`, because the standard library can only kill, and only a direct child.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use crate::{Error, Service};

/// Shell functions that find and signal the processes of the folder `$folder` and of the groups `$groups`.
pub(crate) const FUNCTIONS: &str = r#"
processes() {
  ls -ld /proc/[0-9]*/cwd 2>/dev/null | while read -r line; do
    case $line in
      *" -> $folder" | *" -> $folder/"*) line=${line##*/proc/}; echo "${line%%/*}" ;;
    esac
  done
}
send() {
  for group in $groups; do kill -s "$1" -- "-$group" 2>/dev/null; done
  found=$(processes)
  [ -z "$found" ] || kill -s "$1" $found 2>/dev/null
}
kill_all() {
  for round in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    send KILL
    [ -n "$found" ] || return 0
    sleep 0.05
  done
  for round in 1 2 3 4 5 6 7 8 9 10; do
    send KILL
    [ -n "$found" ] || return 0
    sleep 1
  done
  return 1
}
"#;

/// An action on all processes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    /// `SIGKILL` until none is left.
    Kill,
    /// `SIGSTOP`, twice, because a process may have been forked during the first round.
    Freeze,
    /// `SIGCONT`.
    Thaw,
}

impl Act {
    const fn script(self) -> &'static str {
        match self {
            Self::Kill => "kill_all",
            Self::Freeze => "send STOP; send STOP; :",
            Self::Thaw => "send CONT; :",
        }
    }
}

/// Applies an action to all processes of a service.
pub(crate) async fn act(service: Service, act: Act, folder: &Path, groups: &[u32]) -> Result<(), Error> {
    let groups: Vec<String> = groups.iter().map(u32::to_string).collect();
    let status = shell()
        .arg(format!("{FUNCTIONS}\nfolder=$1; groups=$2; {}", act.script()))
        .arg("devstack")
        .arg(folder)
        .arg(groups.join(" "))
        .status()
        .await
        .map_err(Error::system("run sh to signal processes"))?;
    if status.success() { Ok(()) } else { Err(Error::Unkillable(service)) }
}

/// Sends one signal, by name, to one process; does nothing if it is gone.
pub(crate) async fn signal(name: &str, pid: u32) -> Result<(), Error> {
    shell()
        .args(["kill -s \"$1\" \"$2\"", "devstack", name, &pid.to_string()])
        .status()
        .await
        .map(drop)
        .map_err(Error::system("run sh to signal a process"))
}

fn shell() -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
