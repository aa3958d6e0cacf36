//! The jobs that this process executes, and their progress.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use producer::Progress;
use tokio::task::AbortHandle;

use crate::annotated_lists::AnnotatedLists;

/// How much of a list is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImportBytes {
    /// Bytes of the file that are read.
    pub read: u64,
    /// Bytes of the file.
    pub total: u64,
}

impl ImportBytes {
    /// Notes the rows and bytes that an import has read.
    pub(crate) fn note(steps: &Steps, progress: &Progress, total: u64) {
        let (rows, read) = (progress.rows.load(Ordering::Relaxed), progress.bytes.load(Ordering::Relaxed));
        steps.set(i64::try_from(rows).unwrap_or(i64::MAX), 0);
        steps.set_bytes(Self { read: read.min(total), total });
    }
}

/// Counts the steps of a job.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    done: AtomicI64,
    /// 0: not known.
    total: AtomicI64,
    /// Of an import: bytes that are read, and all bytes; 0: not known.
    bytes: (AtomicU64, AtomicU64),
}

impl Steps {
    pub(crate) fn set(&self, done: i64, total: i64) {
        self.done.store(done, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    pub(crate) fn set_bytes(&self, bytes: ImportBytes) {
        self.bytes.0.store(bytes.read, Ordering::Relaxed);
        self.bytes.1.store(bytes.total, Ordering::Relaxed);
    }

    /// How much of the list is read, if the job is an import.
    pub(crate) fn bytes(&self) -> Option<ImportBytes> {
        let (read, total) = (self.bytes.0.load(Ordering::Relaxed), self.bytes.1.load(Ordering::Relaxed));
        (total > 0).then_some(ImportBytes { read, total })
    }

    /// Steps that are done, and all steps if their number is known.
    pub(crate) fn read(&self) -> (i64, Option<i64>) {
        let total = self.total.load(Ordering::Relaxed);
        (self.done.load(Ordering::Relaxed), (total > 0).then_some(total))
    }
}

/// The running jobs of this process.
pub(crate) struct RunningJobs {
    /// The name of this process in `job.worker`.
    pub(crate) worker: String,
    /// The annotated lists of its imports.
    pub(crate) annotated: AnnotatedLists,
    running: Mutex<HashMap<i64, (Arc<Steps>, AbortHandle)>>,
}

impl RunningJobs {
    pub(crate) fn new() -> Arc<Self> {
        let worker = format!("{}-{:016x}", std::process::id(), fastrand::u64(..));
        Arc::new(Self { worker, annotated: AnnotatedLists::default(), running: Mutex::default() })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, HashMap<i64, (Arc<Steps>, AbortHandle)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
