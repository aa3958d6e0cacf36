//! The transaction of a change: everything that it contains, its row in the audit and its result for repeated requests are
//! committed together.
//!
//! **Invariants.**
//! - A bound store ([`Change::store`]) executes every statement in the transaction of the change. A method that begins a
//!   transaction gets a savepoint.
//! - A change that is dropped without a commit is rolled back before its connection executes another statement.

use serde_json::Value;

use crate::changes::audit::{AuditEntry, append};
use crate::changes::idempotency::{self, Admission, IdempotentRequest};
use crate::db::connection::Store;
use crate::db::error::Error;

/// A transaction that a person or program asked for.
pub struct Change {
    store: Store,
    /// The request to remember at the commit: actor, key and fingerprint.
    request: Option<IdempotentRequest>,
}

impl Store {
    /// Locks an object until the transaction of a bound store ends, so that its changes are made one after another.
    pub async fn lock_object(&self, kind: &str, id: &str) -> Result<(), Error> {
        let lock = "select pg_advisory_xact_lock(hashtextextended($1 || ' ' || $2, 2))";
        self.client().await?.execute(lock, &[&kind, &id]).await?;
        Ok(())
    }

    /// Begins a change.
    pub async fn begin_change(&self) -> Result<Change, Error> {
        Ok(Change { store: self.bind().await?, request: None })
    }
}

impl Change {
    /// A store whose statements are part of this change. Methods that make connections of their own (imports, exports, reports)
    /// fail, because such a connection would wait for the locks of the change.
    pub fn store(&self) -> Store {
        self.store.clone()
    }

    /// Whether this request was made before. If it is new, [`Change::commit`] stores its result under its key.
    pub async fn admit(&mut self, request: IdempotentRequest) -> Result<Admission, Error> {
        let admission = idempotency::admit(&*self.store.client().await?, &request).await?;
        if matches!(admission, Admission::New) {
            self.request = Some(request);
        }
        Ok(admission)
    }

    /// Commits the change with its row in the audit, if the action has one. `result` is what a repeated request gets.
    pub async fn commit(self, entry: Option<&AuditEntry<'_>>, result: &Value) -> Result<(), Error> {
        {
            let client = self.store.client().await?;
            if let Some(request) = &self.request {
                idempotency::remember(&client, request, result).await?;
            }
            // Last, because the lock of the chain is held until the commit.
            if let Some(entry) = entry {
                append(&client, entry).await?;
            }
        }
        self.store.commit_bound().await
    }

    /// Rolls the change back, and waits until its locks are free: a client that repeats a refused request at once does not find it
    /// running. A change that is dropped is rolled back too, without waiting.
    pub async fn roll_back(self) {
        // Without a connection, PostgreSQL rolls back by itself.
        self.store.roll_back_bound().await.ok();
    }
}
