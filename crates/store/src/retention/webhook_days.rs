//! How long is kept what came back: raw bodies by the operator's wish, what was not matched a week, ids of messages a month.
//!
//! Receipts and answers are kept as long as their campaign is.
//!
//! **Invariant.** No post waits for anything here. Tables for posts are attached, and detached `concurrently`: both take locks for
//! which neither posts nor readers wait. Dropping waits for readers of the old table, so it has a connection of its own.

use std::time::Duration;

use tokio_postgres::Client;

use crate::db::connection::Store;
use crate::db::error::Error;

/// For how many days after today there are tables for posts. A server that could make none for so long takes no posts in.
const DAYS_AHEAD: i32 = 7;
/// The longest time that posts are kept, in days.
const MOST_DAYS: i32 = 36_500;

impl Store {
    /// Makes the tables for the posts of today and of the coming week, as far as no other session is in the way. Returns whether
    /// all of them are there; fails if there is none for today and tomorrow. Takes at most a few seconds.
    pub async fn make_webhook_days(&self) -> Result<bool, Error> {
        let client = self.client().await?;
        let made: i32 = client.query_one("select make_webhook_days($1)", &[&DAYS_AHEAD]).await?.get(0);
        if made < 1 {
            return Err(Error::Conflict(format!(
                "the tables for the posts of {} cannot be made: another session holds a lock on webhook_body; look into \
                 pg_stat_activity for it",
                if made < 0 { "today" } else { "tomorrow" }
            )));
        }
        Ok(made == DAYS_AHEAD)
    }

    /// Forgets what is old. To be called about once an hour. Where a reader still looks at an old table, this waits for that reader, and
    /// nobody waits for this.
    pub async fn forget_webhooks(&self, bodies: Duration) -> Result<(), Error> {
        let orphans = "delete from orphan where received_at < clock_timestamp() - interval '7 days'";
        let messages = "delete from sent_message where noted_at < clock_timestamp() - interval '30 days'";
        // Deleting may take longer than the time limit of the pool's connections.
        let client = self.own_client().await?;
        client.execute(orphans, &[]).await?;
        client.execute(messages, &[]).await?;
        let days = i32::try_from(bodies.as_secs().div_ceil(24 * 60 * 60)).unwrap_or(MOST_DAYS).min(MOST_DAYS);
        drop_days(&client, days).await
    }
}

/// Drops the tables for posts of days that are older than so many, those included that were detached by somebody who died then.
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
