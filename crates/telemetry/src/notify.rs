//! The tick of the runtime, and systemd's notifications (`Type=notify`, `WatchdogSec=`): one datagram each, as `sd_notify(3)` describes.
//!
//! The watchdog is fed by the tick. If the runtime executes no task, systemd restarts the process.

use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::health;

/// The pause between two ticks without a watchdog.
const TICK: Duration = Duration::from_secs(1);

/// Notifies systemd, if it asked for that.
#[derive(Debug, Default)]
pub struct Notifier {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// The time within which systemd wants a sign of life.
    watchdog: Option<Duration>,
}

impl Notifier {
    /// The values of `NOTIFY_SOCKET` and `WATCHDOG_USEC`, if they are set.
    pub fn new(socket: Option<&OsStr>, watchdog_us: Option<&str>) -> std::io::Result<Self> {
        let watchdog = watchdog_us.and_then(|us| us.parse().ok()).map(Duration::from_micros);
        let Some(path) = socket else { return Ok(Self::default()) };
        let address = match path.as_bytes().split_first() {
            Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
            _ => SocketAddr::from_pathname(path)?,
        };
        Ok(Self { socket: Some((UnixDatagram::unbound()?, address)), watchdog })
    }

    /// Ticks until the process ends, and reports `READY=1`, `WATCHDOG=1` and, after `shutdown`, `STOPPING=1`.
    pub async fn run(self, shutdown: CancellationToken) {
        // Half the time, as `sd_watchdog_enabled(3)` recommends.
        let mut ticks = interval(self.watchdog.map_or(TICK, |time| (time / 2).clamp(TICK / 100, TICK)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut is_told_ready, mut is_told_stopping) = (false, false);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = shutdown.cancelled(), if !is_told_stopping => {
                    health::drain();
                    self.send("STOPPING=1");
                    is_told_stopping = true;
                }
            }
            health::tick();
            if !is_told_ready && !is_told_stopping && health::ready().0 {
                self.send("READY=1");
                is_told_ready = true;
            }
            if self.watchdog.is_some() {
                self.send("WATCHDOG=1");
            }
        }
    }

    fn send(&self, state: &str) {
        let Some((socket, address)) = &self.socket else { return };
        if let Err(error) = socket.send_to_addr(state.as_bytes(), address) {
            tracing::warn!(%error, "cannot send {state} to systemd: {error}");
        }
    }
}
