//! Sends the template to recipients whose flow was accepted and then reported as not delivered because of a closed window.
//!
//! **Invariants.**
//! - A recipient gets the template only if exactly one message can have been sent, that message is reported as not delivered, and
//!   the recipient has an attempt left. So a repeated or late receipt of an earlier message sends nothing.
//! - `template_fallback` lists the recipients with such a receipt until they are decided. A recipient that is `sending` stays
//!   listed until its outcome is recorded.
//! - The receipt of the first message is removed, because the row of `receipt` is about the message that is sent next. The failure of the
//!   first message may be reported again; it is not stored in that row.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use campaign::{CampaignId, Seq};

use crate::campaigns::finish_and_cancel::RUN_AGAIN;
use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::pool::Transaction;
use crate::db::sql::expand;
use crate::db::volume::{of_campaign, written_for};
use crate::inbound::rows::ReceiptRow;

/// Looks at the next thousand listed recipients of a campaign.
pub(crate) static STEP: LazyLock<String> =
    LazyLock::new(|| of_campaign(4, &expand(include_str!("fall_back.sql"), &[])));

/// Lists recipients whose window was closed, if the campaign has a flow and a template. Returns whether there is one.
pub(crate) async fn list(
    tx: &Transaction<'_>,
    campaign: CampaignId,
    receipts: &[(Seq, &ReceiptRow)],
) -> Result<bool, Error> {
    let insert = "
        insert into template_fallback (campaign_id, seq)
        select c.id, n.seq from campaign c cross join (select distinct seq from unnest($2::int[]) seq) n
        where c.id = $1 and c.definition ? 'flow' and c.definition ? 'template' order by 2
        on conflict (campaign_id, seq) do update set listed_at = excluded.listed_at, look_at = excluded.look_at";
    let seqs: Vec<i32> =
        receipts.iter().filter(|(_, receipt)| receipt.window_closed).map(|(seq, _)| seq.0).collect();
    if seqs.is_empty() {
        return Ok(false);
    }
    Ok(tx.execute(&tx.prepare_cached(insert).await?, &[&campaign.0, &seqs]).await? > 0)
}

/// The places in `receipts` of failures that are about the flow of a recipient whose template is due or was sent already. A template
/// needs no window, so a closed window is about the flow, unless the message is known to be of a later attempt.
pub(crate) async fn of_earlier_flows(
    tx: &Transaction<'_>,
    campaign: CampaignId,
    receipts: &[(Seq, &ReceiptRow)],
) -> Result<BTreeSet<usize>, Error> {
    const SELECT: &str = "
        select n.place from unnest($2::bigint[], $3::int[], $4::text[]) as n (place, seq, message_id)
        where exists (
            select from resolution s
            where s.campaign_id = $1 and s.seq = n.seq and s.to_state = 'retry' and s.resolved_by = 'receipt'
                and not exists (
                    select from attempt t
                    where t.campaign_id = $1 and t.campaign_id between {{first}} and {{last}} and t.seq = n.seq
                        and t.claim_id is distinct from s.claim_id and t.provider_message_id = n.message_id))";
    let failures = || (0_i64..).zip(receipts).filter(|(_, (_, receipt))| receipt.window_closed);
    let places: Vec<i64> = failures().map(|(place, _)| place).collect();
    if places.is_empty() {
        return Ok(BTreeSet::new());
    }
    let seqs: Vec<i32> = failures().map(|(_, (seq, _))| seq.0).collect();
    let ids: Vec<Option<&str>> =
        failures().map(|(_, (_, receipt))| receipt.about.message_id.as_deref()).collect();
    let rows = tx
        .query(
            &tx.prepare_cached(&written_for(campaign, SELECT)).await?,
            &[&campaign.0, &places, &seqs, &ids],
        )
        .await?;
    Ok(rows.iter().filter_map(|row| usize::try_from(row.get::<_, i64>(0)).ok()).collect())
}

impl Store {
    /// Campaigns with listed recipients whose pause is over.
    pub async fn campaigns_to_fall_back(&self) -> Result<Vec<CampaignId>, Error> {
        let select = "select distinct campaign_id from template_fallback where look_at <= clock_timestamp()";
        let client = self.client().await?;
        let rows = client.query(&client.prepare_cached(select).await?, &[]).await?;
        Ok(rows.iter().map(|row| CampaignId(row.get(0))).collect())
    }

    /// Makes the listed recipients of a campaign due for the template, a thousand per transaction. Returns their number.
    pub async fn fall_back(&self, campaign: CampaignId) -> Result<u64, Error> {
        let lock = "
            select (definition #>> '{policy,max_attempts}')::int, state in ('running', 'paused', 'finished')
                and coalesce(deadline_at > clock_timestamp(), true) and coalesce(erased_at, archived_at) is null
            from campaign where id = $1 for update";
        let mut client = self.client().await?;
        let (mut after, mut total) = (0_i32, 0);
        loop {
            let tx = client.transaction().await?;
            let Some(row) = tx.query_opt(&tx.prepare_cached(lock).await?, &[&campaign.0]).await? else {
                return Ok(total);
            };
            let (max_attempts, may_send): (i32, bool) = (row.get(0), row.get(1));
            let prepared = tx.prepare_cached(&written_for(campaign, &STEP)).await?;
            let row = tx.query_one(&prepared, &[&after, &max_attempts, &may_send, &campaign.0]).await?;
            let n: i64 = row.get(0);
            if n > 0 {
                tx.execute(RUN_AGAIN, &[&campaign.0]).await?;
            }
            tx.commit().await?;
            total += u64::try_from(n).unwrap_or(0);
            match row.get(1) {
                Some(last) => after = last,
                None => return Ok(total),
            }
        }
    }
}
