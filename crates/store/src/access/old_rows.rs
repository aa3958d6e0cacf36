//! Removal of rows that are no longer needed: ended sessions, old links and old failures of log-ins.

use crate::db::connection::Store;
use crate::db::error::Error;

impl Store {
    /// Removes sessions and links 30 days after their end, and failures of log-ins after a day; up to 10,000 rows of each. Returns
    /// the number of rows. What was done in a session is in the audit.
    pub async fn forget_log_ins(&self) -> Result<u64, Error> {
        let deletes = [
            "delete from session where id in (
                select id from session where until < clock_timestamp() - interval '30 days' order by until limit 10000)",
            "delete from account_link where token_hash in (
                select token_hash from account_link where expires_at < clock_timestamp() - interval '30 days' limit 10000)",
            "delete from login_failure where (kind, key_hash) in (
                select kind, key_hash from login_failure
                where last_at < clock_timestamp() - interval '1 day' order by last_at limit 10000)",
        ];
        let client = self.client().await?;
        let mut removed = 0;
        for delete in deletes {
            removed += client.execute(delete, &[]).await?;
        }
        Ok(removed)
    }
}
