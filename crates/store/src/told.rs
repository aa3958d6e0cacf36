//! Settling by receipts: whoever is unknown, or is to be sent to again, and of whom the provider says that it has the message.
//!
//! `receipt_to_settle` lists those of whom a receipt came while they were not recorded as accepted, so that an early receipt
//! settles whoever becomes unknown later, and nobody reads a long list.

use campaign::CampaignId;

use crate::connection::Store;
use crate::error::Error;
use crate::pool::Transaction;

/// A failure says nothing of another attempt, so it settles only those with one. Whoever is just being recorded by their worker
/// is passed over, and looked at again.
const STEP: &str = "
with wanted as (
    select t.seq, r.sent_at is not null as has_it, r.sent_at, r.code, r.provider_message_id
    from receipt_to_settle t join receipt r on r.campaign_id = $1 and r.seq = t.seq
        join recipient p on p.campaign_id = $1 and p.seq = t.seq
    where t.campaign_id = $1 and (p.state not in ('pending', 'sending', 'unknown', 'retry')
        or (p.state in ('unknown', 'retry') and r.sent_at is not null) or (p.state = 'unknown' and p.attempts = 1))
    order by t.seq limit 1000
), open as (
    select p.seq, p.claim_id, p.state, w.has_it, w.code, w.provider_message_id,
        case when w.has_it then 'accepted' else 'failed' end as to_state
    from recipient p join wanted w on w.seq = p.seq
    where p.campaign_id = $1 and p.seq = any(array(select seq from wanted))
        and ((p.state in ('unknown', 'retry') and w.has_it) or (p.state = 'unknown' and p.attempts = 1))
    order by p.seq for update of p skip locked
), settled as (
    update recipient p
    set state = open.to_state, changed_at = clock_timestamp(),
        reason_code = case when open.has_it then null else open.code end
    from open where p.campaign_id = $1 and p.seq = open.seq
), on_record as (
    insert into settlement (campaign_id, seq, claim_id, from_state, to_state, settled_by, reason, provider_message_id)
    select $1, seq, claim_id, state, to_state, 'receipt',
        case when has_it then 'the provider has it' else code end, provider_message_id
    from open
), no_longer as (
    delete from unsettled u using open where u.campaign_id = $1 and u.seq = open.seq
), not_again as (
    delete from due d using open where d.campaign_id = $1 and d.seq = open.seq
), done as (
    delete from receipt_to_settle t using recipient p
    where t.campaign_id = $1 and p.campaign_id = $1 and p.seq = t.seq and p.seq = any(array(select seq from wanted))
        and (p.state not in ('pending', 'sending', 'unknown', 'retry') or exists (select from open where open.seq = t.seq))
    returning t.seq
), asked as (
    update flow_answer a
    set asked_at = coalesce((
            select min(t.sent_at) from attempt t
            where t.campaign_id = $1 and t.seq = a.seq and t.outcome in ('accepted', 'unknown')), w.sent_at)
    from done join wanted w using (seq)
    where a.campaign_id = $1 and a.seq = done.seq and a.asked_at is null
)
select count(*) from open";

/// Settles those listed of one campaign, a thousand at a time. Returns how many.
pub(crate) async fn settle(tx: &Transaction<'_>, campaign: CampaignId) -> Result<u64, Error> {
    let prepared = tx.prepare_cached(STEP).await?;
    let mut total = 0;
    loop {
        let settled = tx.query_one(&prepared, &[&campaign.0]).await?.get::<_, i64>(0);
        total += u64::try_from(settled).unwrap_or(0);
        if settled == 0 {
            return Ok(total);
        }
    }
}

impl Store {
    /// Campaigns of whose recipients receipts came before they were recorded as accepted.
    pub async fn campaigns_told(&self) -> Result<Vec<CampaignId>, Error> {
        let select = "select distinct campaign_id from receipt_to_settle";
        let client = self.client().await?;
        let rows = client.query(&client.prepare_cached(select).await?, &[]).await?;
        Ok(rows.iter().map(|row| CampaignId(row.get(0))).collect())
    }

    /// Settles by receipts whoever of a campaign is unknown, or is to be sent to again and need not be. Returns how
    /// many.
    pub async fn settle_by_receipts(&self, campaign: CampaignId) -> Result<u64, Error> {
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let settled = settle(&tx, campaign).await?;
        tx.commit().await?;
        Ok(settled)
    }
}
