//! Annotated lists of imports that this process has executed, until their authors have downloaded them.
//!
//! **Invariant.** The files have no names, so they disappear with the process. A list is kept for 10 minutes after its import.

use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a list is kept after its import.
const KEPT: Duration = Duration::from_mins(10);

/// A file, and the time of the end of its import.
type List = (Arc<File>, Option<Instant>);

/// The files by job.
#[derive(Debug, Default)]
pub(crate) struct AnnotatedLists(Mutex<HashMap<i64, List>>);

impl AnnotatedLists {
    /// Adds the file of an import that begins.
    pub(crate) fn begin(&self, job: i64, file: Arc<File>) {
        self.lock().insert(job, (file, None));
    }

    /// An import ended. Lists whose time is up are removed, and the list of an import that failed.
    pub(crate) fn end(&self, job: i64, is_imported: bool, now: Instant) {
        let mut lists = self.lock();
        if let Some((_, ended_at)) = lists.get_mut(&job) {
            *ended_at = Some(now);
        }
        lists.retain(|other, _| is_imported || *other != job);
    }

    /// Removes the lists whose time is up.
    pub(crate) fn clean(&self, now: Instant) {
        self.lock().retain(|_, (_, ended_at)| ended_at.is_none_or(|ended_at| now - ended_at < KEPT));
    }

    pub(crate) fn get(&self, job: i64) -> Option<Arc<File>> {
        self.lock().get(&job).map(|(file, _)| Arc::clone(file))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i64, List>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_kept_for_ten_minutes_after_its_import_and_not_if_the_import_failed() {
        let (lists, now) = (AnnotatedLists::default(), Instant::now());
        let after = |minutes| now + Duration::from_mins(minutes);
        for job in 1..=3 {
            lists.begin(job, Arc::new(tempfile::tempfile().unwrap()));
        }
        lists.end(1, true, now);
        lists.end(2, false, now);
        let kept = || (1..=3).filter(|job| lists.get(*job).is_some()).collect::<Vec<_>>();
        lists.clean(after(9));
        assert_eq!(kept(), [1, 3]);
        lists.clean(after(11));
        assert_eq!(kept(), [3], "the third import is not at its end");
    }
}
