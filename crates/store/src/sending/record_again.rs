//! Records outcomes again that PostgreSQL may have lost: after the promotion of a standby that was behind, or in a backup
//! (docs/adr/0019).
//!
//! **Invariants.**
//! - Only while the database is not confirmed, so that no recipient is claimed meanwhile; a confirmation waits for the transaction.
//! - Only in a database that comes from the one in which the outcomes were recorded first ([`Lineage`]).
//! - Only outcomes after which nobody is sent to again: `accepted`, `failed`, `unknown`. A recipient whose other outcomes are lost was not
//!   sent to.
//! - Repeating changes nothing. A recipient that a later claim has stays as it is.

use std::borrow::Borrow;
use std::sync::LazyLock;

use campaign::{CampaignId, Outcome, SenderId};

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::identity::{DatabaseState, Lineage, RECORDING_LOCK};
use crate::db::sql::expand;
use crate::db::volume::{of_campaign, written_for};
use crate::sending::fragments::FRAGMENTS;
use crate::sending::outcome_rows::{Columns, RecordedOutcome};

pub(crate) static STATEMENT: LazyLock<String> =
    LazyLock::new(|| of_campaign(4, &expand(include_str!("record_again.sql"), FRAGMENTS)));

/// The result of recording outcomes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordedAgain {
    /// They are recorded. The number is of recipients that were changed.
    Done(u64),
    /// Nothing was changed: the database is confirmed, takes no writes, or comes from another one.
    NotHere,
}

impl RecordedOutcome {
    /// Whether nobody is sent to again after it.
    pub fn is_kept(&self) -> bool {
        let is_end = matches!(
            self.outcome,
            Outcome::Accepted { .. } | Outcome::Failed { .. } | Outcome::Unknown { .. }
        );
        self.request.is_some() && is_end
    }
}

impl Store {
    /// Records outcomes of one campaign again, each of another recipient. Recipients and campaigns that the database does not have are left
    /// out.
    pub async fn record_again<O: Borrow<RecordedOutcome>>(
        &self,
        (sender, campaign): (SenderId, CampaignId),
        outcomes: &[O],
        lineage: &Lineage,
    ) -> Result<RecordedAgain, Error> {
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        tx.execute(&format!("select pg_advisory_xact_lock_shared({RECORDING_LOCK})"), &[]).await?;
        let database = DatabaseState::read(&tx).await?;
        if database.is_confirmed || database.is_standby || database.lineage() != *lineage {
            return Ok(RecordedAgain::NotHere);
        }
        let all = Columns::of(outcomes);
        let prepared = tx.prepare_cached(&written_for(campaign, &STATEMENT)).await?;
        let row = tx.query_one(&prepared, &[&all.claim_id, &all.seq, &sender.0, &campaign.0]).await?;
        let lost: Vec<i32> = row.get(0);
        let lost: Vec<&RecordedOutcome> =
            outcomes.iter().map(Borrow::borrow).filter(|outcome| lost.contains(&outcome.seq.0)).collect();
        let recorded = Self::record_on(&tx, (sender, campaign), &Columns::of(&lost), &[]).await?;
        tx.commit().await?;
        drop(client);
        self.set_asked_at(campaign, &recorded.overtaken).await?;
        Ok(RecordedAgain::Done(recorded.result.changed))
    }
}
