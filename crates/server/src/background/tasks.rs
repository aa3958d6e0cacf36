//! The periodic tasks: reload the senders, match statuses that arrived before their message, store the counts of refused
//! requests, store requests again that PostgreSQL lost. `webhook_tables.rs` creates and drops the tables for webhook requests.

use std::sync::Arc;
use std::time::Duration;

use store::{Error, Store, WebhookRow};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::background::lost_posts::LostPosts;
use crate::background::webhook_tables;
use crate::http::health::DatabaseHealth;
use crate::webhook::recent_posts::RecentPosts;
use crate::webhook::refusal_counts::RefusalCounts;
use crate::webhook::senders::{Secrets, Senders};
use crate::webhook::stops;

/// The interval at which senders are reloaded and unmatched statuses are matched again.
const INTERVAL: Duration = Duration::from_secs(1);
/// The interval at which secrets are resolved again, so that changed secrets take effect.
const SECRETS_INTERVAL: Duration = Duration::from_mins(1);

/// The periodic tasks and the state they share with the requests.
pub(crate) struct BackgroundTasks {
    pub(crate) store: Store,
    keep_bodies: Duration,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) senders: Arc<Senders>,
    pub(crate) refusals: Arc<RefusalCounts>,
    pub(crate) health: Arc<DatabaseHealth>,
    pub(crate) recent: Arc<RecentPosts>,
    lost_posts: LostPosts,
    /// The senders of the last reload, and the time at which their secrets were resolved.
    rows: Vec<WebhookRow>,
    secrets_resolved_at: Option<Instant>,
}

impl BackgroundTasks {
    pub(crate) fn new(store: Store, keep_bodies: Duration, secrets: Arc<Secrets>) -> Self {
        let (senders, refusals, health) = (Arc::default(), Arc::default(), Arc::default());
        let recent: Arc<RecentPosts> = Arc::default();
        let lost_posts = LostPosts::new(store.clone(), Arc::clone(&recent));
        Self {
            store,
            keep_bodies,
            secrets,
            senders,
            refusals,
            health,
            recent,
            lost_posts,
            rows: Vec::new(),
            secrets_resolved_at: None,
        }
    }

    /// Runs until `stop`, then stores the remaining counts.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        // Before the first reload of the senders, because a webhook request needs the table of today.
        let created = webhook_tables::create_once(&self.store).await;
        let mut maintenance = JoinSet::new();
        maintenance.spawn(webhook_tables::create(self.store.clone(), created));
        maintenance.spawn(webhook_tables::drop_old(self.store.clone(), self.keep_bodies));
        loop {
            if let Err(error) = self.run_once().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a periodic task of the server failed and is repeated: {error}"
                );
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(INTERVAL) => {}
            }
        }
        if let Err(error) = self.store_counts().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "some refused requests are missing in the counts: {error}"
            );
        }
    }

    async fn run_once(&mut self) -> Result<(), Error> {
        let rows = self.store.webhooks().await?;
        let is_due = self.secrets_resolved_at.is_none_or(|at| at.elapsed() > SECRETS_INTERVAL);
        if is_due || rows != self.rows {
            self.senders.replace(rows.clone(), &*self.secrets).await;
            (self.rows, self.secrets_resolved_at) = (rows, Some(Instant::now()));
        }
        self.health.mark_answered();
        // If one of them fails, the others still run.
        let (matched, spread) = (self.store.match_again().await, self.store.spread_aliases().await);
        let counted = self.store_counts().await;
        let stored_again = self.lost_posts.look().await;
        let stopped = matched.map(|matched| matched.stops);
        let matched = match stopped {
            Ok(stops) => {
                stops::stop_by_receipts(&self.store, stops).await;
                Ok(())
            }
            Err(error) => Err(error),
        };
        matched.and(spread).and(counted).and(stored_again)
    }

    async fn store_counts(&self) -> Result<(), Error> {
        let counts = self.refusals.take();
        if counts.is_empty() {
            return Ok(());
        }
        let counted = self.store.count_webhooks(&counts).await;
        if counted.is_err() {
            self.refusals.restore(counts);
        }
        counted
    }
}
