//! The database from which senders may send: its identity, and its confirmation after a failover or a restore.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{DatabaseIdentity as Identity, DatabaseState, Gap, Store, WorkerMemory};
use uuid::Uuid;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control, Done};
use crate::error::{Error, Problem};

/// What tells one database from its copies. `null`: PostgreSQL does not say it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseIdentity {
    /// The system identifier of the cluster.
    pub system: Option<String>,
    /// The timeline that the server writes, in hexadecimal.
    pub timeline: Option<String>,
    /// The OID of the database.
    pub database: Option<i64>,
    /// The OID of the table `installation`.
    pub table: Option<i64>,
}

/// The database of this connection beside the confirmed one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseView {
    /// Whether senders may send from this database.
    pub is_confirmed: bool,
    /// The identity of this database.
    pub now: DatabaseIdentity,
    /// The confirmed identity.
    pub confirmed: DatabaseIdentity,
    /// The differences in words; empty if there are none.
    pub differences: Vec<String>,
    /// Since when a producer sees a difference.
    pub differs_since: Option<Timestamp>,
    /// When the database was confirmed.
    pub confirmed_at: Option<Timestamp>,
    /// Who confirmed it.
    pub confirmed_by: Option<String>,
    /// Senders that are held because of a difference, also one that was confirmed since.
    pub held: Vec<String>,
    /// Living workers and what they recorded again; empty if the database is confirmed.
    pub workers: Vec<WorkerView>,
}

/// What a living worker recorded again in a database that is not confirmed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerView {
    /// Its id.
    pub worker: Uuid,
    /// When it was last alive.
    pub seen_at: Timestamp,
    /// When it had recorded again all it knows; `null`: not yet.
    pub recorded_again_at: Option<Timestamp>,
    /// How many recipients were missing.
    pub recipients: Option<i64>,
    /// The time from which on it knows all its outcomes.
    pub knows_since: Option<Timestamp>,
}

/// How to confirm the database.
#[derive(Clone, Debug, Default)]
pub struct Confirmation {
    /// Who confirms; `None`: the caller.
    pub by: Option<String>,
    /// Resume the senders that were held because of the difference.
    pub resume: bool,
    /// Recipients that workers which do not live any more may have sent to in this time become `unknown`.
    pub assume_sent: Option<Duration>,
    /// Confirm also if a worker has not recorded again what it knows.
    pub force: bool,
}

/// The result of confirming the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmedDatabase {
    /// Whether it was confirmed before.
    pub was_confirmed: bool,
    /// Recipients that became `unknown` because they may have been sent to.
    pub unknown: u64,
    /// Senders that stay held.
    pub held: Vec<String>,
    /// Senders that were resumed.
    pub resumed: Vec<String>,
}

impl DatabaseIdentity {
    fn of(identity: Identity) -> Self {
        let Identity { system, timeline, database, table } = identity;
        Self { system, timeline, database, table }
    }
}

impl DatabaseView {
    fn of(state: DatabaseState, held: Vec<String>, workers: &[WorkerMemory]) -> Self {
        let differences = state.differences();
        Self {
            is_confirmed: state.is_confirmed,
            differences: differences.into_iter().map(|difference| difference.text().to_owned()).collect(),
            now: DatabaseIdentity::of(state.now),
            confirmed: DatabaseIdentity::of(state.confirmed),
            differs_since: state.differs_since,
            confirmed_at: state.confirmed_at,
            confirmed_by: state.confirmed_by,
            held,
            workers: workers.iter().map(WorkerView::of).collect(),
        }
    }
}

impl WorkerView {
    fn of(memory: &WorkerMemory) -> Self {
        let WorkerMemory { worker, seen_at, recorded_again_at, recipients, knows_since } = *memory;
        Self { worker, seen_at, recorded_again_at, recipients, knows_since }
    }
}

impl Control {
    /// The database of this installation beside the confirmed one.
    pub async fn database(&self, caller: &Caller) -> Result<DatabaseView, Error> {
        let attempt = Attempt::new(caller, Action::ViewSystem, Object::Installation);
        self.act(attempt, async {
            let held = self.store.senders_held_after_failover().await?;
            let held = held.into_iter().map(|(_, name)| name).collect();
            let state = self.store.database_state().await?;
            let workers = if state.is_confirmed { Vec::new() } else { self.store.workers_memory().await? };
            Ok((DatabaseView::of(state, held, &workers), Value::Null))
        })
        .await
    }

    /// Confirms the database after a failover or a restore. Before that, living workers must have recorded again what they know, and
    /// recipients that other workers may have sent to become `unknown`.
    pub async fn confirm_database(
        &self,
        caller: &Caller,
        how: &Confirmation,
    ) -> Result<Done<ConfirmedDatabase>, Error> {
        let by = how.by.as_deref().unwrap_or_else(|| caller.name());
        let unknown = match how.assume_sent {
            Some(length) => self.assume_sent(caller, how, length).await?,
            None => 0,
        };
        let attempt = Attempt::new(caller, Action::ConfirmDatabase, Object::Installation).with("by", by);
        self.change(attempt, async |store| {
            is_to_confirm(&store, how).await?;
            let done = store.confirm_database(by).await?;
            let (mut held, mut resumed) = (Vec::new(), Vec::new());
            for (sender, name) in done.held {
                if how.resume && store.open_sender(sender, caller.name()).await? == store::Opened::Open {
                    resumed.push(name);
                } else {
                    held.push(name);
                }
            }
            let now = DatabaseIdentity::of(store.database_state().await?.now);
            let details = json!({
                "database": now, "was_confirmed": done.was_confirmed, "resumed": resumed, "unknown": unknown,
                "force": how.force,
            });
            Ok((ConfirmedDatabase { was_confirmed: done.was_confirmed, unknown, held, resumed }, details))
        })
        .await
    }

    /// Makes recipients `unknown` that consumers may have sent to which do not live any more. Returns their number.
    async fn assume_sent(&self, caller: &Caller, how: &Confirmation, length: Duration) -> Result<u64, Error> {
        let attempt = Attempt::new(caller, Action::PrepareRestored, Object::Installation)
            .with("assume_sent_s", length.as_secs());
        self.act(attempt, async {
            if !is_to_confirm(&self.store, how).await? {
                return Ok((0, Value::Null));
            }
            let gap = Gap { length, started: Vec::new(), rate_is_unknown: false };
            self.store.leave_unknown().await?;
            let marked = self.store.mark_gaps(&self.store.gap_campaigns(&gap).await?).await?;
            Ok((marked, json!({ "recipients": marked })))
        })
        .await
    }
}

/// Whether the database is not confirmed yet. Fails if a living worker has not recorded again what it knows.
async fn is_to_confirm(store: &Store, how: &Confirmation) -> Result<bool, Error> {
    if store.database_state().await?.is_confirmed {
        return Ok(false);
    }
    let workers = if how.force { Vec::new() } else { store.workers_memory().await? };
    workers
        .iter()
        .find(|worker| worker.is_behind())
        .map_or(Ok(true), |worker| Err(not_recorded_again(worker)))
}

fn not_recorded_again(worker: &WorkerMemory) -> Error {
    let text = format!(
        "worker {} was alive at {:.0} and has not recorded again what PostgreSQL may have lost; wait until 'flowcast database show' lists it \
         as done, or for a minute if it was killed; --force confirms now, and then recipients whose outcomes are lost are sent to twice",
        worker.worker, worker.seen_at
    );
    Error::refused(Problem::ConflictState, text)
}
