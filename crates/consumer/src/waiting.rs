//! Waiting out trouble with Postgres, until it works or the worker is told to stop.

use store::Backoff;
use tokio_util::sync::CancellationToken;

/// The patience of one call to the store.
pub(crate) struct Waiting<'a> {
    shutdown: &'a CancellationToken,
    backoff: Backoff,
}

impl<'a> Waiting<'a> {
    /// For doing `what`, until told to stop.
    pub(crate) fn new(shutdown: &'a CancellationToken, what: &'static str) -> Self {
        Self { shutdown, backoff: Backoff::new(what) }
    }

    /// Whether to try again, after a pause. Not when the failure is final, and not when the worker is told to stop:
    /// a transient error that is left over means that.
    pub(crate) async fn again(&mut self, error: &store::Error) -> bool {
        self.backoff.again(error, self.shutdown).await
    }

    /// Pauses after a failure, final or not, or until the worker is told to stop.
    pub(crate) async fn pause_after(&mut self, error: &store::Error) {
        let pause = self.backoff.pause_after(error);
        tokio::select! {
            () = self.shutdown.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}
