//! Stores webhook requests again after a failover that lost commits, or when a backup was restored under a running server.
//!
//! Providers do not repeat what was answered 200, so only the server can put back the delivery receipts, opt-outs and answers of the lost
//! seconds. Storing a request twice changes nothing, as when a provider sends it twice.

use std::sync::Arc;

use store::{DatabaseIdentity, Error, Lineage, Store};

use crate::metrics;
use crate::webhook::recent_posts::RecentPosts;
use crate::webhook::stops;

/// What this server knows of the database, and what it stored again.
pub(crate) struct LostPosts {
    store: Store,
    posts: Arc<RecentPosts>,
    /// From which database the confirmed one came when it was last seen.
    lineage: Option<Lineage>,
    /// The database that is not confirmed, and the number of the last commit that was stored again there. Another standby may be promoted
    /// before the first one is confirmed.
    again: Option<(DatabaseIdentity, u64)>,
}

impl LostPosts {
    pub(crate) fn new(store: Store, posts: Arc<RecentPosts>) -> Self {
        Self { store, posts, lineage: None, again: None }
    }

    /// Compares the database with the confirmed one, and stores again what it may lack.
    pub(crate) async fn look(&mut self) -> Result<(), Error> {
        let database = self.store.database_state().await?;
        if database.is_confirmed {
            (self.lineage, self.again) = (Some(database.lineage()), None);
            return Ok(());
        }
        if database.is_standby || self.lineage != Some(database.lineage()) {
            return Ok(());
        }
        let known = self.again.take().filter(|(known, _)| *known == database.now);
        let (_, through) = self.again.insert(known.unwrap_or((database.now, 0)));
        let mut rows = 0;
        while let Some((number, post)) = self.posts.after(*through) {
            let stored = match self.store.ingest(&post).await {
                Err(error) if error.is_of_a_row() => self.store.ingest_apart(&post).await,
                stored => stored,
            };
            stops::pause_by_notices(&self.store, &stored?.new_notices).await;
            *through = number;
            rows += post.len();
        }
        if rows > 0 {
            metrics::count_stored_again(rows);
            tracing::warn!(
                rows,
                "the database is not the confirmed one; {rows} rows of webhook requests of the last minutes are stored again"
            );
        }
        Ok(())
    }
}
