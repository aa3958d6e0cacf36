//! Recording outcomes: recipients, attempts and what is due again, in one statement.
//!
//! An outcome is recorded only over the claim it belongs to, so a worker that wakes up late changes nothing that
//! somebody else settled meanwhile; its request is still on record, as late. One thing it may still say of a recipient
//! that was to be sent to again and is not claimed yet: that the provider took it after all.
//!
//! Batches whose outcomes are all final take a shorter way (`record_final.rs`); who is left over there comes here.
//!
//! The receipts of 1msg name a message by the provider's id only, so there that id is noted too (`sent_message`).

use std::borrow::Borrow;
use std::sync::LazyLock;

use campaign::{CampaignId, ClaimId, Msisdn, SenderId, Seq};
use tokio_postgres::types::ToSql;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::sql::expand;
use crate::db::volume::written_for;
use crate::sending::fragments::FRAGMENTS;
use crate::sending::outcome_rows::{Columns, RecordedOutcome};

pub(crate) static STATEMENT: LazyLock<String> =
    LazyLock::new(|| expand(include_str!("record.sql"), FRAGMENTS));

/// What became of the outcomes of one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordResult {
    /// Recipients whose state changed. Those recorded before, by a call whose answer did not come, are not among them.
    pub changed: u64,
    /// Requests whose recipient had been settled by somebody else: they are on record as late.
    pub late: u64,
}

impl Store {
    /// Records the outcomes of one campaign's recipients, and closes the claims whose last outcome is among them.
    /// Recording the same again changes nothing.
    pub async fn record<O: Borrow<RecordedOutcome>>(
        &self,
        sender: SenderId,
        campaign: CampaignId,
        outcomes: &[O],
        closed: &[ClaimId],
    ) -> Result<RecordResult, Error> {
        let closed: Vec<i64> = closed.iter().map(|claim| claim.0).collect();
        self.learn_wa_ids(campaign, outcomes).await?;
        let columns = Columns::of(outcomes);
        if !outcomes.iter().all(|outcome| outcome.borrow().is_final()) {
            return self.record_any((sender, campaign), &columns, &closed).await;
        }
        let recorded = self.record_final((sender, campaign), &columns, &closed).await?;
        if usize::try_from(recorded) == Ok(outcomes.len()) {
            return Ok(RecordResult { changed: recorded, late: 0 });
        }
        let rest = self.record_any((sender, campaign), &columns, &closed).await?;
        Ok(RecordResult { changed: recorded + rest.changed, ..rest })
    }

    /// Notes the numbers under which WhatsApp knows recipients, before the outcomes: few batches have one. What is refused for good
    /// is only told, so that it keeps no outcome from being recorded.
    async fn learn_wa_ids<O: Borrow<RecordedOutcome>>(
        &self,
        campaign: CampaignId,
        outcomes: &[O],
    ) -> Result<(), Error> {
        let known: Vec<(Seq, Msisdn)> = outcomes
            .iter()
            .map(Borrow::borrow)
            .filter_map(|recorded| Some((recorded.seq, recorded.request.as_ref()?.wa_id?)))
            .collect();
        if known.is_empty() {
            return Ok(());
        }
        match self.learn_from_answers(campaign, &known).await {
            Err(error) if !error.is_transient() => {
                let campaign_id = campaign.0;
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    campaign.id = campaign_id,
                    "numbers under which WhatsApp knows recipients are not kept: {error}"
                );
                Ok(())
            }
            learned => learned,
        }
    }

    /// Whatever they are; what is recorded already stays as it is.
    async fn record_any(
        &self,
        (sender, campaign): (SenderId, CampaignId),
        columns: &Columns<'_>,
        closed: &[i64],
    ) -> Result<RecordResult, Error> {
        let client = self.client().await?;
        let prepared = client.prepare_cached(&written_for(campaign, &STATEMENT)).await?;
        let parameters: [&(dyn ToSql + Sync); 14] = [
            &columns.claim_id,
            &columns.seq,
            &columns.outcome,
            &columns.state,
            &columns.given_back,
            &columns.reason_code,
            &columns.reason_text,
            &columns.due_in_ms,
            &columns.sent_at,
            &columns.latency_us,
            &columns.http_status,
            &columns.provider_message_id,
            &sender.0,
            &closed,
        ];
        let row = client.query_one(&prepared, &parameters).await?;
        let count = |column| u64::try_from(row.get::<_, i64>(column)).unwrap_or(0);
        let recording = RecordResult { changed: count("changed"), late: count("late") };
        let overtaken: Vec<i32> = row.get("overtaken");
        drop(client);
        if !overtaken.is_empty() {
            // They were unknown, to be sent to again or settled, and may have answered before their request was on record.
            self.set_asked_at(campaign, &overtaken).await?;
        }
        Ok(recording)
    }
}
