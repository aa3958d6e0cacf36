//! Records outcomes: recipients, attempts and recipients that are due again, in one statement.
//!
//! An outcome is recorded only under the claim to which it belongs. So a worker that continues late changes no recipient that
//! was claimed or resolved meanwhile; its request is kept as `late`. One exception: `accepted` is recorded for a recipient that
//! waits for a retry and is not claimed yet.
//!
//! Batches with only final outcomes are recorded by the shorter statement of `record_final.rs`; outcomes that it leaves are
//! recorded here.
//!
//! Delivery receipts of 1msg contain only the message id of the provider, so the statement stores that id in `sent_message`.

use std::borrow::Borrow;
use std::sync::LazyLock;

use campaign::{CampaignId, ClaimId, Msisdn, SenderId, Seq};
use tokio_postgres::types::ToSql;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::metrics;
use crate::db::pool::Connection;
use crate::db::sql::expand;
use crate::db::volume::{of_campaign, written_for};
use crate::sending::fragments::FRAGMENTS;
use crate::sending::outcome_rows::{ClosedWindow, Columns, RecordedOutcome};

pub(crate) static STATEMENT: LazyLock<String> =
    LazyLock::new(|| of_campaign(15, &expand(include_str!("record.sql"), FRAGMENTS)));

/// The result of recording the outcomes of one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordResult {
    /// Recipients whose state changed. Recipients that an earlier call with a lost answer recorded are not counted.
    pub changed: u64,
    /// Requests whose recipient was resolved meanwhile: they are kept as late.
    pub late: u64,
}

/// What the statement did.
pub(crate) struct Recorded {
    pub(crate) result: RecordResult,
    /// Recipients that were resolved or waited for a retry, and may have answered before their request was recorded.
    pub(crate) overtaken: Vec<i32>,
}

impl Store {
    /// Records the outcomes of recipients of one campaign, and closes claims. Recording the same outcomes again changes nothing.
    pub async fn record<O: Borrow<RecordedOutcome>>(
        &self,
        sender: SenderId,
        campaign: CampaignId,
        outcomes: &[O],
        closed: &[ClaimId],
    ) -> Result<RecordResult, Error> {
        let closed: Vec<i64> = closed.iter().map(|claim| claim.0).collect();
        self.learn_wa_ids(campaign, outcomes).await?;
        self.learn_closed_windows((sender, campaign), outcomes).await?;
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

    /// Stores the other numbers of recipients, before the outcomes; few batches have one. A permanent failure is only logged, so
    /// that the outcomes are recorded all the same.
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
                    "cannot store other numbers of recipients that WhatsApp reported: {error}"
                );
                Ok(())
            }
            learned => learned,
        }
    }

    /// Stores closed windows before the outcomes, so that the next claim of a recipient chooses the template; few batches have one. A
    /// permanent failure is only logged, so that the outcomes are recorded all the same.
    async fn learn_closed_windows<O: Borrow<RecordedOutcome>>(
        &self,
        (sender, campaign): (SenderId, CampaignId),
        outcomes: &[O],
    ) -> Result<(), Error> {
        let closed: Vec<ClosedWindow> =
            outcomes.iter().filter_map(|recorded| recorded.borrow().closed_window()).collect();
        if closed.is_empty() {
            return Ok(());
        }
        match self.close_windows((sender, campaign), &closed).await {
            Err(error) if !error.is_transient() => {
                let campaign_id = campaign.0;
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    campaign.id = campaign_id,
                    "cannot store that 24-hour windows are closed: {error}"
                );
                Ok(())
            }
            stored => stored,
        }
    }

    /// Records any outcomes; outcomes that are already recorded stay as they are.
    async fn record_any(
        &self,
        of: (SenderId, CampaignId),
        columns: &Columns<'_>,
        closed: &[i64],
    ) -> Result<RecordResult, Error> {
        let client = self.client().await?;
        let recorded = Self::record_on(&client, of, columns, closed).await?;
        drop(client);
        if !recorded.overtaken.is_empty() {
            self.set_asked_at(of.1, &recorded.overtaken).await?;
        }
        Ok(recorded.result)
    }

    /// Records any outcomes on this connection.
    pub(crate) async fn record_on(
        client: &Connection,
        (sender, campaign): (SenderId, CampaignId),
        columns: &Columns<'_>,
        closed: &[i64],
    ) -> Result<Recorded, Error> {
        let prepared = client.prepare_cached(&written_for(campaign, &STATEMENT)).await?;
        let parameters: [&(dyn ToSql + Sync); 15] = [
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
            &campaign.0,
        ];
        let row = metrics::RECORD.time(client.query_one(&prepared, &parameters)).await?;
        let count = |column| u64::try_from(row.get::<_, i64>(column)).unwrap_or(0);
        let result = RecordResult { changed: count("changed"), late: count("late") };
        Ok(Recorded { result, overtaken: row.get("overtaken") })
    }
}
