//! Retention of webhook data: posts for a configured time, unmatched events for a week, message ids for a month.
//!
//! Receipts and answers are kept as long as their campaign.
//!
//! **Invariant.** No post waits for this module. Tables for posts are attached, and detached `concurrently`: the locks for both
//! block neither posts nor readers. Dropping waits for readers of the old table, so it has its own connection.

use std::time::Duration;

use tokio_postgres::Client;

use crate::db::connection::Store;
use crate::db::error::Error;

/// Number of days after today for which tables exist. A server that cannot create a table for so long rejects posts.
const DAYS_AHEAD: i32 = 7;
/// Maximum time for which posts are kept, in days.
const MOST_DAYS: i32 = 36_500;

impl Store {
    /// Creates the tables for posts of today and of the next week, unless another session blocks it. Returns whether all of them
    /// exist; fails if there is none for today and tomorrow. Takes at most a few seconds.
    pub async fn make_webhook_days(&self) -> Result<bool, Error> {
        let client = self.client().await?;
        let made: i32 = client.query_one("select make_webhook_days($1)", &[&DAYS_AHEAD]).await?.get(0);
        if made < 1 {
            return Err(Error::Conflict(format!(
                "cannot create the tables for posts of {}: another session holds a lock on webhook_body; see \
                 pg_stat_activity",
                if made < 0 { "today" } else { "tomorrow" }
            )));
        }
        Ok(made == DAYS_AHEAD)
    }

    /// Deletes old webhook data. To be called about once an hour. Waits for readers of an old table; no other statement waits
    /// for it.
    pub async fn forget_webhooks(&self, bodies: Duration) -> Result<(), Error> {
        let events = "delete from unmatched_status where received_at < clock_timestamp() - interval '7 days'";
        let messages = "delete from sent_message where noted_at < clock_timestamp() - interval '30 days'";
        // Deleting may exceed the time limit of connections of the pool.
        let client = self.own_client().await?;
        client.execute(events, &[]).await?;
        client.execute(messages, &[]).await?;
        let days = i32::try_from(bodies.as_secs().div_ceil(24 * 60 * 60)).unwrap_or(MOST_DAYS).min(MOST_DAYS);
        drop_days(&client, days).await
    }
}

/// Drops the tables for posts that are older than this number of days, including tables that an interrupted call detached.
async fn drop_days(client: &Client, days: i32) -> Result<(), Error> {
    let select = "
        select c.relname::text, i.inhdetachpending
        from pg_class c left join pg_inherits i on i.inhrelid = c.oid
        where c.relnamespace = (select relnamespace from pg_class where oid = 'webhook_body'::regclass)
            and c.relkind = 'r' and c.relname ~ '^webhook_body_[0-9]{8}$'
            and c.relname < 'webhook_body_' || to_char((clock_timestamp() at time zone 'utc')::date - $1::int, 'YYYYMMDD')
        order by c.relname";
    for row in client.query(select, &[&days]).await? {
        let (table, pending): (&str, Option<bool>) = (row.get(0), row.get(1));
        if let Some(pending) = pending {
            let how = if pending { "finalize" } else { "concurrently" };
            let detach = format!("alter table webhook_body detach partition {table} {how}");
            client.batch_execute(&detach).await?;
        }
        client.batch_execute(&format!("drop table if exists {table}")).await?;
    }
    Ok(())
}
