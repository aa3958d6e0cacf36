//! Commits queued webhook requests in batches. The order is decided in this file only: commit, then answer.
//!
//! There is no timer: while one batch is being committed, the next one accumulates.

use std::sync::Arc;

use store::{Error, Ingest, Ingested, Store};
use telemetry::Stage;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::Instant;

use crate::http::body_memory::AuthenticatedBody;
use crate::metrics;
use crate::webhook::recent_posts::RecentPosts;
use crate::webhook::stops;

/// The maximum number of requests and of rows in one commit. A single request may have more rows.
const MAX_REQUESTS: usize = 500;
const MAX_ROWS: usize = 5_000;

/// The result of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommitResult {
    /// The request is in the database.
    Committed,
    /// As far as the server knows, the request is not in the database; the provider may repeat it.
    NotCommitted,
}

/// A request that waits for its commit.
pub(crate) struct QueuedRequest {
    pub(crate) rows: Ingest,
    pub(crate) answer: oneshot::Sender<CommitResult>,
    /// The memory of the body, freed when the request is answered.
    pub(crate) memory: AuthenticatedBody,
}

/// Commits queued requests; several committers may share the queue.
#[derive(Clone)]
pub(crate) struct Committer {
    pub(crate) store: Store,
    pub(crate) queue: Arc<Mutex<mpsc::Receiver<QueuedRequest>>>,
    pub(crate) recent: Arc<RecentPosts>,
}

impl Committer {
    /// Runs until the queue is closed and empty.
    pub(crate) async fn run(self) {
        let mut waiting = Vec::with_capacity(MAX_REQUESTS);
        while self.next(&mut waiting).await {
            let mut batch = Vec::with_capacity(waiting.len());
            let mut rows = 0;
            for request in waiting.drain(..) {
                if rows + request.rows.len() > MAX_ROWS && !batch.is_empty() {
                    self.commit(std::mem::take(&mut batch)).await;
                    rows = 0;
                }
                rows += request.rows.len();
                batch.push(request);
            }
            self.commit(batch).await;
        }
    }

    async fn next(&self, waiting: &mut Vec<QueuedRequest>) -> bool {
        self.queue.lock().await.recv_many(waiting, MAX_REQUESTS).await > 0
    }

    /// Commits a batch and answers it. If the database refuses a row, the requests without such a row are committed first.
    async fn commit(&self, batch: Vec<QueuedRequest>) {
        let rows = Ingest::join(batch.iter().map(|request| &request.rows));
        let (step, begun) = (telemetry::step(Stage::PostCommit), Instant::now());
        let ingested = self.store.ingest(&rows).await;
        drop(step);
        metrics::count_commit(begun.elapsed().as_secs_f64());
        match ingested {
            Err(error) if error.is_of_a_row() => self.commit_one_by_one(batch).await,
            ingested => self.answer(ingested, batch, rows).await,
        }
    }

    /// Commits requests one by one. For a request with a row that the database refuses, the other rows are committed.
    async fn commit_one_by_one(&self, batch: Vec<QueuedRequest>) {
        let mut refused = Vec::new();
        for waiting in batch {
            match self.store.ingest(&waiting.rows).await {
                Err(error) if error.is_of_a_row() => refused.push(waiting),
                ingested => self.answer_one(ingested, waiting).await,
            }
        }
        for waiting in refused {
            let ingested = self.store.ingest_apart(&waiting.rows).await;
            self.answer_one(ingested, waiting).await;
        }
    }

    async fn answer_one(&self, ingested: Result<Ingested, Error>, request: QueuedRequest) {
        let rows = request.rows.clone();
        self.answer(ingested, vec![request], rows).await;
    }

    /// Answers the requests first, and then handles the consequences of the committed rows.
    async fn answer(&self, ingested: Result<Ingested, Error>, batch: Vec<QueuedRequest>, rows: Ingest) {
        let result = if ingested.is_ok() { CommitResult::Committed } else { CommitResult::NotCommitted };
        match &ingested {
            Ok(_) => self.recent.keep(Instant::now(), rows),
            Err(error) if error.is_transient() => {
                tracing::warn!(
                    error = error as &dyn std::error::Error,
                    "webhook requests cannot be committed now: {error}"
                );
            }
            Err(error) => {
                tracing::error!(
                    error = error as &dyn std::error::Error,
                    "webhook requests cannot be committed: {error}"
                );
            }
        }
        for QueuedRequest { rows: _, answer, memory } in batch {
            if answer.send(result).is_err() {
                tracing::debug!("the client did not wait for the answer");
            }
            drop(memory);
        }
        let Ok(Ingested { to_resolve, to_fall_back, new_notices, unmatched_opt_outs, stops, .. }) = ingested
        else {
            return;
        };
        for (sender, n) in unmatched_opt_outs {
            tracing::warn!(
                sender.id = %sender, n,
                "{n} opt-outs to sender {sender} match no recipient by number, id or message; see report.unmatched_opt_out"
            );
        }
        for campaign in to_resolve {
            // If this fails, a producer repeats it within a second.
            if let Err(error) = self.store.resolve_by_receipts(campaign).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "unknown recipients are resolved by receipts later: {error}"
                );
            }
        }
        for campaign in to_fall_back {
            // If this fails, a producer repeats it within a second.
            if let Err(error) = self.store.fall_back(campaign).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "recipients with a closed window get the template later: {error}"
                );
            }
        }
        stops::pause_by_notices(&self.store, &new_notices).await;
        stops::stop_by_receipts(&self.store, stops).await;
    }
}
