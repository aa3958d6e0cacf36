//! Waiting out trouble with PostgreSQL: growing pauses, and a log that says what is waited for without filling the disk.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::db::error::Error;

const FIRST: Duration = Duration::from_millis(100);
/// When the trouble is over, work goes on within this time.
const LONGEST: Duration = Duration::from_secs(2);
/// How often the same trouble is logged.
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
    /// For doing `what`, which the log names: "claiming".
    pub fn new(what: &'static str) -> Self {
        Self { what, longest: LONGEST, failures: 0, logged: None }
    }

    /// With pauses that grow up to this time.
    #[must_use]
    pub fn up_to(self, longest: Duration) -> Self {
        Self { longest, ..self }
    }

    /// How long to pause after this failure. The first of its kind is logged, and then one in half a minute.
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

    /// Whether to try again, after a pause. Not when the failure is final, and not when the process is told to stop: a
    /// transient error that is left over means that.
    pub async fn again(&mut self, error: &Error, shutdown: &CancellationToken) -> bool {
        if !error.is_transient() || shutdown.is_cancelled() {
            return false;
        }
        let pause = self.pause_after(error);
        tokio::select! {
            () = shutdown.cancelled() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }

    /// Whether there was a failure.
    pub fn has_waited(&self) -> bool {
        self.failures > 0
    }
}
