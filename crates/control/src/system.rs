//! The state of the installation: what feeds and sends each sender, and the database.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::Measure;
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control};
use crate::error::Error;

/// The state of the installation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SystemView {
    /// The version of this program.
    pub version: String,
    /// The last migration of the database.
    pub schema: i64,
    /// What feeds and sends each sender, by name.
    pub senders: Vec<SenderSystem>,
    /// Measures of the database by the name of their metric without `flowcast_`, such as `database_connections`.
    pub database: BTreeMap<String, f64>,
    /// Maintenance jobs of the producers whose last run failed.
    pub failing_jobs: Vec<FailingJob>,
}

/// A maintenance job of the producers whose last run failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailingJob {
    /// The job, such as `fold_counters`.
    pub task: String,
    /// Failed runs since the last success.
    pub failures: i32,
    /// The last success; `null`: the job never succeeded.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub succeeded_at: Option<Timestamp>,
    /// The last failure.
    #[schema(value_type = String, format = DateTime)]
    pub failed_at: Timestamp,
    /// The error of the last failure.
    pub error: String,
}

impl From<store::FailingJob> for FailingJob {
    fn from(job: store::FailingJob) -> Self {
        let store::FailingJob { task, failures, succeeded_at, failed_at, error } = job;
        Self { task, failures, succeeded_at, failed_at, error }
    }
}

/// What feeds and sends one sender.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SenderSystem {
    /// Name of the sender.
    pub sender: String,
    /// Whether a producer holds the lease of its feed.
    pub has_producer: bool,
    /// What keeps the producer from feeding: `queue_blocked`, `queue_away` or `feed_failed`.
    #[schema(required)]
    pub trouble: Option<String>,
    /// Workers that were seen within the last 10 seconds.
    pub workers: u32,
    /// Claims whose outcomes are not all recorded yet.
    pub open_claims: u32,
    /// Recipients that are due to be published now, counted up to 10,000.
    pub due: u32,
    /// Seconds since the first of them was due.
    pub overdue_seconds: f64,
    /// Unconfirmed recipients of all its campaigns.
    pub unknown: u32,
}

impl Control {
    /// The state of the installation. The numbers are those of the metrics.
    pub async fn system(&self, caller: &Caller) -> Result<SystemView, Error> {
        let attempt = Attempt::new(caller, Action::ViewSystem, Object::Installation);
        self.act(attempt, async {
            let feeds = self.store.sender_feeds().await?;
            let ids: Vec<campaign::SenderId> = feeds.iter().map(|feed| feed.sender).collect();
            let measured = self.store.measure_sending(&ids).await?;
            let senders = feeds
                .into_iter()
                .map(|feed| {
                    let of = |name: &str| measure(&measured, name, &feed.name);
                    SenderSystem {
                        workers: count(of("workers")),
                        open_claims: count(of("claims_open")),
                        due: count(of("due_recipients")),
                        overdue_seconds: of("due_overdue_seconds").max(0.0),
                        unknown: count(of("unknown_recipients")),
                        has_producer: feed.has_producer,
                        trouble: feed.trouble,
                        sender: feed.name,
                    }
                })
                .collect();
            let database = self.store.measure_database(true).await?;
            let database = database.into_iter().map(|measure| (measure.name, measure.value)).collect();
            let schema = self.store.schema_version().await?;
            let version = env!("CARGO_PKG_VERSION").to_owned();
            let failing_jobs = self.read_failing_jobs().await?;
            Ok((SystemView { version, schema, senders, database, failing_jobs }, Value::Null))
        })
        .await
    }

    /// Maintenance jobs whose last run failed.
    pub async fn failing_jobs(&self, caller: &Caller) -> Result<Vec<FailingJob>, Error> {
        let attempt = Attempt::new(caller, Action::ViewSystem, Object::Installation);
        self.act(attempt, async { Ok((self.read_failing_jobs().await?, Value::Null)) }).await
    }

    async fn read_failing_jobs(&self) -> Result<Vec<FailingJob>, Error> {
        Ok(self.store.failing_jobs().await?.into_iter().map(FailingJob::from).collect())
    }
}

fn measure(measured: &[Measure], name: &str, sender: &str) -> f64 {
    let of = |one: &&Measure| one.name == name && one.labels.first().is_some_and(|label| label == sender);
    measured.iter().find(of).map_or(0.0, |one| one.value)
}

/// A count as a whole number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts of floats saturate")]
fn count(value: f64) -> u32 {
    value as u32
}
