//! Settling by receipts: recipients that are unknown, or are to be sent to again, and of whom the provider says that it has the
//! message.
//!
//! `receipt_to_settle` lists recipients of whom a receipt or an answer came while they were not recorded as accepted, so that an early
//! receipt settles a recipient that becomes unknown later, and nobody reads a long list.
//!
//! **Invariants.**
//! - A recipient leaves the list when nothing that is stored can settle it: it is settled, its state is final, or it is unknown and its
//!   receipts say nothing of its last attempt. A new receipt lists it again.
//! - A look that changes nothing is repeated after a pause that grows with the time since the listing, up to a minute. So the
//!   cost a second does not grow with the number of campaigns that wait.
//! - When a recipient leaves the list, its answers get the time at which the message left.

use campaign::{CampaignId, Seq};

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::pool::Transaction;
use crate::db::volume::written_for;

/// Looks at the next thousand of a campaign's list. A failure says nothing of another attempt, so it settles only recipients with
/// one. A recipient that is just being recorded by its worker is passed over, and so is a row that a receipt lists again just now
/// (`look_at`): that receipt may not be seen here. Both are looked at again. Rows are locked in one order, without waiting.
const STEP: &str = "
with wanted as materialized (
    select t.seq, t.listed_at, t.look_at, r.sent_at is not null as has_it, r.code, r.provider_message_id, p.state,
        (p.state in ('unknown', 'retry') and r.sent_at is not null)
            or (p.state = 'unknown' and p.attempts = 1 and r.failed_at is not null) as may_settle
    from receipt_to_settle t
        left join lateral (select * from receipt where campaign_id = :campaign and seq = t.seq limit 1) r on true
        left join lateral (select * from recipient where campaign_id = :campaign and seq = t.seq limit 1) p on true
    where t.campaign_id = :campaign and t.seq > $1
    order by t.seq limit 1000
), held as materialized (
    select t.seq from receipt_to_settle t join wanted w on w.seq = t.seq and w.look_at = t.look_at
    where t.campaign_id = :campaign
    order by t.seq for update of t skip locked
), open as (
    select p.seq, p.claim_id, p.state, w.has_it, w.code, w.provider_message_id,
        case when w.has_it then 'accepted' else 'failed' end as to_state
    from recipient p join wanted w on w.seq = p.seq and w.may_settle
    where p.campaign_id = :campaign and p.seq = any(array(select seq from held))
        and ((p.state in ('unknown', 'retry') and w.has_it) or (p.state = 'unknown' and p.attempts = 1))
    order by p.seq for update of p skip locked
), settled as (
    update recipient p
    set state = open.to_state, changed_at = clock_timestamp(),
        reason_code = case when open.has_it then null else open.code end
    from open where p.campaign_id = :campaign and p.seq = any(array(select seq from open)) and p.seq = open.seq
), on_record as (
    insert into settlement (campaign_id, seq, claim_id, from_state, to_state, settled_by, reason, provider_message_id)
    select :campaign, seq, claim_id, state, to_state, 'receipt',
        case when has_it then 'the provider has it' else code end, provider_message_id
    from open
), no_longer as (
    delete from unsettled where campaign_id = :campaign and seq = any(array(select seq from open))
), not_again as (
    delete from due where campaign_id = :campaign and seq = any(array(select seq from open))
), looked_at as (
    select w.seq, w.listed_at, w.look_at,
        coalesce(w.state not in ('pending', 'sending', 'unknown', 'retry'), true) or o.seq is not null
            or (w.state = 'unknown' and not w.may_settle) as is_done
    from held join wanted w using (seq) left join open o using (seq)
), done as (
    delete from receipt_to_settle
    where campaign_id = :campaign and seq = any(array(select seq from looked_at where is_done)) returning seq
), postponed as (
    update receipt_to_settle t
    set look_at = clock_timestamp() + least(greatest(clock_timestamp() - l.listed_at, interval '1 second'), interval '1 minute')
    from looked_at l
    where not l.is_done and l.look_at <= clock_timestamp() and t.campaign_id = :campaign and t.seq = l.seq
), asked as (
    update flow_answer a
    set asked_at = left_at.first
    from done, lateral (
        select min(t.sent_at) as first from attempt t
        where t.campaign_id = :campaign and t.seq = done.seq and t.outcome in ('accepted', 'unknown')) left_at
    where a.campaign_id = :campaign and a.seq = any(array(select seq from done)) and a.seq = done.seq
        and a.asked_at is distinct from left_at.first
)
select (select count(*) from open), (select max(seq) from wanted)";

/// Looks at everybody listed of one campaign. Returns how many were settled.
pub(crate) async fn resolve_listed(tx: &Transaction<'_>, campaign: CampaignId) -> Result<u64, Error> {
    let (mut total, mut from) = (0, Some(Seq(0)));
    while let Some(after) = from {
        let resolved;
        (resolved, from) = step(tx, campaign, after).await?;
        total += resolved;
    }
    Ok(total)
}

/// Looks at the next of the list. Returns how many were settled, and the last one looked at if there may be more.
async fn step(tx: &Transaction<'_>, campaign: CampaignId, after: Seq) -> Result<(u64, Option<Seq>), Error> {
    let prepared = tx.prepare_cached(&written_for(campaign, STEP)).await?;
    let row = tx.query_one(&prepared, &[&after.0]).await?;
    let resolved = u64::try_from(row.get::<_, i64>(0)).unwrap_or(0);
    Ok((resolved, row.get::<_, Option<i32>>(1).map(Seq)))
}

impl Store {
    /// Campaigns with recipients in the list whose pause is over.
    pub async fn campaigns_to_resolve_by_receipt(&self) -> Result<Vec<CampaignId>, Error> {
        let select = "select distinct campaign_id from receipt_to_settle where look_at <= clock_timestamp()";
        let client = self.client().await?;
        let rows = client.query(&client.prepare_cached(select).await?, &[]).await?;
        Ok(rows.iter().map(|row| CampaignId(row.get(0))).collect())
    }

    /// Settles by receipts the recipients of a campaign that are unknown, or are to be sent to again and need not be: everybody
    /// listed, a thousand in a transaction. Returns how many.
    pub async fn resolve_by_receipts(&self, campaign: CampaignId) -> Result<u64, Error> {
        let mut client = self.client().await?;
        let (mut total, mut from) = (0, Some(Seq(0)));
        while let Some(after) = from {
            let tx = client.transaction().await?;
            let resolved;
            (resolved, from) = step(&tx, campaign, after).await?;
            tx.commit().await?;
            total += resolved;
        }
        Ok(total)
    }
}
