//! How the maintenance jobs of the producers went.

use std::time::Duration;

use jiff::Timestamp;

use crate::db::connection::Store;
use crate::db::error::Error;

/// A maintenance job whose last run failed.
#[derive(Clone, Debug)]
pub struct FailingJob {
    /// The job, such as `fold_counters`.
    pub task: String,
    /// Failed runs since the last success.
    pub failures: i32,
    /// The last success; `None`: the job never succeeded.
    pub succeeded_at: Option<Timestamp>,
    /// The last failure.
    pub failed_at: Timestamp,
    /// The error of the last failure.
    pub error: String,
}

impl Store {
    /// The maintenance jobs whose last run failed, whichever producer ran it.
    pub async fn failing_jobs(&self) -> Result<Vec<FailingJob>, Error> {
        let select = "
            select task, failures, succeeded_at, failed_at, error from report.maintenance where is_failing order by task";
        let client = self.client().await?;
        let rows = client.query(&client.prepare_cached(select).await?, &[]).await?;
        let job = |row: &tokio_postgres::Row| FailingJob {
            task: row.get("task"),
            failures: row.get("failures"),
            succeeded_at: row.get("succeeded_at"),
            failed_at: row.get("failed_at"),
            error: row.get("error"),
        };
        Ok(rows.iter().map(job).collect())
    }

    /// Notes the end of a run of a job: its error, or `None`. A job has one note, whichever producer ran it.
    pub async fn note_maintenance(
        &self,
        task: &str,
        period: Duration,
        error: Option<&str>,
    ) -> Result<(), Error> {
        let upsert = "
            insert into maintenance_task as m (task, period, succeeded_at, failed_at, error, failures)
            select $1, $2 * interval '1 second', case when $3::text is null then clock_timestamp() end,
                case when $3::text is not null then clock_timestamp() end, $3, case when $3::text is null then 0 else 1 end
            on conflict (task) do update
            set period = excluded.period, succeeded_at = coalesce(excluded.succeeded_at, m.succeeded_at),
                failed_at = coalesce(excluded.failed_at, m.failed_at), error = coalesce(excluded.error, m.error),
                failures = case when excluded.failures = 0 then 0 else m.failures + 1 end";
        let client = self.client().await?;
        let upsert = client.prepare_cached(upsert).await?;
        client.execute(&upsert, &[&task, &period.as_secs_f64(), &error]).await?;
        Ok(())
    }
}
