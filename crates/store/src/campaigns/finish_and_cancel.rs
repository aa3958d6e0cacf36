//! Ends campaigns: finished, cancelled, or with a deadline that has passed.
//!
//! Recipients are ended in batches, so that no lock is held for long. Rows are locked in the order of their places in the table,
//! as claims lock them. Recipients that are `sending` are left to their worker. If the worker gives them back, they are listed
//! as due and ended by the next call, or by [`Store::end_stragglers`] if the campaign had ended meanwhile.

use campaign::{CampaignId, CampaignState, RecipientState, own_code};

use crate::db::connection::Store;
use crate::db::error::Error;

/// Ends the next waiting rows of a list after place `$2`.
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

/// Ends rows that are listed as due.
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

/// The reason codes of recipients that ended because the campaign was cancelled, or because its deadline passed.
pub(crate) const CANCELLED: &str = own_code("campaign_cancelled");
pub(crate) const DEADLINE: &str = own_code("deadline");

/// Resumes a finished campaign because one of its recipients is due again.
pub(crate) const RUN_AGAIN: &str = "
update campaign set state = 'running', epoch = epoch + 1, finished_at = null where id = $1 and state = 'finished'";

impl Store {
    /// Ends all waiting recipients of a list; returns their number.
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

    /// Running and paused campaigns whose deadline has passed.
    pub async fn overdue_campaigns(&self) -> Result<Vec<CampaignId>, Error> {
        let select = "
            select id from campaign where deadline_at <= clock_timestamp() and state in ('running', 'paused')";
        let client = self.client().await?;
        let rows = client.query(&client.prepare_cached(select).await?, &[]).await?;
        Ok(rows.iter().map(|row| CampaignId(row.get(0))).collect())
    }

    /// Makes up to 10,000 waiting recipients of an overdue campaign `expired`, or finishes the campaign if there are none.
    /// Returns the number of recipients.
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

    /// Cancelled campaigns with waiting recipients: their cancellation is still running, or its process died.
    pub async fn campaigns_to_cancel(&self) -> Result<Vec<CampaignId>, Error> {
        let select = "
            select c.id from campaign c join campaign_feed f on f.campaign_id = c.id
            where c.state = 'cancelled' and f.low_water <= c.recipients";
        let client = self.client().await?;
        let rows = client.query(&client.prepare_cached(select).await?, &[]).await?;
        Ok(rows.iter().map(|row| CampaignId(row.get(0))).collect())
    }

    /// Makes up to 10,000 waiting recipients of a cancelled campaign `cancelled`. Returns their number.
    pub async fn continue_cancellation(&self, id: CampaignId) -> Result<u64, Error> {
        // Rows can be missing: erased, or archived.
        let passed = "
            update campaign_feed f set low_water = c.recipients + 1
            from campaign c where c.id = $1 and f.campaign_id = $1 and c.state = 'cancelled' and f.low_water <= c.recipients";
        let low_water = "
            select f.low_water - 1 from campaign_feed f join campaign c on c.id = f.campaign_id
            where c.id = $1 and c.state = 'cancelled'";
        let client = self.client().await?;
        let Some(row) = client.query_opt(low_water, &[&id.0]).await? else { return Ok(0) };
        let after: i32 = row.get(0);
        let row =
            client.query_one(STEP, &[&id.0, &after, &RecipientState::Cancelled.word(), &CANCELLED]).await?;
        if row.get::<_, Option<i32>>(0).is_none() {
            client.execute(passed, &[&id.0]).await?;
        }
        Ok(u64::try_from(row.get::<_, i64>(1)).unwrap_or(0))
    }

    /// Ended campaigns with recipients that are listed as due: a worker gave them back while the campaign ended, or much later.
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

    /// Ends up to 10,000 recipients that are listed as due in an ended campaign, in the way in which it ended: cancelled or
    /// expired. A campaign that finished before its deadline is resumed instead. Returns the number of ended recipients.
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

    /// Marks a running campaign as finished if no recipient is `pending`, `sending` or `retry`. Returns whether it did.
    ///
    /// The counters decide, so that the call takes as long for ten million recipients as for ten. The counters are exact in
    /// every snapshot: deltas that are not folded yet are added (docs/adr/0011).
    pub async fn finish_if_done(&self, campaign: CampaignId) -> Result<bool, Error> {
        let waiting = "
            select coalesce(sum(n), 0) > 0 from counter_now where campaign_id = $1 and kind in ('pending', 'sending', 'retry')";
        let lock = "select from campaign where id = $1 for update";
        // Checks again under the lock of the campaign. A transaction that lists a recipient of a possibly finished campaign as
        // due takes that lock too.
        let update = "
            update campaign c set state = 'finished', finished_at = now()
            where c.id = $1 and c.state = 'running'
                and not exists (select from claim where campaign_id = $1)
                and not exists (select from due where campaign_id = $1)";
        let mut client = self.client().await?;
        let waiting = client.prepare_cached(waiting).await?;
        if client.query_one(&waiting, &[&campaign.0]).await?.get(0) {
            return Ok(false);
        }
        let tx = client.transaction().await?;
        tx.execute(lock, &[&campaign.0]).await?;
        let finished = tx.execute(update, &[&campaign.0]).await? > 0;
        tx.commit().await?;
        Ok(finished)
    }
}
