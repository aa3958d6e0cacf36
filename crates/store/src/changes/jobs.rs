//! Jobs: long actions, each with a row for its progress and its result (`migrations/V29__jobs.sql`).
//!
//! **Invariant.** Only the process named in `worker` changes a running job. A process that did not say for [`STALE`] that it
//! executes a job has lost it: another process takes the job over, or notes that it was interrupted.

use std::time::Duration;

use campaign::CampaignId;
use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::Row;

use crate::db::connection::Store;
use crate::db::error::Error;

/// A running job without a heartbeat for this time is lost.
pub const STALE: Duration = Duration::from_secs(15);

/// `problem` of a job that a person gave up.
pub const GIVEN_UP: &str = "given-up";

/// A job to begin.
#[derive(Clone, Copy, Debug)]
pub struct NewJob<'a> {
    /// The kind.
    pub kind: &'a str,
    /// The campaign, if it is about one.
    pub campaign: Option<CampaignId>,
    /// What was asked for, without personal data.
    pub parameters: &'a Value,
    /// The kind of the actor, as in the audit.
    pub actor_kind: &'a str,
    /// The name of the actor, as in the audit.
    pub actor: &'a str,
    /// The process that executes the job.
    pub worker: &'a str,
}

/// A job.
#[derive(Clone, Debug)]
pub struct JobRow {
    /// Its id.
    pub id: i64,
    /// The kind.
    pub kind: String,
    /// The campaign.
    pub campaign: Option<CampaignId>,
    /// What was asked for.
    pub parameters: Value,
    /// `running`, `done`, `failed` or `interrupted`.
    pub state: String,
    /// Steps that are done.
    pub done: i64,
    /// All steps, if their number is known.
    pub total: Option<i64>,
    /// The result of a job that is done.
    pub result: Option<Value>,
    /// The kind of the problem of a job that failed or was interrupted.
    pub problem: Option<String>,
    /// What went wrong, and what to do.
    pub detail: Option<String>,
    /// The kind of the actor, as in the audit.
    pub actor_kind: String,
    /// The name of the actor, as in the audit.
    pub actor: String,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// How a job ended.
#[derive(Clone, Copy, Debug)]
pub enum JobEnd<'a> {
    /// It is done, with this result.
    Done(&'a Value),
    /// It failed: the kind of the problem, and the sentence.
    Failed(&'a str, &'a str),
    /// Its process ended before it, and it cannot be taken over: what happened and what to do.
    Interrupted(&'a str),
}

/// The columns of [`JobRow`], in its order.
const COLUMNS: &str =
    "id, kind, campaign_id, parameters, state, done, total, result, problem, detail, actor_kind, actor,
    created_at, finished_at";

/// Ends a job that this worker executes.
pub(crate) const FINISH: &str = "
update job set state = $3, result = $4, problem = $5, detail = $6, finished_at = clock_timestamp(),
    done = case when $3 = 'done' then coalesce(total, done) else done end
where id = $1 and worker = $2 and state = 'running'";

impl Store {
    /// Begins a job; returns its id.
    pub async fn add_job(&self, job: &NewJob<'_>) -> Result<i64, Error> {
        let insert = "
            insert into job (kind, campaign_id, parameters, actor_kind, actor, worker)
            values ($1, $2, $3, $4, $5, $6) returning id";
        let NewJob { kind, campaign, parameters, actor_kind, actor, worker } = job;
        let campaign = campaign.map(|campaign| campaign.0);
        let client = self.client().await?;
        let row = client.query_one(insert, &[kind, &campaign, parameters, actor_kind, actor, worker]).await?;
        Ok(row.get(0))
    }

    /// The job of this id.
    pub async fn job(&self, id: i64) -> Result<JobRow, Error> {
        let select = format!("select {COLUMNS} from job where id = $1");
        let row = self.client().await?.query_opt(&select, &[&id]).await?;
        row.as_ref().map(read).ok_or_else(|| Error::NotFound(format!("job {id}")))
    }

    /// Jobs, newest first: at most `most`, only of this campaign and only older than `before` if they are given.
    pub async fn jobs(
        &self,
        campaign: Option<CampaignId>,
        before: Option<i64>,
        most: u32,
    ) -> Result<Vec<JobRow>, Error> {
        let select = format!(
            "select {COLUMNS} from job
            where coalesce(campaign_id = $1, $1 is null) and coalesce(id < $2, true) order by id desc limit $3"
        );
        let campaign = campaign.map(|campaign| campaign.0);
        let rows = self.client().await?.query(&select, &[&campaign, &before, &i64::from(most)]).await?;
        Ok(rows.iter().map(read).collect())
    }

    /// Notes the progress of jobs that this worker executes. Returns the ids of those that it still has.
    pub async fn beat_jobs(
        &self,
        worker: &str,
        progress: &[(i64, i64, Option<i64>)],
    ) -> Result<Vec<i64>, Error> {
        let update = "
            update job set heartbeat_at = clock_timestamp(), done = p.done, total = p.total
            from unnest($2::bigint[], $3::bigint[], $4::bigint[]) as p(id, done, total)
            where job.id = p.id and worker = $1 and state = 'running' returning job.id";
        let ids: Vec<i64> = progress.iter().map(|(id, ..)| *id).collect();
        let done: Vec<i64> = progress.iter().map(|(_, done, _)| *done).collect();
        let total: Vec<Option<i64>> = progress.iter().map(|(.., total)| *total).collect();
        let client = self.client().await?;
        let rows =
            client.query(&client.prepare_cached(update).await?, &[&worker, &ids, &done, &total]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Ends a job that this worker executes. Returns whether the worker still had it.
    pub async fn finish_job(&self, id: i64, worker: &str, end: JobEnd<'_>) -> Result<bool, Error> {
        let (state, result, problem, detail) = end.columns();
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
            [&id, &worker, &state, &result, &problem, &detail];
        Ok(self.client().await?.execute(FINISH, &values).await? > 0)
    }

    /// Ends a running job because a person gave it up. Returns whether it was running.
    pub async fn give_up_job(&self, id: i64, detail: &str) -> Result<bool, Error> {
        let update = "
            update job set state = 'interrupted', problem = $3, detail = $2, finished_at = clock_timestamp()
            where id = $1 and state = 'running'";
        Ok(self.client().await?.execute(update, &[&id, &detail, &GIVEN_UP]).await? > 0)
    }

    /// Takes over a lost job of one of these kinds.
    pub async fn take_job(&self, worker: &str, kinds: &[&str]) -> Result<Option<JobRow>, Error> {
        let update = format!(
            "update job set worker = $1, heartbeat_at = clock_timestamp()
            where id = (
                select id from job
                where state = 'running' and kind = any($2)
                    and heartbeat_at < clock_timestamp() - $3 * interval '1 second'
                order by heartbeat_at limit 1 for update skip locked)
            returning {COLUMNS}"
        );
        let client = self.client().await?;
        let row = client
            .query_opt(&client.prepare_cached(&update).await?, &[&worker, &kinds, &STALE.as_secs_f64()])
            .await?;
        Ok(row.as_ref().map(read))
    }

    /// Gives back the jobs of a worker that stops, so that other processes take them over at once.
    pub async fn release_jobs(&self, worker: &str) -> Result<(), Error> {
        let update = "update job set heartbeat_at = 'epoch' where worker = $1 and state = 'running'";
        self.client().await?.execute(update, &[&worker]).await?;
        Ok(())
    }

    /// Deletes jobs that ended more than 30 days ago, at most 1,000. Returns their number.
    pub async fn forget_jobs(&self) -> Result<u64, Error> {
        let delete = "
            delete from job where id in (
                select id from job where finished_at < clock_timestamp() - interval '30 days' order by id limit 1000)";
        Ok(self.client().await?.execute(delete, &[]).await?)
    }
}

impl<'a> JobEnd<'a> {
    /// State, result, problem and detail.
    pub(crate) fn columns(self) -> (&'static str, Option<&'a Value>, Option<&'a str>, Option<&'a str>) {
        match self {
            Self::Done(result) => ("done", Some(result), None, None),
            Self::Failed(problem, detail) => ("failed", None, Some(problem), Some(detail)),
            Self::Interrupted(detail) => ("interrupted", None, Some("interrupted"), Some(detail)),
        }
    }
}

fn read(row: &Row) -> JobRow {
    JobRow {
        id: row.get(0),
        kind: row.get(1),
        campaign: row.get::<_, Option<i64>>(2).map(CampaignId),
        parameters: row.get(3),
        state: row.get(4),
        done: row.get(5),
        total: row.get(6),
        result: row.get(7),
        problem: row.get(8),
        detail: row.get(9),
        actor_kind: row.get(10),
        actor: row.get(11),
        created_at: row.get(12),
        finished_at: row.get(13),
    }
}
