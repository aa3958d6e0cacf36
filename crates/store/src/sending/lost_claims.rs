//! Recipients that are `sending`, and whose claim is gone: after PostgreSQL lost commits, or after a fault.
//!
//! A worker closes its claim when it has recorded all outcomes. If some of these commits are lost and the closing one is not, the
//! recipients stay `sending` and have no claim that could expire. The request may have been made, so they become `unknown`.

use campaign::CampaignId;

use crate::db::connection::Store;
use crate::db::error::Error;

/// Recipients per statement.
const STRIDE: i32 = 100_000;

/// A finished campaign has none. Claims of a campaign that was cancelled end within minutes.
const WITH_SENDING: &str = "
    select c.id from campaign c
    where (c.state in ('running', 'paused') or (c.state = 'cancelled' and c.finished_at > now() - interval '1 day'))
        and (select coalesce(sum(n), 0) from counter_now where campaign_id = c.id and kind = 'sending') > 0
    order by c.id";

/// More recipients are `sending` than the open claims have. Counters and claims are of one snapshot, so the difference is exact.
const HAS_LOST: &str = "
    select (select coalesce(sum(n), 0) from counter_now where campaign_id = $1 and kind = 'sending') > (
        select count(*) from claim l cross join unnest(l.seqs) s (seq)
        join recipient r on r.campaign_id = $1 and r.seq = s.seq and r.claim_id = l.id and r.state = 'sending'
        where l.campaign_id = $1)";

/// The recipient is compared with the claim that was looked at: it may have been returned and claimed again meanwhile.
const END: &str = "
    with lost as materialized (
        select seq, claim_id from recipient r
        where campaign_id = $1 and seq > $2 and seq <= $3 and state = 'sending'
            and not exists (select from claim where id = r.claim_id)
    ), ended as (
        update recipient r set state = 'unknown', reason_code = 'claim_lost', changed_at = clock_timestamp()
        from lost where r.campaign_id = $1 and r.seq = lost.seq and r.claim_id = lost.claim_id and r.state = 'sending'
        returning r.seq
    )
    insert into unknown_recipient (campaign_id, seq) select $1, seq from ended
    on conflict (campaign_id, seq) do update set since = excluded.since";

impl Store {
    /// Campaigns with recipients that are `sending`.
    pub async fn campaigns_with_sending(&self) -> Result<Vec<CampaignId>, Error> {
        let client = self.client().await?;
        let rows = client.query(&client.prepare_cached(WITH_SENDING).await?, &[]).await?;
        Ok(rows.iter().map(|row| CampaignId(row.get(0))).collect())
    }

    /// Makes recipients of a campaign `unknown` that are `sending` and in no claim. Returns their number. The list is read only if
    /// there are some.
    pub async fn end_lost_claims(&self, campaign: CampaignId) -> Result<u64, Error> {
        let client = self.client().await?;
        let has_lost = client.query_one(&client.prepare_cached(HAS_LOST).await?, &[&campaign.0]).await?;
        if !has_lost.get::<_, bool>(0) {
            return Ok(0);
        }
        let select = "select recipients from campaign where id = $1";
        let row = client.query_opt(select, &[&campaign.0]).await?;
        let recipients: i32 = row.ok_or_else(|| Error::no_campaign(campaign))?.get(0);
        let mut ended = 0;
        for after in (0..recipients).step_by(STRIDE as usize) {
            ended += client.execute(END, &[&campaign.0, &after, &after.saturating_add(STRIDE)]).await?;
        }
        Ok(ended)
    }
}
