//! The state of one connection, shared by the connection and its requests.
//!
//! Invariant: a request counts as in flight until its answer is handed over or its client is gone.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::decision::decide::SimulatedProvider;

/// The state of one connection.
pub(crate) struct ConnectionState {
    pub(crate) peer_port: u16,
    /// The number of request starts and request ends: odd while a request is in flight.
    transitions: AtomicU64,
    idle_timeout: Mutex<Option<Duration>>,
    /// Whether the connection ever had an idle timeout; requests of other connections skip the notification.
    has_idle_timeout: AtomicBool,
    changed: Notify,
    ends_with_reset: AtomicBool,
    /// The arrival time of the last bytes.
    received_at: Mutex<Instant>,
}

impl ConnectionState {
    pub(super) fn new(peer_port: u16, idle_timeout: Option<Duration>) -> Self {
        Self {
            peer_port,
            transitions: AtomicU64::new(0),
            has_idle_timeout: AtomicBool::new(idle_timeout.is_some()),
            idle_timeout: Mutex::new(idle_timeout),
            changed: Notify::new(),
            ends_with_reset: AtomicBool::new(false),
            received_at: Mutex::new(Instant::now()),
        }
    }

    /// Closes the connection when it has been idle for `after`.
    pub(crate) fn close_idle_after(&self, after: Duration) {
        *self.idle_timeout.lock().unwrap_or_else(PoisonError::into_inner) = Some(after);
        self.has_idle_timeout.store(true, Ordering::Release);
    }

    /// The arrival time of the last bytes that were read.
    pub(crate) fn received_at(&self) -> Instant {
        *self.received_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the arrival time of the last bytes.
    pub(super) fn set_received_at(&self, at: Instant) {
        *self.received_at.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    /// Whether the connection is to end with a TCP reset.
    pub(super) fn ends_with_reset(&self) -> bool {
        self.ends_with_reset.load(Ordering::Acquire)
    }

    /// Ends the connection with a TCP reset instead of an ordinary close.
    pub(crate) fn end_with_reset(&self) {
        self.ends_with_reset.store(true, Ordering::Release);
    }

    fn transition(&self) {
        self.transitions.fetch_add(1, Ordering::AcqRel);
        if self.has_idle_timeout.load(Ordering::Acquire) {
            self.changed.notify_one();
        }
    }

    /// Returns when the connection has been idle for its idle timeout.
    pub(super) async fn idle_timed_out(&self) {
        loop {
            let transitions = self.transitions.load(Ordering::Acquire);
            let after = *self.idle_timeout.lock().unwrap_or_else(PoisonError::into_inner);
            match after {
                Some(after) if transitions.is_multiple_of(2) => tokio::select! {
                    () = tokio::time::sleep(after) => {
                        if transitions == self.transitions.load(Ordering::Acquire) {
                            return;
                        }
                    }
                    () = self.changed.notified() => {}
                },
                _ => self.changed.notified().await,
            }
        }
    }
}

/// A guard that counts a request as in flight until it is dropped.
pub(crate) struct InFlight {
    simulated: Arc<SimulatedProvider>,
    connection: Arc<ConnectionState>,
}

impl InFlight {
    pub(crate) fn begin(simulated: Arc<SimulatedProvider>, connection: Arc<ConnectionState>) -> Self {
        simulated.in_flight.fetch_add(1, Ordering::Relaxed);
        connection.transition();
        Self { simulated, connection }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.simulated.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.connection.transition();
    }
}
