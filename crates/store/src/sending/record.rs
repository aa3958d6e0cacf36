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

use campaign::{CampaignId, ClaimId, Msisdn, SenderId, Seq};
use tokio_postgres::types::ToSql;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::volume::written_for;
use crate::sending::outcome_rows::{Columns, RecordedOutcome};

const STATEMENT: &str = "
with o as (
    select * from unnest($1::bigint[], $2::int[], $3::text[], $4::text[], $5::bool[], $6::text[], $7::text[],
        $8::bigint[], $9::timestamptz[], $10::int[], $11::smallint[], $12::text[])
    as o (claim_id, seq, outcome, state, given_back, reason_code, reason_text, due_in_ms, sent_at, latency_us,
        http_status, provider_message_id)
), gone as materialized (
    select state = 'cancelled' as yes from campaign where id = :campaign
), recorded as (
    update recipient r
    set state = case when gone.yes and o.due_in_ms is not null then 'cancelled' else o.state end,
        attempts = r.attempts - o.given_back::int, reason_code = o.reason_code, changed_at = clock_timestamp()
    from o, gone
    where r.campaign_id = :campaign and r.seq = o.seq and r.claim_id = o.claim_id
        and (r.state in ('sending', 'unknown') or (r.state = 'retry' and o.state = 'accepted'))
    returning r.seq, r.state, r.attempts
), unsure as (
    insert into unsettled (campaign_id, seq) select :campaign, seq from recorded where state = 'unknown'
    on conflict (campaign_id, seq) do update set since = excluded.since
), sure as (
    delete from unsettled
    where campaign_id = :campaign and seq = any(array(select seq from recorded where state <> 'unknown')) returning seq
), not_again as (
    delete from due
    where campaign_id = :campaign and seq = any(array(select seq from recorded where state = 'accepted'))
        and exists (select from settlement where campaign_id = :campaign)
    returning seq
), attempted as (
    insert into attempt (campaign_id, claim_id, sent_at, seq, latency_us, http_status, outcome, late, reason_code,
        reason_text, provider_message_id)
    select :campaign, o.claim_id, o.sent_at, o.seq, o.latency_us, o.http_status, o.outcome, recorded.seq is null,
        o.reason_code, o.reason_text, o.provider_message_id
    from o left join recorded on recorded.seq = o.seq
    where o.sent_at is not null
    on conflict do nothing
    returning late
), due_again as (
    insert into due (campaign_id, seq, sender_id, due_at, publish_at)
    select :campaign, o.seq, $13, at.at, at.at
    from o join recorded on recorded.seq = o.seq,
        lateral (select clock_timestamp() + o.due_in_ms * interval '1 millisecond' as at) at
    where recorded.state in ('pending', 'retry')
    on conflict (campaign_id, seq) do update set due_at = excluded.due_at, publish_at = excluded.publish_at
), not_used as (
    update sender_gate g set day_used = greatest(day_used - n, 0)
    from (
        select count(*) as n from o join recorded on recorded.seq = o.seq where o.given_back and recorded.attempts = 0
    ) given_back
    where g.sender_id = $13 and n > 0 and g.daily_cap is not null and g.day = day_now(g.day_zone)
), named as (
    insert into sent_message (sender_id, message_hash, campaign_id, seq, provider_message_id)
    select $13, message_hash(o.provider_message_id), :campaign, o.seq, o.provider_message_id
    from o
    where o.provider_message_id is not null and exists (select from sender where id = $13 and provider = '1msg')
    on conflict do nothing
), closed as (
    delete from claim where id = any($14)
), overtaken as (
    select seq from sure union all select seq from not_again
    union all select o.seq from o left join recorded using (seq) where recorded.seq is null
)
select count(*) as changed, (select count(*) from attempted where late) as late, array(
    select o.seq from o join overtaken using (seq)
    where o.outcome in ('accepted', 'unknown') and o.sent_at is not null) as overtaken
from recorded";

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
        let prepared = client.prepare_cached(&written_for(campaign, STATEMENT)).await?;
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
