//! What each kind of job does.

use std::time::Duration;

use campaign::{CampaignId, Seq};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{JobRow, ResendClass, Resolved};

use crate::control::Control;
use crate::counters::CountCheck;
use crate::error::{Error, Problem};
use crate::running_jobs::Steps;

/// Parameters of `retry`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RetryJob {
    pub(crate) class: String,
    pub(crate) code: Option<String>,
    pub(crate) reason: String,
}

/// Parameters of `resolve`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ResolveJob {
    pub(crate) resolution: String,
    pub(crate) seqs: Vec<i32>,
    pub(crate) reason: String,
}

impl Control {
    /// Executes a job from its parameters; may be called again after an interruption.
    pub(crate) async fn execute(&self, job: &JobRow, steps: &Steps) -> Result<Value, Error> {
        match job.kind.as_str() {
            "check" => {
                let mut check = Box::pin(self.checked(campaign(job)?)).await?;
                // Messages contain names of recipients, and a job is kept for weeks.
                check.samples.clear();
                value(&check)
            }
            "retry" => self.execute_retry(job).await,
            "resolve" => self.execute_resolve(job).await,
            "archive" => {
                let progress = |done: i32, total: i32| steps.set(done.into(), total.into());
                self.store.archive_campaign(campaign(job)?, progress).await?;
                Ok(json!({}))
            }
            "counts" => {
                let campaigns = self.store.countable_campaigns().await?;
                let total = i64::try_from(campaigns.len()).unwrap_or(i64::MAX);
                let mut done = 0;
                let miscounts = self
                    .store
                    .check_counters(&campaigns, |_| {
                        done += 1;
                        steps.set(done, total);
                    })
                    .await?;
                let check = CountCheck::of(campaigns.len(), miscounts);
                let differences = check.miscounts.len();
                Ok(json!({ "campaigns": total, "differences": differences, "miscounts": check.miscounts }))
            }
            other => Err(Error::refused(
                Problem::Internal,
                format!("this version does not know jobs of the kind '{other}'; update it"),
            )),
        }
    }

    async fn execute_retry(&self, job: &JobRow) -> Result<Value, Error> {
        let id = campaign(job)?;
        let RetryJob { class, code, reason } = parameters(job)?;
        let class = [ResendClass::Failed, ResendClass::Undelivered]
            .into_iter()
            .find(|known| known.word() == class)
            .ok_or_else(|| unreadable(job))?;
        let why = (job.actor.as_str(), reason.as_str());
        let resent = self.store.resend(id, (class, code.as_deref()), why, Some(job.created_at)).await?;
        Ok(json!({ "resent": resent }))
    }

    async fn execute_resolve(&self, job: &JobRow) -> Result<Value, Error> {
        let id = campaign(job)?;
        let ResolveJob { resolution, seqs, reason } = parameters(job)?;
        let resolution = resolution.parse().map_err(|_| unreadable(job))?;
        let seqs: Vec<Seq> = seqs.into_iter().map(Seq).collect();
        let only = (!seqs.is_empty()).then_some(seqs.as_slice());
        let since = self.store.now().await?.duration_since(job.created_at);
        let unknown_for = Duration::try_from(since).unwrap_or_default();
        let why = (job.actor.as_str(), reason.as_str());
        let Resolved { resent, failed } =
            self.store.resolve_by_operator(id, resolution, why, (only, unknown_for)).await?;
        Ok(json!({ "resent": resent, "failed": failed }))
    }
}

fn campaign(job: &JobRow) -> Result<CampaignId, Error> {
    job.campaign.ok_or_else(|| unreadable(job))
}

fn parameters<T: for<'de> Deserialize<'de>>(job: &JobRow) -> Result<T, Error> {
    T::deserialize(&job.parameters).map_err(|_| unreadable(job))
}

fn unreadable(job: &JobRow) -> Error {
    let text = format!("this version cannot read the parameters of job {}; update it", job.id);
    Error::refused(Problem::Internal, text)
}

fn value(result: &impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(result)
        .map_err(|error| Error::refused(Problem::Internal, format!("cannot store the result: {error}")))
}
