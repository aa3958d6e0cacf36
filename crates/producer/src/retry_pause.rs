//! The growing pause between two attempts at a sender's feed or a maintenance job.

use std::time::Duration;

/// The first and the longest pause.
const PAUSES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// The pause after this many failures in a row.
pub(crate) fn pause_after(failures: u16) -> Duration {
    campaign::backoff(PAUSES.0, PAUSES.1, failures.min(20), 1.0)
}
