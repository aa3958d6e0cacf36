//! What the server does beside requests: reading the senders again, matching what came too early, counting. Tables for posts are
//! made and dropped by `days.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use campaign::SenderId;
use store::{Error, Store, WebhookRow};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::days;
use crate::senders::{Secrets, Senders};

/// How often senders are read, and what could not be matched is looked up again.
const EVERY: Duration = Duration::from_secs(1);
/// How often secrets are looked for again, so that a new one is found.
const FIND_EVERY: Duration = Duration::from_mins(1);
/// Without an answer of Postgres for so long the server is not healthy.
const HEALTHY_FOR: Duration = Duration::from_secs(10);

/// How much was refused, by sender and kind, until it is counted in the database.
#[derive(Default)]
pub(crate) struct Refusals(Mutex<BTreeMap<(SenderId, &'static str), i64>>);

impl Refusals {
    pub(crate) fn note(&self, sender: SenderId, kind: &'static str) {
        *self.lock().entry((sender, kind)).or_default() += 1;
    }

    fn take(&self) -> BTreeMap<(SenderId, &'static str), i64> {
        std::mem::take(&mut *self.lock())
    }

    fn give_back(&self, counts: BTreeMap<(SenderId, &'static str), i64>) {
        let mut all = self.lock();
        for (key, n) in counts {
            *all.entry(key).or_default() += n;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(SenderId, &'static str), i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When Postgres last answered.
#[derive(Default)]
pub(crate) struct Pulse(Mutex<Option<Instant>>);

impl Pulse {
    pub(crate) fn is_healthy(&self) -> bool {
        let beat = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        beat.is_some_and(|beat| beat.elapsed() < HEALTHY_FOR)
    }

    fn beat(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

/// What the upkeep works on.
pub(crate) struct Upkeep {
    pub(crate) store: Store,
    keep_bodies: Duration,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) senders: Arc<Senders>,
    pub(crate) refusals: Arc<Refusals>,
    pub(crate) pulse: Arc<Pulse>,
    /// The senders as they were read last, and when their secrets were looked for.
    rows: Vec<WebhookRow>,
    found_at: Option<Instant>,
}

impl Upkeep {
    pub(crate) fn new(store: Store, keep_bodies: Duration, secrets: Arc<Secrets>) -> Self {
        let (senders, refusals, pulse) = (Arc::default(), Arc::default(), Arc::default());
        Self { store, keep_bodies, secrets, senders, refusals, pulse, rows: Vec::new(), found_at: None }
    }

    /// Works until told to stop; what was refused is counted to the last.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        // Before the first sender is known: what is posted then needs the table of today.
        let made = days::make_once(&self.store).await;
        let mut maintenance = JoinSet::new();
        maintenance.spawn(days::make(self.store.clone(), made));
        maintenance.spawn(days::forget(self.store.clone(), self.keep_bodies));
        loop {
            if let Err(error) = self.round().await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the server's upkeep waits: {error}"
                );
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
        if let Err(error) = self.count().await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "some refusals are not counted: {error}"
            );
        }
    }

    async fn round(&mut self) -> Result<(), Error> {
        let rows = self.store.webhooks().await?;
        let is_old = self.found_at.is_none_or(|at| at.elapsed() > FIND_EVERY);
        if is_old || rows != self.rows {
            self.senders.replace(rows.clone(), &*self.secrets).await;
            (self.rows, self.found_at) = (rows, Some(Instant::now()));
        }
        self.pulse.beat();
        // What one of them cannot do now does not keep the others from their work.
        let (matched, spread) = (self.store.match_again().await, self.store.spread_aliases().await);
        let counted = self.count().await;
        matched.and(spread).and(counted)
    }

    async fn count(&self) -> Result<(), Error> {
        let counts = self.refusals.take();
        if counts.is_empty() {
            return Ok(());
        }
        let counted = self.store.count_webhooks(&counts).await;
        if counted.is_err() {
            self.refusals.give_back(counts);
        }
        counted
    }
}
