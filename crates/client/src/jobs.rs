//! Jobs are followed to their end.

use std::time::Duration;

use control::{Error, Job, JobBegun, Problem};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::request::Request;
use crate::transport::Client;

/// The first pause between two looks at a job, and the longest; a server notes the progress of its jobs each second.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long a job is looked for while no server answers, for example because it is restarted.
const PATIENCE: Duration = Duration::from_mins(1);

impl Client {
    /// Waits for the end of a job and returns its result. `look` is a command that shows the effect of the job. `progress` gets the
    /// steps that are done, and all steps if their number is known.
    pub(crate) async fn finished(
        &self,
        JobBegun { job_id: id }: JobBegun,
        look: &str,
        mut progress: impl FnMut(i64, Option<i64>),
    ) -> Result<Value, Error> {
        let _note = self.ongoing.note(format!("job {id} goes on at the server; '{look}' shows its effect"));
        let (mut pause, mut answered_at) = (FIRST_PAUSE, Instant::now());
        loop {
            let job: Job = match self.read(Request::get(["jobs", &id.to_string()])).await {
                Ok(job) => job,
                Err(error) if error.problem() == Problem::Unavailable && answered_at.elapsed() < PATIENCE => {
                    sleep(LONGEST_PAUSE).await;
                    continue;
                }
                Err(error) if error.problem() == Problem::Unavailable => {
                    let text =
                        format!("{error}; job {id} goes on at the server, and '{look}' shows its effect");
                    return Err(Error::refused(Problem::Unavailable, text));
                }
                Err(error) => return Err(error),
            };
            answered_at = Instant::now();
            progress(job.done, job.total);
            match job.state.as_str() {
                "running" => {}
                "done" => return Ok(job.result.unwrap_or_default()),
                _ => return Err(failure(job)),
            }
            sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }
}

/// The error of a job that failed, which is that of the same action without a job.
fn failure(job: Job) -> Error {
    let problem = job.problem.as_deref().and_then(Problem::of_word);
    // An interrupted job can be asked for again.
    let problem = problem.unwrap_or(Problem::Unavailable);
    let text = job.detail.unwrap_or_else(|| format!("job {} is {}", job.job_id, job.state));
    Error::refused(problem, text)
}
