//! `devstack`: runs a command with a RabbitMQ and a PostgreSQL, or only starts the two.

use std::env;
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};

use devstack::{Error, Stack};
use tokio::process::{Child, Command};
use tokio::signal::unix::{Signal, SignalKind, signal};

const USAGE: &str = "\
usage: devstack run -- COMMAND [ARGUMENT]…   run COMMAND with AMQP_URL and DATABASE_URL set, and return its exit code
       devstack up                           print the addresses, and keep the services until Ctrl-C
";

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_env_filter("devstack=warn").with_writer(io::stderr).without_time().init();
    let mut arguments = env::args_os().skip(1);
    let verb = arguments.next().unwrap_or_default();
    let mut command: Vec<OsString> = arguments.collect();
    if command.first().is_some_and(|first| first == "--") {
        command.remove(0);
    }
    let outcome = match (verb.to_str(), command.split_first()) {
        (Some("run"), Some((program, arguments))) => run(program, arguments).await,
        (Some("up"), None) => up().await,
        (Some("--help" | "-h" | "help"), None) => print(USAGE).map(|()| ExitCode::SUCCESS),
        _ => complain(USAGE).map(|()| ExitCode::from(2)),
    };
    outcome.unwrap_or_else(|error| {
        let mut text = format!("devstack: {error}");
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        complain(&format!("{text}\n")).ok();
        ExitCode::FAILURE
    })
}

async fn run(program: &OsString, arguments: &[OsString]) -> Result<ExitCode, Error> {
    let stack = Stack::start().await?;
    complain(&format!("devstack: {}\n", stack.describe()))?;
    let mut signals = Signals::new()?;
    let child = Command::new(program)
        .args(arguments)
        .env("AMQP_URL", stack.amqp_url())
        .env("DATABASE_URL", stack.database_url())
        .spawn()
        .map_err(|source| Error::System { doing: "run the command", source })?;
    let status = wait(child, &mut signals).await?;
    drop(stack);
    Ok(code(status))
}

/// Waits for the command, and forwards the signals that end this process.
///
/// On a terminal Ctrl-C reaches the command itself. It is not sent twice, because some programs stop at once on a
/// second one.
async fn wait(mut child: Child, signals: &mut Signals) -> Result<ExitStatus, Error> {
    let on_terminal = io::stdin().is_terminal();
    loop {
        let name = tokio::select! {
            status = child.wait() => {
                return status.map_err(|source| Error::System { doing: "wait for the command", source });
            }
            name = signals.next() => name,
        };
        let pid = child.id().filter(|_| !(on_terminal && name == "INT"));
        if let Some(pid) = pid {
            let pid = pid.to_string();
            let sent =
                Command::new("sh").args(["-c", "kill -s \"$1\" \"$2\"", "sh", name, &pid]).status().await;
            sent.map_err(|source| Error::System { doing: "forward a signal", source })?;
        }
    }
}

async fn up() -> Result<ExitCode, Error> {
    let mut signals = Signals::new()?;
    let stack = tokio::select! {
        stack = Box::pin(Stack::start()) => stack?,
        _ = signals.next() => return Ok(ExitCode::FAILURE),
    };
    complain(&format!("devstack: {}\n", stack.describe()))?;
    print(&format!(
        "export AMQP_URL='{}'\nexport DATABASE_URL='{}'\n",
        stack.amqp_url(),
        stack.database_url()
    ))?;
    signals.next().await;
    drop(stack);
    Ok(ExitCode::SUCCESS)
}

/// The signals that ask this process to end.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> Result<Self, Error> {
        let listen =
            |kind| signal(kind).map_err(|source| Error::System { doing: "listen for signals", source });
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "INT",
            _ = self.terminate.recv() => "TERM",
            _ = self.hang_up.recv() => "HUP",
        }
    }
}

/// The exit code of the command, or 128 plus its signal, as in a shell.
fn code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

fn print(text: &str) -> Result<(), Error> {
    let mut out = io::stdout();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|source| Error::System { doing: "print", source })
}

fn complain(text: &str) -> Result<(), Error> {
    let written = io::stderr().write_all(text.as_bytes());
    written.map_err(|source| Error::System { doing: "print", source })
}
