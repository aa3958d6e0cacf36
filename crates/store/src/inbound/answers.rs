//! Answers (completed forms) of one campaign.

use std::sync::LazyLock;

use campaign::{CampaignId, Msisdn, Seq};
use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::types::ToSql;

use crate::db::error::Error;
use crate::db::pool::Transaction;
use crate::db::sql::expand;
use crate::db::volume::{of_campaign, written_for};
use crate::inbound::rows::AnswerRow;
use crate::lists::numbers::stored;

/// An answer with its recipient, and whether it replies to a message of ours.
pub(crate) type Answered<'a> = (Seq, &'a AnswerRow, bool);

/// `asked_at` is the time of the first request that may have delivered the message. If a request may be recorded later, the
/// recipient is listed (`receipts.rs`), and the time is set again when the recipient leaves the list
/// (`unknown/resolve_by_receipt.rs`).
///
/// Answers of erased recipients are not stored; their number is returned.
pub(crate) static STATEMENT: LazyLock<String> =
    LazyLock::new(|| of_campaign(8, &expand(include_str!("store_answers.sql"), &[])));

/// Stores answers; an answer that arrives twice is stored once. Returns the number of answers that are left out because their
/// recipients were erased.
pub(crate) async fn store(
    tx: &Transaction<'_>,
    campaign: CampaignId,
    answers: &[Answered<'_>],
) -> Result<i64, Error> {
    if answers.is_empty() {
        return Ok(0);
    }
    let seqs: Vec<i32> = answers.iter().map(|(seq, ..)| seq.0).collect();
    let times: Vec<Option<Timestamp>> = answers.iter().map(|(_, answer, _)| answer.at).collect();
    let ids: Vec<&str> = answers.iter().map(|(_, answer, _)| answer.inbound_id.as_str()).collect();
    let texts: Vec<&Value> = answers.iter().map(|(_, answer, _)| &answer.answer).collect();
    // Only the recipient of a message can reply to it, whatever number WhatsApp reports.
    let from = |spelled: fn(Msisdn) -> Option<Msisdn>| -> Vec<Option<i64>> {
        let each = answers.iter().map(|(_, answer, is_reply)| answer.from.filter(|_| !is_reply));
        each.map(|from| from.and_then(spelled).and_then(stored)).collect()
    };
    let numbers = from(Some);
    let spellings = from(|number| number.spellings().last());
    let people = from(|number| Some(number.person()));
    let prepared = tx.prepare_cached(&written_for(campaign, &STATEMENT)).await?;
    let parameters: [&(dyn ToSql + Sync); 8] =
        [&seqs, &times, &ids, &texts, &numbers, &spellings, &people, &campaign.0];
    Ok(tx.query_one(&prepared, &parameters).await?.get(0))
}
