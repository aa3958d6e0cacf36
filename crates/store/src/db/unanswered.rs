//! Connections whose statement got no answer in time.
//!
//! PostgreSQL does not notice that a client has left while a commit waits for a synchronous standby, or a statement for a lock. So a
//! connection that is only dropped would leave a session behind each time, until PostgreSQL accepts no more.
//!
//! **Invariant.** A pool leaves at most as many sessions behind on one server as it may have connections.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Error;

/// The connections of a pool that were left, by server.
#[derive(Debug)]
pub(crate) struct Unanswered {
    most: usize,
    by_server: Mutex<HashMap<Arc<str>, Arc<AtomicUsize>>>,
}

impl Unanswered {
    /// For a pool of `most` connections.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, by_server: Mutex::default() }
    }

    /// Those of one server.
    pub(crate) fn of(&self, server: &Arc<str>) -> LeftBehind {
        let mut by_server = self.by_server.lock().unwrap_or_else(PoisonError::into_inner);
        LeftBehind { n: Arc::clone(by_server.entry(Arc::clone(server)).or_default()), most: self.most }
    }
}

/// The connections that were left on one server.
#[derive(Clone, Debug)]
pub(crate) struct LeftBehind {
    n: Arc<AtomicUsize>,
    most: usize,
}

impl LeftBehind {
    /// Whether no further connection may be left: then statements wait for their answers without a limit.
    pub(crate) fn is_full(&self) -> bool {
        self.n.load(Ordering::Relaxed) >= self.most
    }

    /// Keeps a connection until its server has executed what was sent, or has ended it.
    pub(crate) fn keep(&self, client: Arc<ClientWrapper>) {
        let n = Arc::clone(&self.n);
        n.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            // Answered after the statement. An error means that the session has ended.
            drop(client.batch_execute("").await);
            n.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// The error of a statement without an answer. The driver has no public function that makes one of its errors, and its error is what callers
/// know.
pub(crate) fn unanswered() -> Error {
    Error::__private_api_timeout()
}
