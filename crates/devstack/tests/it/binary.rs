//! The `devstack` command, and what remains when it is killed.

use std::path::Path;
use std::process::{Output, Stdio};

use devstack::Stack;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::{eventually, listens};

/// The command, with its temporary folders in `folder` and no given addresses.
fn devstack(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_devstack"));
    command.env("TMPDIR", folder).env_remove("AMQP_URL").env_remove("DATABASE_URL").kill_on_drop(true);
    command.stdout(Stdio::piped());
    command
}

/// The value of the next line, which is `export NAME='VALUE'`.
async fn exported(
    lines: &mut tokio::io::Lines<BufReader<tokio::process::ChildStdout>>,
    name: &str,
) -> String {
    let line = lines.next_line().await.unwrap().expect("the command ended before it was ready");
    let value = line.strip_prefix(&format!("export {name}='")).and_then(|rest| rest.strip_suffix('\''));
    value.unwrap_or_else(|| panic!("unexpected line {line}")).to_owned()
}

async fn up(folder: &Path) -> (Child, String, String) {
    let mut owner = devstack(folder).arg("up").spawn().unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let (amqp_url, database_url) =
        (exported(&mut lines, "AMQP_URL").await, exported(&mut lines, "DATABASE_URL").await);
    assert!(listens(&amqp_url) && listens(&database_url));
    (owner, amqp_url, database_url)
}

async fn signal(child: &Child, name: &str) {
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("sh").args(["-c", "kill -s $0 $1", name, &pid]).status().await.unwrap().success());
}

/// Whether a process works in the folder.
fn has_processes(folder: &Path) -> bool {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut folders = processes.filter_map(|process| std::fs::read_link(process.path().join("cwd")).ok());
    folders.any(|working| working.starts_with(folder))
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

/// A folder that the users of the services can enter.
fn passable_folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o755)).tempdir().unwrap()
}

#[tokio::test]
async fn everything_is_gone_when_the_owner_is_killed() {
    let folder = passable_folder();
    let (mut owner, amqp_url, database_url) = up(folder.path()).await;
    owner.kill().await.unwrap();
    eventually("both ports are closed", || !listens(&amqp_url) && !listens(&database_url)).await;
    eventually("no process is left", || !has_processes(folder.path())).await;
    eventually("no folder is left", || is_empty(folder.path())).await;
}

#[tokio::test]
async fn everything_is_gone_when_the_owner_is_killed_while_it_starts() {
    let folder = passable_folder();
    let mut owner = devstack(folder.path()).env("DOCKER_HOST", "unix:///nowhere").arg("up").spawn().unwrap();
    eventually("a process works in the folder", || has_processes(folder.path())).await;
    owner.kill().await.unwrap();
    eventually("no process is left", || !has_processes(folder.path())).await;
    eventually("no folder is left", || is_empty(folder.path())).await;
}

#[tokio::test]
async fn up_shuts_down_on_a_signal() {
    let folder = passable_folder();
    let (mut owner, amqp_url, database_url) = up(folder.path()).await;
    signal(&owner, "TERM").await;
    assert!(owner.wait().await.unwrap().success());
    assert!(!listens(&amqp_url) && !listens(&database_url));
    assert!(!has_processes(folder.path()) && is_empty(folder.path()));
}

/// A shell command under `devstack run` with given services.
fn run(stack: &Stack, folder: &Path, script: &str) -> Command {
    let mut command = devstack(folder);
    command.env("AMQP_URL", stack.amqp_url()).env("DATABASE_URL", stack.database_url());
    command.args(["run", "--", "sh", "-c", script]).stdin(Stdio::null());
    command
}

#[tokio::test]
async fn run_passes_addresses_and_signals_to_a_command_and_returns_its_exit_code() {
    let stack = Stack::start().await.unwrap();
    let folder = passable_folder();
    let Output { status, stdout, .. } =
        run(&stack, folder.path(), "echo $AMQP_URL $DATABASE_URL; exit 7").output().await.unwrap();
    assert_eq!(status.code(), Some(7));
    let printed = String::from_utf8(stdout).unwrap();
    assert_eq!(printed.trim(), format!("{} {}", stack.amqp_url(), stack.database_url()));

    let status = run(&stack, folder.path(), "kill -KILL $$").status().await.unwrap();
    assert_eq!(status.code(), Some(128 + 9));

    for (name, code) in [("TERM", 15), ("INT", 2)] {
        let script = format!("trap 'exit {code}' {name}; echo ready; while :; do sleep 0.05; done");
        let mut child = run(&stack, folder.path(), &script).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("ready"));
        signal(&child, name).await;
        assert_eq!(child.wait().await.unwrap().code(), Some(code), "{name} was not forwarded");
    }
}

#[tokio::test]
async fn a_wrong_command_line_prints_the_usage() {
    let folder = passable_folder();
    let output = devstack(folder.path()).arg("sideways").stderr(Stdio::piped()).output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("usage: devstack run"));
}
