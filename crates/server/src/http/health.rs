//! Whether the database answers.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The server is healthy if PostgreSQL answered within this time.
const HEALTHY_FOR: Duration = Duration::from_secs(10);

/// The time of the last answer of PostgreSQL.
#[derive(Default)]
pub(crate) struct DatabaseHealth(Mutex<Option<Instant>>);

impl DatabaseHealth {
    /// Whether PostgreSQL answered lately.
    pub(crate) fn is_healthy(&self) -> bool {
        let answered = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answered.is_some_and(|answered| answered.elapsed() < HEALTHY_FOR)
    }

    /// Records that PostgreSQL answered now.
    pub(crate) fn mark_answered(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}
