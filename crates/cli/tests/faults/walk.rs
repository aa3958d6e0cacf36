//! docs/DEPLOY.md walked as a new user would: every `sh` block, in order, in one shell, on the compose file, wherever a Docker engine
//! answers.
//!
//! **Invariants.** The blocks are read from the document itself; `script` has what is done otherwise, and what must hold after which
//! block. The containers and volumes are removed, also after a failure, and also when this process is killed.

mod script;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::{Instant, timeout};

use script::{Block, DOCKER_COMPOSE, OUTCOMES, Outcome, PRELUDE, blocks};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// What the image is built from, and what the document uses.
const FILES: [&str; 10] = [
    ".cargo",
    ".dockerignore",
    "Cargo.lock",
    "Cargo.toml",
    "Dockerfile",
    "benches",
    "crates",
    "docker-compose.yml",
    "examples",
    "migrations",
];
/// The image is compiled within it, also on a slow machine that is busy.
const PATIENCE: Duration = Duration::from_hours(2);
/// Lines of a block's output that are printed.
const PRINTED: usize = 12;

/// Waits until this process closes its standard input, however it ends, and takes everything down.
const WATCHDOG: &str = r#"
cat >/dev/null
exec >down.out 2>&1
kill -KILL -- "-$(cat shell.pid)"
docker-compose down --volumes --remove-orphans || { echo "containers of $PROJECT are left, see $PWD"; exit 1; }
rm -rf "$PWD"
"#;

/// The folder in which the document is walked, with the project in it; taken down when dropped.
struct Project {
    folder: PathBuf,
    name: String,
    watchdog: Option<std::process::Child>,
}

