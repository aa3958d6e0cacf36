//! How long is kept what came back: raw bodies by the operator's wish, what was not matched a week, ids of messages a month.
//!
//! Receipts and answers are kept as long as their campaign is.

use std::time::Duration;

use crate::connection::Store;
use crate::error::Error;

impl Store {
    /// Makes the tables of the coming days and drops what is old. Cheap; to be called about once an hour.
    pub async fn keep_webhooks(&self, bodies: Duration) -> Result<(), Error> {
        let orphans = "delete from orphan where received_at < clock_timestamp() - interval '7 days'";
        let messages = "delete from sent_message where noted_at < clock_timestamp() - interval '30 days'";
        let days = i32::try_from(bodies.as_secs().div_ceil(24 * 60 * 60)).unwrap_or(i32::MAX);
        // Deleting may take longer than the time limit of the pool's connections.
        let client = self.own_client().await?;
        client.execute("select keep_webhook_days($1)", &[&days.min(36_500)]).await?;
        client.execute(orphans, &[]).await?;
        client.execute(messages, &[]).await?;
        Ok(())
    }
}
