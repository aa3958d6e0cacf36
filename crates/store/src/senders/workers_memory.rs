//! What living workers know of outcomes that PostgreSQL may have lost.
//!
//! A worker records again the outcomes that it recorded lately, and those of its requests that are still under way. It then notes here
//! that it is done. A confirmation before that would send a second time to recipients whose commits were lost.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use crate::db::connection::Store;
use crate::db::error::Error;

/// A worker that was alive within this time may still record again.
const ALIVE: &str = "interval '1 minute'";

/// What one worker recorded again in a database that is not confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerMemory {
    /// Its id.
    pub worker: Uuid,
    /// When it was last alive.
    pub seen_at: Timestamp,
    /// When it had recorded again all it knows; `None`: not yet.
    pub recorded_again_at: Option<Timestamp>,
    /// How many recipients it changed.
    pub recipients: Option<i64>,
    /// The time from which on it knows all its outcomes.
    pub knows_since: Option<Timestamp>,
}

impl WorkerMemory {
    /// Whether it has not yet recorded again what it knows.
    pub fn is_behind(&self) -> bool {
        self.recorded_again_at.is_none()
    }
}

impl Store {
    /// Notes that this worker recorded again all it knows, which is from `age` ago on.
    pub async fn note_recorded_again(
        &self,
        worker: Uuid,
        recipients: u64,
        age: Duration,
    ) -> Result<(), Error> {
        let note = "
            insert into live_worker (worker, recorded_again_at, recorded_again, knows_since)
            values ($1, clock_timestamp(), $2, clock_timestamp() - $3 * interval '1 second')
            on conflict (worker) do update
            set recorded_again_at = excluded.recorded_again_at, recorded_again = excluded.recorded_again,
                knows_since = excluded.knows_since";
        let recipients = i64::try_from(recipients).unwrap_or(i64::MAX);
        self.client().await?.execute(note, &[&worker, &recipients, &age.as_secs_f64()]).await?;
        Ok(())
    }

    /// The workers that were alive lately, and what they recorded again.
    pub async fn workers_memory(&self) -> Result<Vec<WorkerMemory>, Error> {
        let select = format!(
            "select worker, seen_at, recorded_again_at, recorded_again, knows_since from live_worker
            where seen_at > clock_timestamp() - {ALIVE} order by seen_at desc, worker"
        );
        let rows = self.client().await?.query(&select, &[]).await?;
        Ok(rows
            .iter()
            .map(|row| WorkerMemory {
                worker: row.get(0),
                seen_at: row.get(1),
                recorded_again_at: row.get(2),
                recipients: row.get(3),
                knows_since: row.get(4),
            })
            .collect())
    }
}
