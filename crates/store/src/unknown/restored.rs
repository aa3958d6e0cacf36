//! After a restore from a backup: handles recipients that may have been sent to between the backup and the loss of the database.
//!
//! In the restored database these recipients are not sent to. They become `unknown`, so that no request is made for them until a
//! delivery receipt or an operator resolves them. Their number is limited by the rate of the sender, because recipients are
//! published in the order of the list.
//!
//! **Invariants.** All senders are stopped before a recipient is changed. A second call continues an interrupted call.

use std::time::Duration;

use campaign::CampaignId;
use jiff::Timestamp;

use crate::db::connection::Store;
use crate::db::error::Error;

/// A connected consumer reports at least once in this time.
const WORKERS_REPORT: Duration = Duration::from_secs(6);

/// Values of `seq` per statement.
const STRIDE: i32 = 10_000;

/// Which recipients may have been sent to in the gap.
#[derive(Clone, Debug)]
pub struct Gap {
    /// Time from the backup to the loss of the database, with a margin.
    pub length: Duration,
    /// Drafts of the backup that were started in the gap.
    pub started: Vec<CampaignId>,
    /// Whether a rate was raised in the gap, so that the rates in the backup are no limit.
    pub rate_is_unknown: bool,
}

/// A campaign with recipients that may have been sent to in the gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GapCampaign {
    /// The campaign.
    pub id: CampaignId,
    /// Its name.
    pub name: String,
    /// The name of its sender.
    pub sender: String,
    /// Recipients up to this `seq` may have been published.
    pub up_to: i32,
    /// The number of these recipients that are `pending`, `sending` or `retry` in the backup, and of all recipients that wait
    /// for a retry.
    pub recipients: i64,
}

const CAMPAIGNS: &str = "
select c.id, c.name, s.name, b.up_to, (
    select count(*) from recipient r where r.campaign_id = c.id
        and (r.state in ('sending', 'retry') or (r.state = 'pending' and r.seq <= b.up_to)))
from campaign c join sender s on s.id = c.sender_id join sender_gate g on g.sender_id = c.sender_id
left join campaign_gate l on l.campaign_id = c.id left join campaign_feed f on f.campaign_id = c.id
cross join lateral (
    select case when $3 or g.permits is null and l.permits is null then c.recipients
        else least(c.recipients, coalesce(f.published, 0) + least(
            ceil($1::float8 * 1000000 / g.per_us) * g.permits + g.burst,
            ceil($1::float8 * 1000000 / l.per_us) * l.permits + l.permits)::bigint)::integer end as up_to
) b
where c.state in ('running', 'paused') or (c.state = 'draft' and c.id = any($2))
order by c.id";

/// The volume after the last campaign may have been used in the gap, so the volume after that is the next.
const SKIP_IDS: &str = "
select setval('claim_id_seq', (select last_value from claim_id_seq) + 1000000000),
    setval(pg_get_serial_sequence('campaign', 'id'), next.volume * campaigns_of_volume(), false), create_volume(next.volume)
from (select volume_of(max(id)) + 2 as volume from campaign) next";

const LEAVE_UNKNOWN: &str = "
update campaign c set unknown_rule = 'leave'
where unknown_rule = 'resend' and exists (select from unknown_recipient where campaign_id = c.id)";

const MARK: &str = "
with marked as (
    update recipient r set state = 'unknown', reason_code = 'backup_restored', changed_at = clock_timestamp()
    where campaign_id = $1 and seq > $2 and seq <= $3
        and (state in ('sending', 'retry') or (state = 'pending' and seq <= $4))
    returning seq
), not_due as (
    delete from due where campaign_id = $1 and seq = any(array(select seq from marked))
)
insert into unknown_recipient (campaign_id, seq) select $1, seq from marked
on conflict (campaign_id, seq) do update set since = excluded.since";

