//! Delivery receipts of one campaign: one row per recipient, with the earliest time of each status.
//!
//! A later status implies the earlier ones: a read message was delivered and sent. A stored time changes only to an earlier
//! time, so order and repetition do not matter.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use campaign::{CampaignId, Consent, FollowUp, ReceiptStatus, Seq};
use jiff::Timestamp;
use tokio_postgres::types::ToSql;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::pool::Transaction;
use crate::db::sql::expand;
use crate::db::volume::{of_campaign, written_for};
use crate::inbound::rows::{ConsentRow, InboundRow, MessageKey, Person, ReceiptRow};
use crate::lists::numbers::recipients;

/// Consequences of receipts for the other messages of a person.
#[derive(Debug, Default)]
pub(crate) struct Followed {
    /// People that stopped us.
    pub(crate) stopped: Vec<ConsentRow>,
    /// People that had too many messages, and since when.
    pub(crate) quiet: Vec<InboundRow>,
    /// People whose window was closed, and when.
    pub(crate) closed: Vec<InboundRow>,
}

/// The first receipt with a message id adds the id to `sent_message`. The id of an erased recipient is not stored again.
pub(crate) static STATEMENT: LazyLock<String> =
    LazyLock::new(|| of_campaign(10, &expand(include_str!("store_receipts.sql"), &[])));

/// Stores receipts of one campaign. Lists recipients with a receipt or an answer whose outcome is not recorded yet. Returns
/// whether one of them may be resolved now.
pub(crate) async fn store(
    tx: &Transaction<'_>,
    campaign: CampaignId,
    receipts: &[(Seq, &ReceiptRow)],
    answered: &[i32],
) -> Result<bool, Error> {
    let rows = || receipts.iter().map(|(_, receipt)| *receipt);
    let senders: Vec<i64> = rows().map(|receipt| receipt.about.sender.0).collect();
    let seqs: Vec<i32> = receipts.iter().map(|(seq, _)| seq.0).collect();
    let statuses: Vec<&str> = rows().map(|receipt| ReceiptStatus::word(receipt.status)).collect();
    let times: Vec<Option<Timestamp>> = rows().map(|receipt| receipt.at).collect();
    // Two failures are compared by code, so each needs one.
    let code = |receipt: &'_ ReceiptRow| {
        (receipt.status == ReceiptStatus::Failed)
            .then(|| receipt.code.clone().unwrap_or_else(|| "failed".to_owned()))
    };
    let codes: Vec<Option<String>> = rows().map(code).collect();
    let follow_ups: Vec<Option<&str>> = rows().map(|receipt| receipt.follow_up.map(FollowUp::word)).collect();
    let ids: Vec<Option<&str>> = rows().map(|receipt| receipt.about.message_id.as_deref()).collect();
    let billable: Vec<Option<bool>> = rows().map(|receipt| receipt.billable).collect();
    let parameters: [&(dyn ToSql + Sync); 10] =
        [&senders, &seqs, &statuses, &times, &codes, &follow_ups, &ids, &billable, &answered, &campaign.0];
    words(tx, rows()).await?;
    Ok(tx.query_one(&tx.prepare_cached(&written_for(campaign, &STATEMENT)).await?, &parameters).await?.get(0))
}

/// Stores the explanations of failure codes; most posts have none.
async fn words(tx: &Transaction<'_>, receipts: impl Iterator<Item = &ReceiptRow>) -> Result<(), Error> {
    let upsert = "
        insert into failure_code as w (provider, code, words)
        select s.provider, k.code, min(k.words)
        from unnest($1::bigint[], $2::text[], $3::text[]) as k (sender_id, code, words) join sender s on s.id = k.sender_id
        group by 1, 2 order by 1, 2
        on conflict (provider, code) do update set words = excluded.words where w.words <> excluded.words";
    let known: BTreeSet<(i64, &str, &str)> = receipts
        .filter_map(|receipt| {
            Some((receipt.about.sender.0, receipt.code.as_deref()?, receipt.words.as_deref()?))
        })
        .collect();
    if known.is_empty() {
        return Ok(());
    }
    let senders: Vec<i64> = known.iter().map(|(sender, ..)| *sender).collect();
    let codes: Vec<&str> = known.iter().map(|(_, code, _)| *code).collect();
    let words: Vec<&str> = known.iter().map(|(.., words)| *words).collect();
    tx.execute(&tx.prepare_cached(upsert).await?, &[&senders, &codes, &words]).await?;
    Ok(())
}

/// Finds people that stopped us, had too many messages, or whose window was closed.
pub(crate) async fn follow_up(
    tx: &Transaction<'_>,
    campaign: CampaignId,
    receipts: &[(Seq, &ReceiptRow)],
    followed: &mut Followed,
) -> Result<(), Error> {
    let personal = || {
        receipts.iter().filter(|(_, row)| {
            row.window_closed || matches!(row.follow_up, Some(FollowUp::Suppress | FollowUp::Wait))
        })
    };
    if personal().next().is_none() {
        return Ok(());
    }
    let numbers = recipients(tx, campaign, personal().map(|(seq, _)| *seq)).await?;
    for (seq, receipt) in personal() {
        let Some(from) = numbers.get(seq).copied() else { continue };
        let about = MessageKey { sender: receipt.about.sender, recipient: None, message_id: None };
        let inbound = InboundRow { who: Person { about, from: Some(from), user: None }, at: receipt.at };
        if receipt.window_closed {
            followed.closed.push(inbound);
        } else if receipt.follow_up == Some(FollowUp::Wait) {
            followed.quiet.push(inbound);
        } else {
            let consent = Consent::OptedOut;
            followed.stopped.push(ConsentRow { inbound, consent, is_by_provider: true });
        }
    }
    Ok(())
}

/// The number of recipients with each status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiptCounts {
    /// Sent, delivered or read.
    pub sent: i64,
    /// Delivered or read.
    pub delivered: i64,
    /// Read.
    pub read: i64,
    /// Failed, and not delivered by another attempt.
    pub failed: i64,
}

impl Store {
    /// Counts the receipts of a campaign; reads all of them.
    pub async fn receipt_counts(&self, campaign: CampaignId) -> Result<ReceiptCounts, Error> {
        let select = "
            select count(sent_at), count(delivered_at), count(read_at),
                count(*) filter (where failed_at is not null and delivered_at is null)
            from receipt where campaign_id = $1";
        let row = self.own_client().await?.query_one(select, &[&campaign.0]).await?;
        Ok(ReceiptCounts { sent: row.get(0), delivered: row.get(1), read: row.get(2), failed: row.get(3) })
    }
}
