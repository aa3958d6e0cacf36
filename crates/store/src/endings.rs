//! Ending campaigns: those cancelled before their time and those whose deadline has passed.
//!
//! In steps, so that no lock is held long. Rows being sent are left to their worker; what it gives back is taken by the
//! next call.

use campaign::{CampaignId, RecipientState};

use crate::connection::Store;
use crate::error::Error;

/// Ends the next rows of a list that wait, from the place behind `$2`.
const STEP: &str = "
with rest as (
    select seq from recipient where campaign_id = $1 and seq > $2 order by seq limit 10000
), open as (
    select r.seq from recipient r join rest using (seq)
    where r.campaign_id = $1 and r.state in ('pending', 'retry') order by r.seq for update of r
), gone as (
    delete from due d using open where d.campaign_id = $1 and d.seq = open.seq
), done as (
    update recipient r set state = $3, reason_code = $4, changed_at = now()
    from open where r.campaign_id = $1 and r.seq = open.seq returning 1
), passed as (
    update campaign_feed set low_water = greatest(low_water, last + 1)
    from (select max(seq) as last from rest) rest where campaign_id = $1
)
select (select max(seq) from rest), (select count(*) from done)";

/// Ends rows that are to be sent again at a time.
const DUE: &str = "
with open as (
    select r.seq from recipient r
    where r.campaign_id = $1 and r.state in ('pending', 'retry')
        and r.seq = any(array(select seq from due where campaign_id = $1 limit 10000))
    order by r.seq for update
), gone as (
    delete from due d using open where d.campaign_id = $1 and d.seq = open.seq
)
update recipient r set state = $2, reason_code = $3, changed_at = now()
from open where r.campaign_id = $1 and r.seq = open.seq";

impl Store {
    /// Ends everyone of a list who waits; returns how many.
    pub(crate) async fn end_rest(
        &self,
        id: CampaignId,
        state: RecipientState,
        code: &str,
    ) -> Result<u64, Error> {
        let client = self.own_client().await?;
        let (mut after, mut total) = (0, 0);
        loop {
            let row = client.query_one(STEP, &[&id.0, &after, &state.word(), &code]).await?;
            total += u64::try_from(row.get::<_, i64>(1)).unwrap_or(0);
            match row.get::<_, Option<i32>>(0) {
                Some(last) => after = last,
                None => return Ok(total),
            }
        }
    }

    /// Campaigns not ended whose deadline has passed.
    pub async fn overdue_campaigns(&self) -> Result<Vec<CampaignId>, Error> {
        let select = "
            select id from campaign where deadline_at <= clock_timestamp() and state in ('running', 'paused')";
        let client = self.client().await?;
        let rows = client.query(&client.prepare_cached(select).await?, &[]).await?;
        Ok(rows.iter().map(|row| CampaignId(row.get(0))).collect())
    }

    /// Makes some thousands of those who wait in an overdue campaign `expired`, or ends it when there are none.
    /// Returns how many it was.
    pub async fn expire_campaign(&self, id: CampaignId) -> Result<u64, Error> {
        let finish = "
            with finished as (
                update campaign set state = 'finished', finished_at = now()
                where id = $1 and state in ('running', 'paused')
                    and not exists (select from claim where campaign_id = $1)
                    and not exists (select from due where campaign_id = $1)
                returning id
            )
            update hold h set ended_at = now(), ended_by = 'the deadline'
            from finished where h.campaign_id = finished.id and h.ended_at is null";
        let (state, code) = (RecipientState::Expired.word(), "deadline");
        let client = self.client().await?;
        let expired = client.execute(DUE, &[&id.0, &state, &code]).await?;
        if expired > 0 {
            return Ok(expired);
        }
        let low_water = "select low_water - 1 from campaign_feed where campaign_id = $1";
        let after: i32 = client.query_one(low_water, &[&id.0]).await?.get(0);
        let row = client.query_one(STEP, &[&id.0, &after, &state, &code]).await?;
        if row.get::<_, Option<i32>>(0).is_none() {
            client.execute(finish, &[&id.0]).await?;
        }
        Ok(u64::try_from(row.get::<_, i64>(1)).unwrap_or(0))
    }
}
