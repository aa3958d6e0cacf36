//! The database from which senders may send: its identity, and its confirmation after a failover or a restore.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{DatabaseIdentity as Identity, DatabaseState};

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control, Done};
use crate::error::Error;

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
}

/// The result of confirming the database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmedDatabase {
    /// Whether it was confirmed before.
    pub was_confirmed: bool,
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
    fn of(state: DatabaseState, held: Vec<String>) -> Self {
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
        }
    }
}

impl Control {
    /// The database of this installation beside the confirmed one.
    pub async fn database(&self, caller: &Caller) -> Result<DatabaseView, Error> {
        let attempt = Attempt::new(caller, Action::ViewSystem, Object::Installation);
        self.act(attempt, async {
            let held = self.store.senders_held_after_failover().await?;
            let held = held.into_iter().map(|(_, name)| name).collect();
            Ok((DatabaseView::of(self.store.database_state().await?, held), Value::Null))
        })
        .await
    }

    /// Confirms the database, for the caller or for another person. Resumes the senders that were held because of the difference,
    /// if `resume` says so.
    pub async fn confirm_database(
        &self,
        caller: &Caller,
        by: Option<&str>,
        resume: bool,
    ) -> Result<Done<ConfirmedDatabase>, Error> {
        let by = by.unwrap_or_else(|| caller.name());
        let attempt = Attempt::new(caller, Action::ConfirmDatabase, Object::Installation).with("by", by);
        self.change(attempt, async |store| {
            let done = store.confirm_database(by).await?;
            let (mut held, mut resumed) = (Vec::new(), Vec::new());
            for (sender, name) in done.held {
                if resume && store.open_sender(sender, caller.name()).await? == store::Opened::Open {
                    resumed.push(name);
                } else {
                    held.push(name);
                }
            }
            let now = DatabaseIdentity::of(store.database_state().await?.now);
            let details = json!({ "database": now, "was_confirmed": done.was_confirmed, "resumed": resumed });
            Ok((ConfirmedDatabase { was_confirmed: done.was_confirmed, held, resumed }, details))
        })
        .await
    }
}
