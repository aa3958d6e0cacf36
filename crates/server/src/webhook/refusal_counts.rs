//! Counts of refused webhook requests, kept in memory until they are added to the database.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use campaign::SenderId;

type Counts = BTreeMap<(SenderId, &'static str), i64>;

/// The number of refused requests by sender and kind.
#[derive(Default)]
pub(crate) struct RefusalCounts(Mutex<Counts>);

impl RefusalCounts {
    /// Counts one refused request.
    pub(crate) fn count(&self, sender: SenderId, kind: &'static str) {
        *self.lock().entry((sender, kind)).or_default() += 1;
    }

    /// Takes all counts.
    pub(crate) fn take(&self) -> Counts {
        std::mem::take(&mut *self.lock())
    }

    /// Adds counts that could not be stored.
    pub(crate) fn restore(&self, counts: Counts) {
        let mut all = self.lock();
        for (key, n) in counts {
            *all.entry(key).or_default() += n;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
