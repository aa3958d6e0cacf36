//! The processes of the demo: a producer, consumers and a server, each with a log of its own.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use devstack::Scope;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::args::demo::Demo;
use crate::commands::demo::{KEY, KEY_NAME, WEBHOOK_SECRET, WEBHOOK_SECRET_NAME};
use crate::terminal::output::line;

/// How long a process may drain before it is killed.
const DRAIN_LIMIT: Duration = Duration::from_secs(15);
/// The server answers within this time after its start.
const START_LIMIT: Duration = Duration::from_secs(30);
/// Running processes with their names. They are killed when this is dropped.
pub(super) struct Processes {
    running: Vec<(String, Child)>,
}

/// Where the server of the demo listens.
pub(super) struct Addresses {
    /// For browsers: the address of the console, such as `http://127.0.0.1:40123`.
    pub(super) console: String,
    /// For the posts of the provider.
    pub(super) webhooks: String,
}

impl Processes {
    /// Starts all processes, and waits until the server says where it listens: at ports that the system chooses, so that two demos
    /// do not meet.
    pub(super) async fn start(scope: &Scope, args: &Demo, logs: &Path) -> anyhow::Result<(Self, Addresses)> {
        let consumers = (1..=args.consumers).map(|n| ("consumer", format!("consumer-{n}")));
        let names = [("server", "server".to_owned()), ("producer", "producer".to_owned())];
        let running: anyhow::Result<Vec<(String, Child)>> =
            names.into_iter().chain(consumers).map(|(role, name)| start(scope, (role, name), logs)).collect();
        let mut processes = Self { running: running? };
        let printed = processes.running.first_mut().and_then(|(_, server)| server.stdout.take());
        let mut printed = BufReader::new(printed.context("the server has no output")?).lines();
        let listening = async {
            let (mut console, mut webhooks) = (None, None);
            // A server that ends is seen as a death below.
            while let Ok(Some(line)) = printed.next_line().await {
                console = console.or(address(&line, "serving the console at "));
                webhooks = webhooks.or(address(&line, "receiving webhooks and uploads at "));
                if let (Some(console), Some(webhooks)) = (&console, &webhooks) {
                    return Addresses { console: console.clone(), webhooks: webhooks.clone() };
                }
            }
            std::future::pending().await
        };
        tokio::select! {
            at = tokio::time::timeout(START_LIMIT, listening) => {
                let at = at.context("the server does not say where it listens")?;
                // A server whose output nobody reads could not print any more.
                tokio::spawn(async move { while let Ok(Some(_)) = printed.next_line().await {} });
                Ok((processes, at))
            }
            died = processes.first_death(logs) => Err(died),
        }
    }

    /// The first process that ends too early, with the end of its log.
    pub(super) async fn first_death(&mut self, logs: &Path) -> anyhow::Error {
        let deaths = self.running.iter_mut().map(|(name, child)| {
            Box::pin(async move {
                let status =
                    child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string());
                (name.clone(), status)
            })
        });
        let ((name, status), ..) = futures::future::select_all(deaths).await;
        let log = std::fs::read_to_string(logs.join(format!("{name}.log"))).unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(5).collect();
        let last: Vec<&str> = last.into_iter().rev().collect();
        anyhow::anyhow!("{name} ended with {status}; the end of its log:\n{}", last.join("\n"))
    }

    /// Sends SIGTERM and waits for the drain.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        for (_, child) in &self.running {
            if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()) {
                // A process that has ended already cannot get a signal; its exit status is checked below.
                kill(Pid::from_raw(pid), Signal::SIGTERM).ok();
            }
        }
        for (name, mut child) in self.running {
            let status = tokio::time::timeout(DRAIN_LIMIT, child.wait())
                .await
                .with_context(|| format!("{name} did not stop in {DRAIN_LIMIT:?}"))??;
            // A process whose start has taken until now ends by the signal itself, and has done nothing.
            let ended_by_signal = status.signal() == Some(Signal::SIGTERM as i32);
            anyhow::ensure!(status.success() || ended_by_signal, "{name} ended with {status}");
        }
        Ok(())
    }
}

/// The address that a line of the server names after this text.
fn address(line: &str, before: &str) -> Option<String> {
    let (_, rest) = line.split_once(before)?;
    rest.split_whitespace().next().map(str::to_owned)
}

fn start(scope: &Scope, (role, name): (&str, String), logs: &Path) -> anyhow::Result<(String, Child)> {
    let log = std::fs::File::create(logs.join(format!("{name}.log")))?;
    let child = Command::new(std::env::current_exe()?)
        .arg(role)
        .env("DATABASE_URL", scope.database_url())
        .env("AMQP_URL", scope.amqp_url())
        .env("FLOWCAST_BROKER_PREFIX", scope.queue_prefix())
        .env("FLOWCAST_CONSOLE_LISTEN", "127.0.0.1:0")
        .env("FLOWCAST_CONSOLE_INSECURE_LOOPBACK", "true")
        .env("FLOWCAST_SERVER_LISTEN", "127.0.0.1:0")
        .env(KEY_NAME, KEY)
        .env(WEBHOOK_SECRET_NAME, WEBHOOK_SECRET)
        .stdin(Stdio::null())
        .stdout(if role == "server" { Stdio::piped() } else { Stdio::null() })
        .stderr(log)
        // Ctrl-C is for the demo, which then lets its processes drain.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("starting the {role}"))?;
    line(format!("   {name}: process {}", child.id().unwrap_or_default()));
    Ok((name, child))
}
