//! A private instance of an installed service: how its processes start and end.
//!
//! Invariant: the watchdog knows every process from its start. Every process number that the watchdog knows is a
//! process of ours: it is removed before the system can reuse the number.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use crate::home::Home;
use crate::processes::{self, Act};
use crate::program::Program;
use crate::watchdog::Watchdog;
use crate::{Error, Service};

const PAUSE: Duration = Duration::from_millis(20);
const HELPER_LIMIT: Duration = Duration::from_secs(10);
const STOP_LIMIT: Duration = Duration::from_secs(30);
const LOG_TAIL: usize = 1500;

/// A program that must listen on its port before the service starts.
#[derive(Debug)]
pub(crate) struct Helper {
    pub(crate) program: Program,
    pub(crate) port: u16,
}

/// A private instance, running or not.
#[derive(Debug)]
pub(crate) struct Daemon {
    service: Service,
    folder: PathBuf,
    helper: Option<Helper>,
    main: Program,
    stop_signal: &'static str,
    running: Mutex<Running>,
}

impl Daemon {
    /// An instance that is not running yet. `stop_signal` asks it to shut down.
    pub(crate) fn new(home: Home, helper: Option<Helper>, main: Program, stop_signal: &'static str) -> Self {
        let Home { folder, service, watchdog, .. } = home;
        let running = Mutex::new(Running { main: None, helper: None, ended: None, watchdog: Some(watchdog) });
        Self { service, folder, helper, main, stop_signal, running }
    }

    /// Starts the processes, unless they are running.
    pub(crate) async fn start(&self) -> Result<(), Error> {
        let mut running = self.running.lock().await;
        if running.exited().is_none() && running.main.is_some() {
            return Ok(());
        }
        self.clear(&mut running).await?;
        if let Some(Helper { program, port }) = &self.helper {
            running.helper = Some(self.spawn(program, &mut running)?);
            reachable(*port).await?;
        }
        running.main = Some(self.spawn(&self.main, &mut running)?);
        Ok(())
    }

    /// Asks the service to shut down, and waits until it has.
    pub(crate) async fn stop(&self) -> Result<(), Error> {
        let mut running = self.running.lock().await;
        if let Some(pid) = running.main.as_ref().map(Child::id) {
            self.act(Act::Thaw, &running).await?;
            processes::signal(self.stop_signal, pid).await?;
            let gone = async {
                while running.exited().is_none() {
                    sleep(PAUSE).await;
                }
            };
            if timeout(STOP_LIMIT, gone).await.is_err() {
                tracing::warn!(service = %self.service, "did not shut down in time and is killed");
            }
        }
        self.clear(&mut running).await
    }

    /// Ends all processes at once, like a crash of the machine.
    pub(crate) async fn kill(&self) -> Result<(), Error> {
        let mut running = self.running.lock().await;
        self.clear(&mut running).await
    }

    /// Suspends or resumes all processes.
    pub(crate) async fn freeze(&self, frozen: bool) -> Result<(), Error> {
        let running = self.running.lock().await;
        self.act(if frozen { Act::Freeze } else { Act::Thaw }, &running).await
    }

    /// The exit status of the service, if it ended by itself.
    pub(crate) async fn exited(&self) -> Option<ExitStatus> {
        self.running.lock().await.exited()
    }

    /// The end of the service's log.
    pub(crate) fn log_end(&self) -> String {
        let text = fs::read(self.log()).unwrap_or_default();
        let tail = text.get(text.len().saturating_sub(LOG_TAIL)..).unwrap_or_default();
        String::from_utf8_lossy(tail).trim().to_owned()
    }

    fn log(&self) -> PathBuf {
        self.folder.join("output.log")
    }

    fn spawn(&self, program: &Program, running: &mut Running) -> Result<Child, Error> {
        let child = program.spawn(&self.log()).map_err(Error::system("start the service"))?;
        running.notify_watchdog(|watchdog| watchdog.note_group(child.id()))?;
        Ok(child)
    }

    async fn act(&self, act: Act, running: &Running) -> Result<(), Error> {
        processes::act(self.service, act, &self.folder, &running.groups()).await
    }

    /// Kills the remaining processes and forgets them.
    async fn clear(&self, running: &mut Running) -> Result<(), Error> {
        self.act(Act::Kill, running).await?;
        running.notify_watchdog(Watchdog::forget_groups)?;
        running.reap();
        Ok(())
    }
}

/// The child processes, and the watchdog that removes them.
#[derive(Debug)]
struct Running {
    main: Option<Child>,
    helper: Option<Child>,
    /// The exit status of the service after its end; then `main` is `None`.
    ended: Option<ExitStatus>,
    watchdog: Option<Watchdog>,
}

impl Running {
    fn groups(&self) -> Vec<u32> {
        self.main.iter().chain(&self.helper).map(Child::id).collect()
    }

    /// The number of a child that has ended may be reused, so the child is removed.
    fn exited(&mut self) -> Option<ExitStatus> {
        if let Some(status) = self.main.as_mut().and_then(|child| child.try_wait().ok().flatten()) {
            self.main = None;
            self.ended = Some(status);
        }
        self.ended
    }

    fn notify_watchdog(
        &mut self,
        word: impl FnOnce(&mut Watchdog) -> std::io::Result<()>,
    ) -> Result<(), Error> {
        self.watchdog.as_mut().map_or(Ok(()), word).map_err(Error::system("speak to the watchdog"))
    }

    fn reap(&mut self) {
        for mut child in self.main.take().into_iter().chain(self.helper.take()) {
            child.kill().ok();
            child.wait().ok();
        }
        self.ended = None;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.watchdog.take());
        self.reap();
    }
}

async fn reachable(port: u16) -> Result<(), Error> {
    let reached = async {
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            sleep(PAUSE).await;
        }
    };
    timeout(HELPER_LIMIT, reached)
        .await
        .map_err(|_| Error::TimedOut { doing: "start epmd, the port mapper of Erlang" })
}
