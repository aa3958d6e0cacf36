//! Completed forms of one campaign.

use campaign::{CampaignId, Seq};
use jiff::Timestamp;
use serde_json::Value;

use crate::connection::written_for;
use crate::error::Error;
use crate::ingest::AnswerRow;
use crate::pool::Transaction;

/// When the message left is taken from the first request that may have brought it; where there is no record of one yet, it is
/// filled in when there is (`told.rs`).
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
