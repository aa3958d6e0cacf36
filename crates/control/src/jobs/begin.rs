//! Jobs are asked for and looked at.

use std::sync::Arc;
use std::time::Duration;

use campaign::CampaignId;
use producer::{AnnotatedList, List};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{ImportRecord, NewJob};
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control, Done};
use crate::error::Error;
use crate::jobs::job::{Job, Kind};
use crate::jobs::work::{ResolveJob, RetryJob};
use crate::lists::ListImport;
use crate::resend::{Resolve, Retry};
use crate::running_jobs::{ImportBytes, Steps};

/// A job that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobBegun {
    /// The id of the job.
    pub job_id: i64,
}

/// The interval at which the rows of an import are counted.
const COUNT_EVERY: Duration = Duration::from_millis(500);

impl Control {
    /// Begins the check of a campaign; its result is a [`crate::Check`].
    pub async fn begin_check(&self, caller: &Caller, id: CampaignId) -> Result<Done<JobBegun>, Error> {
        let attempt = Attempt::new(caller, Action::CheckCampaign, Object::Campaign(id));
        self.begin(attempt, Kind::Check, Some(id), json!({})).await
    }

    /// Begins to resend to failed or undelivered recipients.
    pub async fn begin_retry(
        &self,
        caller: &Caller,
        id: CampaignId,
        retry: &Retry,
    ) -> Result<Done<JobBegun>, Error> {
        let Retry { class, code, reason } = retry.clone();
        let parameters = json!(RetryJob { class: class.word().to_owned(), code, reason });
        let attempt = Attempt::new(caller, Action::RetryRecipients, Object::Campaign(id));
        self.begin(attempt, Kind::Retry, Some(id), parameters).await
    }

    /// Begins to resolve unconfirmed recipients.
    pub async fn begin_resolve(
        &self,
        caller: &Caller,
        id: CampaignId,
        resolve: &Resolve,
    ) -> Result<Done<JobBegun>, Error> {
        let Resolve { resolution, seqs, reason } = resolve.clone();
        let seqs = seqs.into_iter().map(|seq| seq.0).collect();
        let parameters = json!(ResolveJob { resolution: resolution.word().to_owned(), seqs, reason });
        let attempt = Attempt::new(caller, Action::ResolveRecipients, Object::Campaign(id));
        self.begin(attempt, Kind::Resolve, Some(id), parameters).await
    }

    /// Begins to archive an ended campaign.
    pub async fn begin_archive(&self, caller: &Caller, id: CampaignId) -> Result<Done<JobBegun>, Error> {
        let attempt = Attempt::new(caller, Action::ArchiveCampaign, Object::Campaign(id));
        self.begin(attempt, Kind::Archive, Some(id), json!({})).await
    }

    /// Begins to compare the counters of all reports with a full count.
    pub async fn begin_count_check(&self, caller: &Caller) -> Result<Done<JobBegun>, Error> {
        let attempt = Attempt::new(caller, Action::CheckCounts, Object::Installation);
        self.begin(attempt, Kind::Counts, None, json!({})).await
    }

    /// Begins to import a list that this process has.
    pub async fn begin_import(
        &self,
        caller: &Caller,
        id: CampaignId,
        list: List,
        import: ListImport,
    ) -> Result<Done<JobBegun>, Error> {
        let attempt = Attempt::new(caller, Action::ImportList, Object::Campaign(id));
        self.refuse_hidden(caller, &import.exclude).await?;
        let begun = self.add(attempt, Kind::Import, Some(id), json!({})).await?;
        if begun.is_replayed {
            return Ok(begun);
        }
        let (control, steps) = (self.clone(), Arc::new(Steps::default()));
        let (job, counted) = (begun.result.job_id, Arc::clone(&steps));
        let record = ImportRecord::Job { id: job, worker: self.jobs.worker.clone() };
        let (progress, bytes) = (Arc::clone(&import.progress), list.bytes());
        ImportBytes::note(&steps, &progress, bytes);
        if let Some(AnnotatedList::Spooled(file)) = &import.errors {
            self.jobs.annotated.begin(job, Arc::clone(file));
        }
        self.spawn_job(job, steps, async move {
            let mut importing = Box::pin(control.import_allowed(id, list, import, record));
            loop {
                tokio::select! {
                    report = &mut importing => return report.map(|_| Value::Null),
                    () = tokio::time::sleep(COUNT_EVERY) => ImportBytes::note(&counted, &progress, bytes),
                }
            }
        });
        Ok(begun)
    }

    /// A job.
    pub async fn job(&self, caller: &Caller, id: i64) -> Result<Job, Error> {
        self.allow(caller, Action::View, &Object::Installation).await?;
        let row = self.store.job(id).await?;
        if let Some(campaign) = row.campaign {
            self.allow(caller, Action::View, &Object::Campaign(campaign)).await?;
        }
        Ok(row.into())
    }

    /// Jobs of a campaign, newest first: at most `most`, only older than `before` if it is given.
    pub async fn jobs_of(
        &self,
        caller: &Caller,
        id: CampaignId,
        before: Option<i64>,
        most: u32,
    ) -> Result<Vec<Job>, Error> {
        self.allow(caller, Action::View, &Object::Campaign(id)).await?;
        let rows = self.store.jobs(Some(id), before, most).await?;
        Ok(rows.into_iter().map(Job::from).collect())
    }

    /// Adds a job, and executes it in this process unless the request is a repeated one.
    async fn begin(
        &self,
        attempt: Attempt<'_>,
        kind: Kind,
        campaign: Option<CampaignId>,
        parameters: Value,
    ) -> Result<Done<JobBegun>, Error> {
        let begun = self.add(attempt, kind, campaign, parameters).await?;
        if !begun.is_replayed {
            let job = self.store.job(begun.result.job_id).await?;
            self.spawn(job);
        }
        Ok(begun)
    }

    async fn add(
        &self,
        attempt: Attempt<'_>,
        kind: Kind,
        campaign: Option<CampaignId>,
        parameters: Value,
    ) -> Result<Done<JobBegun>, Error> {
        let actor = attempt.caller.actor.clone();
        let worker = self.jobs.worker.clone();
        self.change(attempt, |store| async move {
            if let Some(campaign) = campaign {
                store.campaign(campaign).await?;
            }
            let job = NewJob {
                kind: kind.word(),
                campaign,
                parameters: &parameters,
                actor_kind: actor.kind.word(),
                actor: &actor.name,
                worker: &worker,
            };
            let job_id = store.add_job(&job).await?;
            let details = json!({ "job_id": job_id, "parameters": parameters });
            Ok((JobBegun { job_id }, details))
        })
        .await
    }
}
