//! How much of a list is read.

use crate::control::Control;
use crate::jobs::job::Job;
use crate::running_jobs::ImportBytes;

impl Control {
    /// How much of its list an import has read; `None` if it has ended, or if another server executes it.
    pub fn import_bytes(&self, job: &Job) -> Option<ImportBytes> {
        let running = self.jobs.lock();
        running.get(&job.job_id).and_then(|(steps, _)| steps.bytes())
    }
}
