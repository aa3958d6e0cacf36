//! Retries of calls to the store until PostgreSQL answers or the worker is told to stop.

use store::Backoff;
use tokio_util::sync::CancellationToken;

/// The pauses between attempts at one call.
pub(crate) struct RetryPause<'a> {
    shutdown: &'a CancellationToken,
    backoff: Backoff,
}

impl<'a> RetryPause<'a> {
    /// For a call that the log describes as `what` ("claiming"), until `shutdown`.
    pub(crate) fn new(shutdown: &'a CancellationToken, what: &'static str) -> Self {
        Self { shutdown, backoff: Backoff::new(what) }
    }

    /// Pauses, and returns whether to try again: not after a permanent error, and not after `shutdown`.
    pub(crate) async fn again(&mut self, error: &store::Error) -> bool {
        self.backoff.again(error, self.shutdown).await
    }

    /// Pauses after any error, or until `shutdown`.
    pub(crate) async fn pause_after(&mut self, error: &store::Error) {
        let pause = self.backoff.pause_after(error);
        tokio::select! {
            () = self.shutdown.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}
