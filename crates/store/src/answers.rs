//! Completed forms of one campaign.

use campaign::{CampaignId, Seq};
use jiff::Timestamp;
use serde_json::Value;

use crate::connection::{Store, written_for};
use crate::error::Error;
use crate::ingest::AnswerRow;
use crate::pool::Transaction;

/// The message left with the first request that may have brought it. If a request may be recorded later, the recipient is listed
/// (`receipts.rs`), and the time is set again when the recipient leaves the list (`told.rs`).
///
/// The answers of recipients that were erased are not stored; how many they are is returned.
const STATEMENT: &str = "
with given as (
    select a.seq, least(coalesce(a.at, now()), now()) as at, a.inbound_id, a.answer
    from unnest($1::int[], $2::timestamptz[], $3::text[], $4::jsonb[]) as a (seq, at, inbound_id, answer)
), erased as materialized (
    select array(
        select p.seq from recipient p where p.campaign_id = :campaign and p.seq = any($1) and p.msisdn < 0) as seqs
), stored as (
    insert into flow_answer (campaign_id, seq, answered_at, asked_at, inbound_id, answer)
    select :campaign, g.seq, g.at, (
            select min(t.sent_at) from attempt t
            where t.campaign_id = :campaign and t.seq = g.seq and t.outcome in ('accepted', 'unknown')),
        g.inbound_id, g.answer
    from given g, erased e where not g.seq = any(e.seqs)
    order by g.seq, g.inbound_id
    on conflict do nothing
)
select count(*) from given g, erased e where g.seq = any(e.seqs)";

/// Stores completed forms; one that comes twice is stored once. Returns how many are left out, as their recipients were erased.
pub(crate) async fn store(
    tx: &Transaction<'_>,
    campaign: CampaignId,
    answers: &[(Seq, &AnswerRow)],
) -> Result<i64, Error> {
    if answers.is_empty() {
        return Ok(0);
    }
    let seqs: Vec<i32> = answers.iter().map(|(seq, _)| seq.0).collect();
    let times: Vec<Option<Timestamp>> = answers.iter().map(|(_, answer)| answer.at).collect();
    let ids: Vec<&str> = answers.iter().map(|(_, answer)| answer.inbound_id.as_str()).collect();
    let texts: Vec<&Value> = answers.iter().map(|(_, answer)| &answer.answer).collect();
    let prepared = tx.prepare_cached(&written_for(campaign, STATEMENT)).await?;
    Ok(tx.query_one(&prepared, &[&seqs, &times, &ids, &texts]).await?.get(0))
}

/// Sets when the message left, of the answers of these recipients: the first recorded request that may have brought it.
const ASKED: &str = "
update flow_answer a
set asked_at = left_at.first
from unnest($1::int[]) as s (seq), lateral (
    select min(t.sent_at) as first from attempt t
    where t.campaign_id = :campaign and t.seq = s.seq and t.outcome in ('accepted', 'unknown')) left_at
where a.campaign_id = :campaign and a.seq = s.seq and a.asked_at is distinct from left_at.first";

impl Store {
    /// Sets when the message left, where a request was recorded after its recipient had been settled.
    pub(crate) async fn set_asked_at(&self, campaign: CampaignId, seqs: &[i32]) -> Result<(), Error> {
        let client = self.client().await?;
        client.execute(&client.prepare_cached(&written_for(campaign, ASKED)).await?, &[&seqs]).await?;
        Ok(())
    }
}
