//! Ending campaigns: those cancelled before their time and those whose deadline has passed.
//!
//! In steps, so that no lock is held long. Rows are locked in the order of their places in the table, as claims lock them.
//! Rows being sent are left to their worker; what it gives back is listed as due, and taken by the next call, or by [`Store::end_stragglers`] when the campaign had ended in that instant.

use campaign::{CampaignId, CampaignState, RecipientState, own_code};

use crate::db::connection::Store;
use crate::db::error::Error;

/// Ends the next rows of a list that wait, from the place behind `$2`.
const STEP: &str = "
with rest as (
    select seq from recipient where campaign_id = $1 and seq > $2 order by seq limit 10000
), open as (
    select r.seq from recipient r
    where r.campaign_id = $1 and r.seq = any(array(select seq from rest)) and r.state in ('pending', 'retry')
    order by r.ctid for update
), gone as (
    delete from due where campaign_id = $1 and seq = any(array(select seq from open))
), done as (
    update recipient set state = $3, reason_code = $4, changed_at = now()
    where campaign_id = $1 and seq = any(array(select seq from open)) returning 1
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
    order by r.ctid for update
), gone as (
    delete from due where campaign_id = $1 and seq = any(array(select seq from open))
)
update recipient set state = $2, reason_code = $3, changed_at = now()
where campaign_id = $1 and seq = any(array(select seq from open))";

/// Why those ended who waited in a campaign that was cancelled, and in one whose deadline passed.
pub(crate) const CANCELLED: &str = own_code("campaign_cancelled");
pub(crate) const DEADLINE: &str = own_code("deadline");

/// Makes a finished campaign run again: somebody of it is due after all.
pub(crate) const RUN_AGAIN: &str = "
update campaign set state = 'running', epoch = epoch + 1, finished_at = null where id = $1 and state = 'finished'";

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
        let (state, code) = (RecipientState::Expired.word(), DEADLINE);
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

    /// Campaigns that ended while somebody of them is listed as due: a worker gave them back as it ended, or answered long
    /// after.
    pub async fn ended_campaigns_with_due(&self) -> Result<Vec<CampaignId>, Error> {
        // Steps from campaign to campaign in the index, so that neither past campaigns nor many due recipients cost time.
        let select = "
            with recursive listed as (
                (select campaign_id from due order by campaign_id limit 1)
                union all
                select (select d.campaign_id from due d where d.campaign_id > l.campaign_id order by d.campaign_id limit 1)
                from listed l where l.campaign_id is not null
            )
            select c.id from listed join campaign c on c.id = listed.campaign_id where c.state in ('cancelled', 'finished')";
        let client = self.client().await?;
        let rows = client.query(&client.prepare_cached(select).await?, &[]).await?;
        Ok(rows.iter().map(|row| CampaignId(row.get(0))).collect())
    }

    /// Ends some thousands of those listed as due in a campaign that has ended, as it ended: cancelled, or expired. One
    /// that had finished before its deadline runs again for them instead. Returns how many it ended.
    pub async fn end_stragglers(&self, id: CampaignId) -> Result<u64, Error> {
        let lock = "
            select state, coalesce(deadline_at <= clock_timestamp(), false) from campaign where id = $1 for update";
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let row = tx.query_opt(lock, &[&id.0]).await?.ok_or_else(|| Error::no_campaign(id))?;
        let state: CampaignState = row.get::<_, &str>(0).parse().map_err(Error::unreadable)?;
        let ended = match (state, row.get::<_, bool>(1)) {
            (CampaignState::Cancelled, _) => {
                tx.execute(DUE, &[&id.0, &RecipientState::Cancelled.word(), &CANCELLED]).await?
            }
            (CampaignState::Finished, true) => {
                tx.execute(DUE, &[&id.0, &RecipientState::Expired.word(), &DEADLINE]).await?
            }
            (CampaignState::Finished, false) => {
                tx.execute(RUN_AGAIN, &[&id.0]).await?;
                0
            }
            (CampaignState::Draft | CampaignState::Running | CampaignState::Paused, _) => 0,
        };
        tx.commit().await?;
        Ok(ended)
    }
}
