//! Sending again to those a campaign could not reach, because an operator says so: as new attempts, the old ones are kept.
//!
//! The campaign's row is locked first, as when somebody unknown is settled; a finished campaign runs again.

use campaign::{CampaignId, CampaignState};

use crate::campaigns::finish_and_cancel::RUN_AGAIN;
use crate::db::connection::Store;
use crate::db::error::Error;

/// Whom to send to again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResendClass {
    /// Those refused for good, or given up.
    Failed,
    /// Those whose message was taken, and a failure and no delivery was reported.
    Undelivered,
}

const STEP: &str = "
with open as (
    select r.seq, r.claim_id, r.state from recipient r
    left join lateral (select * from receipt where campaign_id = $1 and seq = r.seq limit 1) t on true
    where r.campaign_id = $1 and r.seq > $2 and r.msisdn > 0 and case when $3
            then r.state = 'accepted' and t.failed_at is not null and t.delivered_at is null
            else r.state = 'failed' end
        and ($4::text is null or $4 = case when $3 then t.code else r.reason_code end)
    order by r.seq limit 5000 for update of r
), opened as (
    update recipient r set state = 'retry', reason_code = 'resent', changed_at = clock_timestamp()
    from open where r.campaign_id = $1 and r.seq = open.seq
), on_record as (
    insert into settlement (campaign_id, seq, claim_id, from_state, to_state, settled_by, reason)
    select $1, seq, claim_id, state, 'retry', 'operator', $5 from open
), due_now as (
    insert into due (campaign_id, seq, sender_id, due_at, publish_at)
    select $1, open.seq, c.sender_id, clock_timestamp(), clock_timestamp() from open join campaign c on c.id = $1
    on conflict (campaign_id, seq) do update set due_at = excluded.due_at, publish_at = excluded.publish_at
)
select count(*), max(seq) from open";

impl Store {
    /// Sends again to everybody of a class, or to those of them with this code. Returns how many.
    pub async fn resend(
        &self,
        campaign: CampaignId,
        class: ResendClass,
        code: Option<&str>,
        reason: &str,
    ) -> Result<u64, Error> {
        let lock = "
            select state, coalesce(deadline_at <= clock_timestamp(), false),
                coalesce(erased_at, archived_at) is not null from campaign where id = $1 for update";
        let undelivered = class == ResendClass::Undelivered;
        let mut client = self.own_client().await?;
        let (mut after, mut total) = (0, 0);
        loop {
            let tx = client.transaction().await?;
            let row = tx.query_opt(lock, &[&campaign.0]).await?;
            let row = row.ok_or_else(|| Error::no_campaign(campaign))?;
            let state: CampaignState = row.get::<_, &str>(0).parse().map_err(Error::unreadable)?;
            if let Some(why) = barrier(state, row.get(1), row.get(2)) {
                return Err(Error::Conflict(format!(
                    "campaign {campaign} {why}, nobody of it is sent to again"
                )));
            }
            let row = tx.query_one(STEP, &[&campaign.0, &after, &undelivered, &code, &reason]).await?;
            if row.get::<_, i64>(0) > 0 {
                tx.execute(RUN_AGAIN, &[&campaign.0]).await?;
            }
            tx.commit().await?;
            total += u64::try_from(row.get::<_, i64>(0)).unwrap_or(0);
            match row.get::<_, Option<i32>>(1) {
                Some(last) => after = last,
                None => return Ok(total),
            }
        }
    }
}

fn barrier(state: CampaignState, is_over: bool, is_erased: bool) -> Option<&'static str> {
    match state {
        CampaignState::Cancelled => Some("is cancelled"),
        CampaignState::Draft => Some("was never started"),
        _ if is_erased => Some("has no numbers any more, they are erased"),
        _ if is_over => Some("is past its deadline"),
        CampaignState::Running | CampaignState::Paused | CampaignState::Finished => None,
    }
}
