//! Retries of calls to PostgreSQL: growing pauses, and a log that names the cause without filling the disk.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::db::error::Error;

const FIRST: Duration = Duration::from_millis(100);
/// The longest pause: after an outage, work continues within this time.
const LONGEST: Duration = Duration::from_secs(2);
/// How often the same failure is logged.
const LOG_EVERY: Duration = Duration::from_secs(30);

/// The attempts at one call to the store.
#[derive(Debug)]
pub struct Backoff {
    what: &'static str,
    longest: Duration,
    failures: u16,
    logged: Option<(Instant, String)>,
}

impl Backoff {
    /// Retries of `what`, which the log names, such as "claiming".
    pub fn new(what: &'static str) -> Self {
        Self { what, longest: LONGEST, failures: 0, logged: None }
    }

    /// With pauses that grow up to this time.
    #[must_use]
    pub fn up_to(self, longest: Duration) -> Self {
        Self { longest, ..self }
    }

    /// The pause after this failure. The first failure of a kind is logged, then one every 30 seconds.
    pub fn pause_after(&mut self, error: &Error) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let Self { what, failures, .. } = *self;
        let text = error.to_string();
        let is_known =
            self.logged.as_ref().is_some_and(|(at, logged)| at.elapsed() < LOG_EVERY && *logged == text);
        if !is_known {
            tracing::warn!(error = error as &dyn std::error::Error, failures, "{what} is waiting: {text}");
            self.logged = Some((Instant::now(), text));
        }
        campaign::backoff(FIRST, self.longest, failures, fastrand::f64())
    }

    /// Pauses and returns whether to try again. Returns false if the failure is permanent or the process is to stop; then the
    /// caller still has a transient error.
    pub async fn again(&mut self, error: &Error, shutdown: &CancellationToken) -> bool {
        if !error.is_transient() || shutdown.is_cancelled() {
            return false;
        }
        self.pause(error, shutdown).await
    }

    /// Pauses after any failure, permanent or not. Returns false if the process is to stop.
    pub async fn pause(&mut self, error: &Error, shutdown: &CancellationToken) -> bool {
        let pause = self.pause_after(error);
        tokio::select! {
            biased;
            () = shutdown.cancelled() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }

    /// Whether a call failed.
    pub fn has_waited(&self) -> bool {
        self.failures > 0
    }
}
