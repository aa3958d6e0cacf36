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
const STATEMENT: &str = "
insert into flow_answer (campaign_id, seq, answered_at, asked_at, inbound_id, answer)
select :campaign, a.seq, at.at, (
        select min(t.sent_at) from attempt t
        where t.campaign_id = :campaign and t.seq = a.seq and t.outcome in ('accepted', 'unknown')),
    a.inbound_id, a.answer
from unnest($1::int[], $2::timestamptz[], $3::text[], $4::jsonb[]) as a (seq, at, inbound_id, answer),
    lateral (select least(coalesce(a.at, now()), now()) as at) at
order by a.seq, a.inbound_id
on conflict do nothing";

/// Stores completed forms; one that comes twice is stored once.
pub(crate) async fn store(
    tx: &Transaction<'_>,
    campaign: CampaignId,
    answers: &[(Seq, &AnswerRow)],
) -> Result<(), Error> {
    if answers.is_empty() {
        return Ok(());
    }
    let seqs: Vec<i32> = answers.iter().map(|(seq, _)| seq.0).collect();
    let times: Vec<Option<Timestamp>> = answers.iter().map(|(_, answer)| answer.at).collect();
    let ids: Vec<&str> = answers.iter().map(|(_, answer)| answer.inbound_id.as_str()).collect();
    let texts: Vec<&Value> = answers.iter().map(|(_, answer)| &answer.answer).collect();
    let prepared = tx.prepare_cached(&written_for(campaign, STATEMENT)).await?;
    tx.execute(&prepared, &[&seqs, &times, &ids, &texts]).await?;
    Ok(())
}
