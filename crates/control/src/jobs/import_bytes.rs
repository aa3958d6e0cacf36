//! How much of a list is read.

use std::sync::atomic::Ordering;

use producer::Progress;

use crate::control::Control;
use crate::jobs::job::Job;
use crate::running_jobs::Steps;

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

impl Control {
    /// How much of its list an import has read; `None` if it has ended, or if another server executes it.
    pub fn import_bytes(&self, job: &Job) -> Option<ImportBytes> {
        let running = self.jobs.lock();
        running.get(&job.job_id).and_then(|(steps, _)| steps.bytes())
    }
}
