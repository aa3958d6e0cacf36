//! Jobs are executed: heartbeats, and lost jobs that this process takes over.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use store::{JobEnd, JobRow};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use crate::control::Control;
use crate::error::Error;
use crate::jobs::job::Kind;
use crate::running_jobs::Steps;

/// The interval of heartbeats.
const BEAT_EVERY: Duration = Duration::from_secs(1);
/// Heartbeats between two looks for lost jobs.
const BEATS_PER_LOOK: u32 = 5;

impl Control {
    /// Executes jobs of this process and takes over jobs of processes that ended, until `shutdown`; then gives its jobs back. A
    /// process that calls [`Control::begin_retry`] and its like has to run this.
    pub async fn keep_jobs(&self, shutdown: CancellationToken) {
        let mut beats = 0;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(BEAT_EVERY) => {}
            }
            if let Err(error) = self.beat().await {
                tracing::warn!("cannot note the progress of jobs: {error}");
                continue;
            }
            beats += 1;
            if beats % BEATS_PER_LOOK == 0
                && let Err(error) = self.take_lost_jobs().await
            {
                tracing::warn!("cannot look for lost jobs: {error}");
            }
        }
        self.stop_jobs().await;
    }

    /// Executes a job that this process has begun or taken over.
    pub(crate) fn spawn_job(
        &self,
        id: i64,
        steps: Arc<Steps>,
        work: impl Future<Output = Result<Value, Error>> + Send + 'static,
    ) {
        let control = self.clone();
        // The lock is held until the job is listed, so that it is not ended before.
        let mut running = self.jobs.lock();
        let task = tokio::spawn(async move {
            let result = work.await;
            control.jobs.annotated.end(id, result.is_ok(), Instant::now());
            control.end_job(id, result).await;
            control.jobs.lock().remove(&id);
        });
        running.insert(id, (steps, task.abort_handle()));
    }

    async fn end_job(&self, id: i64, result: Result<Value, Error>) {
        let mut pause = BEAT_EVERY;
        loop {
            let ended = match &result {
                // The transaction of an import has ended its job.
                Ok(Value::Null) => return,
                Ok(result) => self.finish(id, JobEnd::Done(result)).await,
                Err(error) => {
                    let (problem, detail) = (error.problem().word(), error.to_string());
                    self.finish(id, JobEnd::Failed(problem, &detail)).await
                }
            };
            match ended {
                Ok(()) => return,
                Err(error) => tracing::warn!(job = id, "cannot record the end of a job: {error}"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(10));
        }
    }

    async fn finish(&self, id: i64, end: JobEnd<'_>) -> Result<(), store::Error> {
        if !self.store.finish_job(id, &self.jobs.worker, end).await? {
            tracing::warn!(job = id, "this process had lost the job; another process executes it");
        }
        Ok(())
    }

    /// Notes the progress of all jobs, and stops those that another process has taken over or a person has given up.
    async fn beat(&self) -> Result<(), store::Error> {
        self.jobs.annotated.clean(Instant::now());
        let progress: Vec<(i64, i64, Option<i64>)> = self
            .jobs
            .lock()
            .iter()
            .map(|(id, (steps, _))| {
                let (done, total) = steps.read();
                (*id, done, total)
            })
            .collect();
        if progress.is_empty() {
            return Ok(());
        }
        let kept = self.store.beat_jobs(&self.jobs.worker, &progress).await?;
        for (id, ..) in progress.iter().filter(|(id, ..)| !kept.contains(id)) {
            // A job that has just ended removes itself.
            let is_lost = self.store.job(*id).await.is_ok_and(|job| {
                job.state == "running" || job.problem.as_deref() == Some(store::GIVEN_UP_JOB)
            });
            if is_lost && let Some((_, task)) = self.jobs.lock().remove(id) {
                task.abort();
            }
        }
        Ok(())
    }

    async fn take_lost_jobs(&self) -> Result<(), store::Error> {
        let (repeated, others): (Vec<Kind>, Vec<Kind>) =
            Kind::ALL.into_iter().partition(|kind| kind.can_be_repeated());
        let words = |kinds: Vec<Kind>| kinds.into_iter().map(Kind::word).collect::<Vec<_>>();
        while let Some(job) = self.store.take_job(&self.jobs.worker, &words(others.clone())).await? {
            self.interrupt(&job).await?;
        }
        while let Some(job) = self.store.take_job(&self.jobs.worker, &words(repeated.clone())).await? {
            tracing::info!(job = job.id, kind = job.kind, "took over a job of a process that ended");
            self.spawn(job);
        }
        Ok(())
    }

    /// Executes a job from its parameters.
    pub(crate) fn spawn(&self, job: JobRow) {
        let (control, steps) = (self.clone(), Arc::new(Steps::default()));
        let (id, counted) = (job.id, Arc::clone(&steps));
        self.spawn_job(id, steps, async move { control.execute(&job, &counted).await });
    }

    async fn interrupt(&self, job: &JobRow) -> Result<(), store::Error> {
        let detail = "the server that executed it ended; nothing was imported; upload the list again";
        self.finish(job.id, JobEnd::Interrupted(detail)).await
    }

    async fn stop_jobs(&self) {
        let tasks: Vec<AbortHandle> = self.jobs.lock().drain().map(|(_, (_, task))| task).collect();
        if tasks.is_empty() {
            return;
        }
        tasks.iter().for_each(AbortHandle::abort);
        if let Err(error) = self.store.release_jobs(&self.jobs.worker).await {
            tracing::warn!("cannot give jobs back; other servers take them over in 15 s: {error}");
        }
    }
}
