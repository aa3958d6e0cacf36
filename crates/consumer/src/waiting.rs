//! Waiting out trouble with Postgres: growing pauses, until it works or the worker is told to stop.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// The patience of one call to the store.
pub(crate) struct Waiting<'a> {
    shutdown: &'a CancellationToken,
    what: &'static str,
    failures: u16,
}

impl<'a> Waiting<'a> {
    /// For doing `what`, until told to stop.
    pub(crate) fn new(shutdown: &'a CancellationToken, what: &'static str) -> Self {
        Self { shutdown, what, failures: 0 }
    }

    /// Whether to try again, after a pause. Not when the failure is final, and not when the worker is told to stop:
    /// a transient error that is left over means that.
    pub(crate) async fn again(&mut self, error: &store::Error) -> bool {
        if !error.is_transient() || self.shutdown.is_cancelled() {
            return false;
        }
        self.failures = self.failures.saturating_add(1);
        let Self { what, failures, .. } = *self;
        tracing::warn!(error = error as &dyn std::error::Error, failures, "{what} is waiting: {error}");
        let pause = campaign::backoff(FIRST, LONGEST, failures, fastrand::f64());
        tokio::select! {
            () = self.shutdown.cancelled() => false,
            () = tokio::time::sleep(pause) => true,
        }
    }
}
