//! Records outcomes again after a failover that lost commits, or when a backup was restored under a running worker.
//!
//! A database that is not the confirmed one grants no claim (docs/adr/0019). So the requests in flight end, and then this process knows the
//! outcomes of all requests that it made in the last minutes. It records them again, and notes in `live_worker` that it is done. Before this
//! note, `flowcast database confirm` is refused.

use std::sync::Arc;
use std::time::Duration;

use store::{Backoff, DatabaseIdentity, DatabaseState, Lineage, RecordedAgain, Store};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::metrics::RECORDED_AGAIN;
use crate::recent_outcomes::{Group, RecentOutcomes, groups};

/// How often the database is compared with the confirmed one.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Most outcomes that are looked at together.
const MOST: usize = 500;
/// How long the last outcomes of a worker that stops are tried to record again.
const LAST: Duration = Duration::from_secs(5);

/// What this process knows of the database, and what it recorded again.
pub(crate) struct LostCommits {
    store: Store,
    worker: Uuid,
    recent: Arc<RecentOutcomes>,
    /// From which database the confirmed one came when it was last seen.
    lineage: Option<Lineage>,
    /// The progress in the database that is not confirmed.
    again: Option<Again>,
}

/// The progress in a database that is not confirmed.
#[derive(Debug)]
struct Again {
    /// The database. Another standby may be promoted before the first one is confirmed.
    database: DatabaseIdentity,
    /// The number of the last outcome that was recorded again.
    through: u64,
    /// Recipients that were changed.
    recipients: u64,
    /// Whether the worker noted that it is done.
    is_noted: bool,
}

impl Again {
    fn of(database: &DatabaseState) -> Self {
        Self { database: database.now.clone(), through: 0, recipients: 0, is_noted: false }
    }
}

impl LostCommits {
    pub(crate) fn new(store: Store, worker: Uuid, recent: Arc<RecentOutcomes>) -> Self {
        Self { store, worker, recent, lineage: None, again: None }
    }

    /// Compares the database with the confirmed one until `ended`, and once more then.
    pub(crate) async fn follow(mut self, ended: CancellationToken) {
        let mut retry = Backoff::new("comparing the database with the confirmed one");
        while !ended.is_cancelled() {
            match self.look().await {
                Ok(()) => {
                    tokio::select! {
                        () = ended.cancelled() => {}
                        () = tokio::time::sleep(LOOK_EVERY) => {}
                    }
                }
                Err(error) => {
                    retry.pause(&error, &ended).await;
                }
            }
        }
        if !matches!(tokio::time::timeout(LAST, self.look()).await, Ok(Ok(()))) {
            tracing::warn!(
                "the worker ends and cannot compare the database with the confirmed one; if PostgreSQL failed over just now, confirm it \
                 with 'flowcast database confirm --assume-sent TIME'"
            );
        }
    }

    async fn look(&mut self) -> Result<(), store::Error> {
        let database = self.store.database_state().await?;
        if database.is_confirmed {
            (self.lineage, self.again) = (Some(database.lineage()), None);
        } else if !database.is_standby {
            self.record_again(&database).await?;
        }
        Ok(())
    }

    /// Records again what this worker knows of the database from which this one comes.
    async fn record_again(&mut self, database: &DatabaseState) -> Result<(), store::Error> {
        if self.again.as_ref().is_none_or(|again| again.database != database.now) {
            self.again = Some(Again::of(database));
        }
        let Some(again) = &mut self.again else { return Ok(()) };
        // Before the outcomes are read: what is not in flight is kept.
        let is_idle = self.recent.is_idle();
        let lineage = self.lineage.as_ref().filter(|lineage| **lineage == database.lineage());
        while let Some(lineage) = lineage {
            let outcomes = self.recent.after(again.through, MOST);
            let Some(last) = outcomes.last().map(|outcome| outcome.number) else { break };
            for group in groups(outcomes) {
                match record(&self.store, &group, lineage).await? {
                    RecordedAgain::Done(recipients) => {
                        again.recipients += recipients;
                        RECORDED_AGAIN.with(&[]).inc_by(recipients);
                    }
                    RecordedAgain::NotHere => return Ok(()),
                }
            }
            (again.through, again.is_noted) = (last, false);
        }
        if is_idle && !again.is_noted {
            let (recipients, age) = (again.recipients, self.recent.age(Instant::now()));
            self.store.note_recorded_again(self.worker, recipients, age).await?;
            again.is_noted = true;
            tracing::warn!(
                worker.id = %self.worker, recipients,
                "the database is not the confirmed one; the outcomes of {recipients} recipients were missing and are recorded again, \
                 from the last {age:.0?}; see 'flowcast database show'"
            );
        }
        Ok(())
    }
}

/// Records outcomes again. If PostgreSQL refuses one because of its row, the others are recorded without it.
async fn record(store: &Store, group: &Group, lineage: &Lineage) -> Result<RecordedAgain, store::Error> {
    let is_of_row = |error: &store::Error| error.may_be_of_one_row() && !error.is_transient();
    match store.record_again(group.of, &group.outcomes, lineage).await {
        Err(error) if is_of_row(&error) => {}
        recorded => return recorded,
    }
    let mut recipients = 0;
    for outcome in &group.outcomes {
        match store.record_again(group.of, std::slice::from_ref(outcome), lineage).await {
            Ok(RecordedAgain::Done(n)) => recipients += n,
            Err(error) if is_of_row(&error) => {
                let (campaign, seq) = (group.of.1, outcome.seq.0);
                tracing::error!(
                    error = &error as &dyn std::error::Error, campaign.id = %campaign, seq,
                    "an outcome that PostgreSQL lost cannot be recorded again, so its recipient may be sent to twice: {error}"
                );
            }
            other => return other,
        }
    }
    Ok(RecordedAgain::Done(recipients))
}