impl Store {
    /// Campaigns with recipients that may have been sent to in the gap.
    pub async fn gap_campaigns(&self, gap: &Gap) -> Result<Vec<GapCampaign>, Error> {
        let started: Vec<i64> = gap.started.iter().map(|campaign| campaign.0).collect();
        let seconds = gap.length.as_secs_f64();
        let rows =
            self.own_client().await?.query(CAMPAIGNS, &[&seconds, &started, &gap.rate_is_unknown]).await?;
        let read = |row: &tokio_postgres::Row| GapCampaign {
            id: CampaignId(row.get(0)),
            name: row.get(1),
            sender: row.get(2),
            up_to: row.get(3),
            recipients: row.get(4),
        };
        Ok(rows.iter().map(read).filter(|campaign| campaign.recipients > 0).collect())
    }

    /// Drafts with recipients: the backup does not say whether one of them was started in the gap.
    pub async fn drafts_with_recipients(&self) -> Result<Vec<CampaignId>, Error> {
        let select = "select id from campaign where state = 'draft' and recipients > 0 order by id";
        Ok(self
            .own_client()
            .await?
            .query(select, &[])
            .await?
            .iter()
            .map(|row| CampaignId(row.get(0)))
            .collect())
    }

    /// Prepares a restored database for sending. Stops all senders. Raises the sequences of claims and campaigns, so that no id
    /// of the gap is used again. Treats daily caps as used up today. No rule resends to recipients that are `unknown` in the backup.
    ///
    /// Fails if a consumer is connected: then this is not a restored database, or consumers were started too early. The check
    /// takes 6 seconds.
    pub async fn begin_after_restore(&self, by: &str) -> Result<(), Error> {
        let last_seen = "select max(seen_at) from worker";
        let seen: Option<Timestamp> = self.client().await?.query_one(last_seen, &[]).await?.get(0);
        tokio::time::sleep(WORKERS_REPORT).await;
        if seen != self.client().await?.query_one(last_seen, &[]).await?.get(0) {
            return Err(Error::Conflict(
                "consumers are connected to this database; stop all consumers and try again".into(),
            ));
        }
        for sender in self.senders().await? {
            self.hold_sender(sender.id, by).await?;
        }
        self.leave_unknown().await?;
        let client = self.own_client().await?;
        client.execute(SKIP_IDS, &[]).await?;
        let use_up_caps = "
            update sender_gate set day = day_now(day_zone), day_used = greatest(day_used, daily_cap)
            where daily_cap is not null";
        client.execute(use_up_caps, &[]).await?;
        Ok(())
    }

    /// Recipients that are `unknown` may have been resent to in the gap by the rule of their campaign, so no rule resends to them any more.
    pub async fn leave_unknown(&self) -> Result<(), Error> {
        self.own_client().await?.execute(LEAVE_UNKNOWN, &[]).await?;
        Ok(())
    }

    /// Makes the recipients of these campaigns `unknown` that may have been sent to in the gap. Unknown recipients of the campaigns then
    /// wait for receipts or an operator, whatever their rule was. Returns the number of recipients.
    pub async fn mark_gaps(&self, campaigns: &[GapCampaign]) -> Result<u64, Error> {
        let mut marked = 0;
        for campaign in campaigns {
            marked += self.mark_gap(campaign).await?;
        }
        Ok(marked)
    }

    async fn mark_gap(&self, campaign: &GapCampaign) -> Result<u64, Error> {
        let client = self.own_client().await?;
        let leave = "update campaign set unknown_rule = 'leave' where id = $1 returning recipients";
        let recipients: i32 = client.query_one(leave, &[&campaign.id.0]).await?.get(0);
        let mut marked = 0;
        for after in (0..recipients).step_by(STRIDE as usize) {
            let last = after.saturating_add(STRIDE);
            marked += client.execute(MARK, &[&campaign.id.0, &after, &last, &campaign.up_to]).await?;
        }
        client.execute("delete from claim where campaign_id = $1", &[&campaign.id.0]).await?;
        Ok(marked)
    }
}
