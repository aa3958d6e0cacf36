//! The queue of posts, and committing them in batches. The order is visible here and nowhere else: commit, then answer.
//!
//! There is no timer: while one batch is being committed the next one gathers.

use std::sync::Arc;

use store::{Error, Ingest, Ingested, Store};
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::intake::Post;
use crate::memory::Kept;
use crate::stops;

/// Most posts of one commit, and most rows but for a single post that has more.
const MOST_POSTS: usize = 500;
const MOST_ROWS: usize = 5_000;

/// What became of a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is in the database.
    Yes,
    /// It is not, as far as the server knows; it may be posted again.
    NotNow,
}

/// A post that waits for its commit.
pub(crate) struct Waiting {
    pub(crate) post: Post,
    pub(crate) answer: oneshot::Sender<Taken>,
    /// The memory of its body, given back when it is answered.
    pub(crate) memory: Kept,
}

/// Commits what waits; several may share the queue.
#[derive(Clone)]
pub(crate) struct Committer {
    pub(crate) store: Store,
    pub(crate) queue: Arc<Mutex<mpsc::Receiver<Waiting>>>,
}

impl Committer {
    /// Works until the queue is closed and empty.
    pub(crate) async fn run(self) {
        let mut waiting = Vec::with_capacity(MOST_POSTS);
        while self.next(&mut waiting).await {
            let mut batch = Vec::with_capacity(waiting.len());
            let mut rows = 0;
            for one in waiting.drain(..) {
                if rows + one.post.rows.len() > MOST_ROWS && !batch.is_empty() {
                    self.commit(std::mem::take(&mut batch)).await;
                    rows = 0;
                }
                rows += one.post.rows.len();
                batch.push(one);
            }
            self.commit(batch).await;
        }
    }

    async fn next(&self, waiting: &mut Vec<Waiting>) -> bool {
        self.queue.lock().await.recv_many(waiting, MOST_POSTS).await > 0
    }

    /// Commits a batch and answers it. If the database refuses a row, the posts without such a row are committed first.
    async fn commit(&self, batch: Vec<Waiting>) {
        let rows = Ingest::join(batch.iter().map(|waiting| &waiting.post.rows));
        match self.store.ingest(&rows).await {
            Err(error) if error.is_of_a_row() => self.commit_apart(batch).await,
            ingested => self.answer(ingested, batch).await,
        }
    }

    /// Commits posts one by one; of a post with a row that the database refuses, the other rows.
    async fn commit_apart(&self, batch: Vec<Waiting>) {
        let mut refused = Vec::new();
        for waiting in batch {
            match self.store.ingest(&waiting.post.rows).await {
                Err(error) if error.is_of_a_row() => refused.push(waiting),
                ingested => self.answer(ingested, vec![waiting]).await,
            }
        }
        for waiting in refused {
            let ingested = self.store.ingest_apart(&waiting.post.rows).await;
            self.answer(ingested, vec![waiting]).await;
        }
    }

    /// Answers first, and does then what follows from what was taken in.
    async fn answer(&self, ingested: Result<Ingested, Error>, batch: Vec<Waiting>) {
        let taken = if ingested.is_ok() { Taken::Yes } else { Taken::NotNow };
        match &ingested {
            Ok(_) => {}
            Err(error) if error.is_transient() => {
                tracing::warn!(
                    error = error as &dyn std::error::Error,
                    "posts are not taken in now: {error}"
                );
            }
            Err(error) => {
                tracing::error!(error = error as &dyn std::error::Error, "posts cannot be taken in: {error}");
            }
        }
        let mut stops = Vec::new();
        for Waiting { mut post, answer, memory } in batch {
            stops.append(&mut post.stops);
            if answer.send(taken).is_err() {
                tracing::debug!("whoever posted did not wait for the answer");
            }
            drop(memory);
        }
        let Ok(Ingested { to_resolve, new_notices, unmatched_opt_outs, .. }) = ingested else { return };
        for (sender, n) in unmatched_opt_outs {
            tracing::warn!(
                sender.id = %sender, n,
                "{n} opt-outs to sender {sender} lead to no recipient by number, id or message; see report.unmatched_opt_out"
            );
        }
        for campaign in to_resolve {
            // A producer looks once a second as well.
            if let Err(error) = self.store.resolve_by_receipts(campaign).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "receipts settle later: {error}");
            }
        }
        stops::notices(&self.store, &new_notices).await;
        stops::receipts(&self.store, stops).await;
    }
}
