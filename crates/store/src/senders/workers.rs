//! Connected workers, so that reports can say when there is none.

use campaign::SenderId;
use uuid::Uuid;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::metrics;

impl Store {
    /// Notes that a worker works for these senders now. The note is valid for ten seconds.
    pub async fn worker_seen(&self, worker: Uuid, senders: &[SenderId]) -> Result<(), Error> {
        let upsert = "
            with gone as (
                delete from worker where seen_at < clock_timestamp() - interval '1 hour'
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