impl Project {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("flowcast-walk-").tempdir().unwrap().keep();
        for file in FILES {
            let copied = std::process::Command::new("cp")
                .arg("-a")
                .arg(Path::new(ROOT).join(file))
                .arg(&folder)
                .status();
            assert!(copied.unwrap().success(), "{file} cannot be copied");
        }
        let ports =
            ["POSTGRES_PORT", "RABBITMQ_MANAGEMENT_PORT", "SERVER_PORT", "SIMULATOR_PORT"].map(|name| {
                let free = devstack::free_port().unwrap();
                format!("{name}={free}\n")
            });
        let settings =
            format!("FLOWCAST_IMAGE=flowcast:walk\nFLOWCAST_BUILD_PROFILE=faults\n{}", ports.concat());
        std::fs::write(folder.join("settings"), settings).unwrap();
        let name = format!("flowcast-walk-{}", std::process::id());
        let mut project = Self { folder, name, watchdog: None };
        let mut watchdog = project.command("setsid");
        watchdog.args(["bash", "-c", &format!("{DOCKER_COMPOSE}{WATCHDOG}")]).stdin(Stdio::piped());
        project.watchdog = Some(watchdog.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        project
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A program in the folder, without settings from the environment of the test.
    fn command(&self, program: &str) -> std::process::Command {
        let mut command = std::process::Command::new(program);
        for (name, _) in std::env::vars() {
            let is_ours =
                ["FLOWCAST_", "COMPOSE_", "POSTGRES_", "RABBITMQ_"].iter().any(|own| name.starts_with(own));
            if is_ours || name == "DATABASE_URL" || name == "AMQP_URL" {
                command.env_remove(name);
            }
        }
        command.current_dir(&self.folder).env("PROJECT", &self.name).stdin(Stdio::null());
        command
    }
}

impl Drop for Project {
    #[expect(clippy::print_stdout, reason = "what is left behind has to be told, also after a failure")]
    fn drop(&mut self) {
        let Some(mut watchdog) = self.watchdog.take() else { return };
        drop(watchdog.stdin.take());
        let status = watchdog.wait().unwrap();
        let said = std::fs::read_to_string(self.file("down.out")).unwrap_or_default();
        println!("docker-compose down --volumes: {status}\n{said}");
    }
}

/// The shell in which all blocks run, so that the functions of one are known to the next.
struct Shell<'a> {
    project: &'a Project,
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl<'a> Shell<'a> {
    async fn start(project: &'a Project) -> Self {
        let mut command = Command::from(project.command("bash"));
        // In a process group of its own, so that nothing of it outlives it.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        std::fs::write(project.file("shell.pid"), child.id().unwrap().to_string()).unwrap();
        let mut shell = Self { project, child, input, output: BufReader::new(output).lines() };
        let (works, said) = shell.run("prelude", &format!("{DOCKER_COMPOSE}{PRELUDE}")).await;
        assert!(works, "{said}");
        shell
    }

    /// Runs a script; whether it succeeded, and what it printed. The shell ends with a script that fails.
    async fn run(&mut self, name: &str, script: &str) -> (bool, String) {
        std::fs::write(self.project.file(&format!("{name}.sh")), script).unwrap();
        let call = format!(". ./{name}.sh >{name}.out 2>&1 </dev/null; echo done\n");
        self.input.write_all(call.as_bytes()).await.unwrap();
        let ended = timeout(PATIENCE, self.output.next_line()).await;
        if ended.is_err() {
            self.child.start_kill().unwrap();
        }
        let said = std::fs::read(self.project.file(&format!("{name}.out"))).unwrap_or_default();
        (matches!(ended, Ok(Ok(Some(_)))), String::from_utf8_lossy(&said).into_owned())
    }
}

/// Why nothing can be walked here, if it cannot.
async fn obstacle() -> Option<String> {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    if !host.is_empty() && !host.starts_with("unix:") {
        return Some(format!("the Docker engine is on another host ({host}), whose loopback is not ours"));
    }
    let answers = async |program: &str, arguments: &[&str]| {
        let call = Command::new(program).args(arguments).stdin(Stdio::null()).kill_on_drop(true).output();
        matches!(timeout(Duration::from_secs(20), call).await, Ok(Ok(output)) if output.status.success())
    };
    if !answers("docker", &["info"]).await {
        return Some("no Docker engine answers".into());
    }
    if !answers("docker-compose", &["version"]).await && !answers("docker", &["compose", "version"]).await {
        return Some("there is no docker-compose".into());
    }
    None
}

/// The end of what a block printed, in lines that show what belongs to it.
fn shown(said: &str) -> String {
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    let skipped = lines.len().saturating_sub(PRINTED);
    let more = (skipped > 0).then(|| format!("    | … {skipped} lines before\n"));
    let last = lines.iter().skip(skipped).map(|line| format!("    | {line}\n"));
    more.into_iter().chain(last).collect()
}

#[tokio::test]
async fn every_command_block_of_the_deployment_document_works_on_the_compose_file() {
    let document = std::fs::read_to_string(Path::new(ROOT).join("docs/DEPLOY.md")).unwrap();
    let blocks = blocks(&document);
    if let Some(obstacle) = obstacle().await {
        println!("NOT SHOWN: docs/DEPLOY.md was not walked, {} blocks: {obstacle}", blocks.len());
        return;
    }
    let project = Project::new();
    let mut shell = Shell::start(&project).await;
    let mut open: Vec<&(&str, Outcome)> = OUTCOMES.iter().collect();
    for (index, Block { heading, text }) in blocks.iter().enumerate() {
        let (began, number) = (Instant::now(), index + 1);
        let (works, said) = shell.run(&format!("block-{number}"), text).await;
        let verdict = if works { "ok" } else { "FAILED" };
        println!("block {number}, {heading}: {verdict} after {:.0?}\n{}", began.elapsed(), shown(&said));
        assert!(works, "block {number} ({heading}) failed:\n{text}\n{said}");
        let (due, later) = open.into_iter().partition(|(line, _)| text.contains(line));
        open = later;
        for (check, (_, outcome)) in due.iter().enumerate() {
            match outcome {
                Outcome::Says(words) => {
                    assert!(said.contains(words), "block {number} does not say {words:?}:\n{said}");
                }
                Outcome::Holds(condition) => {
                    let (holds, said) = shell.run(&format!("check-{number}-{check}"), condition).await;
                    assert!(holds, "after block {number} this does not hold: {condition}\n{said}");
                }
            }
        }
        println!("    {} outcomes hold", due.len());
    }
    let open: Vec<&str> = open.iter().map(|(line, _)| *line).collect();
    assert!(open.is_empty(), "no block has these lines any more: {open:?}");
}
