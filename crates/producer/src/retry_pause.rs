//! The growing pause between two attempts at one sender's feed or at a maintenance job.

use std::time::Duration;

/// The first pause, and the longest one.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// How long to wait after so many failures in a row.
pub(crate) fn pause_after(failures: u16) -> Duration {
    campaign::backoff(PAUSES.0, PAUSES.1, failures.min(20), 1.0)
}
