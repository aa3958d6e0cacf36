//! Running jobs are given up.
//!
//! A job consists of transactions. It ends between two of them: its row is ended first, and the process that executes it stops at
//! its next heartbeat. The transaction of an import ends the row of its job, so it is rolled back.

use serde_json::json;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control, Done};
use crate::error::{Error, Problem};
use crate::jobs::job::{Job, Kind};

impl Control {
    /// Gives up a running job. The caller needs the right that the job needs.
    pub async fn give_up_job(&self, caller: &Caller, id: i64) -> Result<Done<Job>, Error> {
        let row = self.store.job(id).await;
        let object =
            row.as_ref().ok().and_then(|job| job.campaign).map_or(Object::Installation, Object::Campaign);
        let attempt = Attempt::new(caller, Action::GiveUpJob, object.clone()).with("job_id", id);
        let done = self
            .change(attempt, |store| async move {
                let job = row?;
                let kind = Kind::ALL.into_iter().find(|kind| kind.word() == job.kind);
                let kind = kind.ok_or_else(|| {
                    let text =
                        format!("this version does not know jobs of the kind '{}'; update it", job.kind);
                    Error::refused(Problem::Internal, text)
                })?;
                self.allow(caller, kind.action(), &object).await?;
                let Some(left) = kind.after_giving_up() else {
                    let text = format!(
                        "job {id} archives a campaign; it cannot be given up, because it has deleted rows"
                    );
                    return Err(Error::conflict(text));
                };
                let detail = format!("given up by {}; {left}", caller.name());
                if !store.give_up_job(id, &detail).await? {
                    let state = store.job(id).await?.state;
                    return Err(Error::conflict(format!(
                        "job {id} is {state}; only a running one can be given up"
                    )));
                }
                let job = Job::from(store.job(id).await?);
                Ok((job, json!({ "kind": kind.word() })))
            })
            .await?;
        // The job of another process stops at the next heartbeat of that process.
        if let Some((_, task)) = self.jobs.lock().remove(&id) {
            task.abort();
        }
        Ok(done)
    }
}
