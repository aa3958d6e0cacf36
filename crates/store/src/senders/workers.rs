//! Workers that are alive, and the senders for which they work.

use std::time::Duration;

use campaign::SenderId;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::metrics;

/// A worker that is alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveWorker {
    /// Its id.
    pub worker: Uuid,
    /// The only senders for which it may work; `None`: all.
    pub senders: Option<Vec<SenderId>>,
    /// Senders for which all its requests were in use lately.
    pub full_of: Vec<SenderId>,
}

impl Store {
    /// Notes that this worker is alive, and returns the others that were alive within `lease`.
    pub async fn live_workers(&self, this: &LiveWorker, lease: Duration) -> Result<Vec<LiveWorker>, Error> {
        let note = "
            with gone as (
                delete from live_worker where seen_at < clock_timestamp() - interval '1 hour'
            ), this as (
                insert into live_worker (worker, senders, full_of) values ($1, $2, $3)
                on conflict (worker) do update
                set senders = excluded.senders, full_of = excluded.full_of, seen_at = clock_timestamp()
            )
            select worker, senders, full_of from live_worker
            where worker <> $1 and seen_at > clock_timestamp() - $4 * interval '1 millisecond'";
        let ids = |senders: &[SenderId]| senders.iter().map(|sender| sender.0).collect::<Vec<i64>>();
        let senders = this.senders.as_deref().map(ids);
        let lease_ms = f64::from(u32::try_from(lease.as_millis()).unwrap_or(u32::MAX));
        let client = self.client().await?;
        let note = client.prepare_cached(note).await?;
        let values: [&(dyn ToSql + Sync); 4] = [&this.worker, &senders, &ids(&this.full_of), &lease_ms];
        let rows = metrics::LIVE_WORKERS.time(client.query(&note, &values)).await?;
        let senders = |ids: Vec<i64>| ids.into_iter().map(SenderId).collect();
        Ok(rows
            .iter()
            .map(|row| LiveWorker {
                worker: row.get(0),
                senders: row.get::<_, Option<Vec<i64>>>(1).map(senders),
                full_of: senders(row.get(2)),
            })
            .collect())
    }

    /// Other workers take over the senders of this worker from now on.
    pub async fn worker_stops(&self, worker: Uuid) -> Result<(), Error> {
        self.client().await?.execute("delete from live_worker where worker = $1", &[&worker]).await?;
        Ok(())
    }

    /// Notes that a worker works for these senders now, and for no other. The note is valid for ten seconds.
    pub async fn worker_seen(&self, worker: Uuid, senders: &[SenderId]) -> Result<(), Error> {
        let upsert = "
            with gone as (
                delete from worker where seen_at < clock_timestamp() - interval '1 hour'
                    or (worker = $1 and sender_id <> all($2))
            )
            insert into worker (worker, sender_id) select $1, unnest($2::bigint[])
            on conflict (worker, sender_id) do update set seen_at = clock_timestamp()";
        let senders: Vec<i64> = senders.iter().map(|sender| sender.0).collect();
        let client = self.client().await?;
        let upsert = client.prepare_cached(upsert).await?;
        metrics::WORKER_SEEN.time(client.execute(&upsert, &[&worker, &senders])).await?;
        Ok(())
    }

    /// Removes the notes of a worker that ends.
    pub async fn worker_gone(&self, worker: Uuid) -> Result<(), Error> {
        self.client().await?.execute("delete from worker where worker = $1", &[&worker]).await?;
        Ok(())
    }
}
