//! Stops: closing and opening the gates of senders and campaigns, always with reason, time and who did it.

use std::time::Duration;

use campaign::{CampaignId, Probing, Reason, SenderId, StopReason};
use jiff::Timestamp;

use crate::connection::Store;
use crate::error::Error;

/// A stop that is in force.
#[derive(Clone, Debug)]
pub struct HoldRow {
    /// The sender.
    pub sender: String,
    /// The campaign, when only that is stopped.
    pub campaign: Option<CampaignId>,
    /// Why.
    pub reason: StopReason,
    /// What the provider said, in our words.
    pub detail: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// Until when, if that is known: the end of the day of a daily cap, or the next probe.
    pub until: Option<Timestamp>,
    /// By whom: an operator's command, or the worker that was refused.
    pub caused_by: String,
}

/// Why a gate is to be closed, and by whom.
#[derive(Clone, Copy, Debug)]
pub struct StopCause<'a> {
    /// The reason.
    pub reason: StopReason,
    /// The refusal that caused it, if it was one.
    pub refusal: Option<&'a Reason>,
    /// Who closes it: an operator's command, or the worker that was refused.
    pub by: &'a str,
}

impl StopCause<'_> {
    fn words(&self) -> (Option<&str>, Option<&str>) {
        (self.refusal.map(|reason| reason.code.as_ref()), self.refusal.map(|reason| reason.text.as_ref()))
    }
}

impl Store {
    /// Closes a sender's gate. `epoch` is the opening in which the cause was met: a cause of an earlier opening does
    /// nothing. Without an epoch it closes the gate whatever the opening. Returns whether this call closed it.
    pub async fn stop_sender(
        &self,
        sender: SenderId,
        epoch: Option<i64>,
        cause: &StopCause<'_>,
    ) -> Result<bool, Error> {
        let statement = "
            with closed as (
                update sender_gate set is_open = false
                where sender_id = $1 and is_open and epoch = coalesce($2, epoch) returning sender_id
            )
            insert into hold (sender_id, reason, code, detail, caused_by)
            select sender_id, $3, $4, $5, $6 from closed";
        let (code, detail) = cause.words();
        let client = self.client().await?;
        let n = client
            .execute(statement, &[&sender.0, &epoch, &cause.reason.word(), &code, &detail, &cause.by])
            .await?;
        Ok(n > 0)
    }

    /// Opens a sender's gate again, with a quarter of the rate that grows back to the whole: a new epoch begins. Returns
    /// whether it was closed.
    pub async fn open_sender(&self, sender: SenderId, ended_by: &str) -> Result<bool, Error> {
        let statement = "
            with opened as (
                update sender_gate
                set is_open = true, probe_armed = false, epoch = epoch + 1, pace = 0.25, slowed_at = clock_timestamp()
                where sender_id = $1 and not is_open returning sender_id
            )
            update hold h set ended_at = now(), ended_by = $2 from opened
            where h.sender_id = opened.sender_id and h.campaign_id is null and h.ended_at is null";
        Ok(self.client().await?.execute(statement, &[&sender.0, &ended_by]).await? > 0)
    }

    /// Lets one claim of one recipient pass the gate of a sender that is stopped for a reason of this kind, if it is time
    /// for that: after the first of these pauses, then the second, and so on; the last one repeats. Returns whether it is.
    pub async fn arm_probe(
        &self,
        sender: SenderId,
        probing: Probing,
        pauses: &[Duration],
    ) -> Result<bool, Error> {
        let statement = "
            with probed as (
                select id, coalesce(probe_at, since + ($2::bigint[])[1] * interval '1 millisecond') as at
                from hold
                where sender_id = $1 and campaign_id is null and ended_at is null and reason = any($3) for update
            ), planned as (
                update hold h
                set probe_at = case when at > clock_timestamp() then at else clock_timestamp()
                        + ($2::bigint[])[least(probes + 2, cardinality($2::bigint[]))] * interval '1 millisecond' end,
                    probes = probes + (at <= clock_timestamp())::int
                from probed where h.id = probed.id and (probe_at is null or at <= clock_timestamp())
            )
            update sender_gate g set probe_armed = true
            from probed where g.sender_id = $1 and not g.is_open and at <= clock_timestamp()";
        let pauses: Vec<i64> =
            pauses.iter().map(|pause| i64::try_from(pause.as_millis()).unwrap_or(i64::MAX)).collect();
        let reasons = StopReason::ALL.iter().filter(|reason| reason.probing() == Some(probing));
        let reasons: Vec<&str> = reasons.map(|reason| reason.word()).collect();
        let client = self.client().await?;
        let n =
            client.execute(&client.prepare_cached(statement).await?, &[&sender.0, &pauses, &reasons]).await?;
        Ok(n > 0)
    }

    /// Opens the gates of senders that were stopped by their own daily cap, when the day is over, the cap was raised, or
    /// some of the day's recipients were given back. Returns how many.
    pub async fn open_capped_senders(&self) -> Result<u64, Error> {
        let statement = "
            with opened as (
                update sender_gate g set is_open = true, epoch = epoch + 1
                from hold h
                where h.sender_id = g.sender_id and h.campaign_id is null and h.ended_at is null
                    and h.reason = 'daily_cap' and not g.is_open
                    and (g.daily_cap is null or g.day <> day_now(g.day_zone) or g.day_used < g.daily_cap)
                returning h.id
            )
            update hold h set ended_at = now(), ended_by = 'the daily cap' from opened where h.id = opened.id";
        let client = self.client().await?;
        Ok(client.execute(&client.prepare_cached(statement).await?, &[]).await?)
    }

    /// Halves the pace of a sender for all its workers, and gives out no departure slot for `pause`. Answers that come
    /// within a second of each other count as one.
    pub async fn slow_sender(&self, sender: SenderId, pause: Duration) -> Result<bool, Error> {
        let statement = "
            update sender_gate
            set pace = greatest(pace_now(pace, slowed_at) / 2, 0.015625), slowed_at = clock_timestamp(),
                paused_until = greatest(paused_until, clock_timestamp() + $2 * interval '1 millisecond')
            where sender_id = $1 and coalesce(slowed_at < clock_timestamp() - interval '1 second', true)";
        let pause_ms = f64::from(u32::try_from(pause.as_millis()).unwrap_or(u32::MAX));
        Ok(self.client().await?.execute(statement, &[&sender.0, &pause_ms]).await? > 0)
    }

    /// Pauses a running campaign. `epoch` as in [`Store::stop_sender`]. Returns whether this call paused it.
    pub async fn pause_campaign(
        &self,
        campaign: CampaignId,
        epoch: Option<i64>,
        cause: &StopCause<'_>,
    ) -> Result<bool, Error> {
        let statement = "
            with paused as (
                update campaign set state = 'paused'
                where id = $1 and state = 'running' and epoch = coalesce($2, epoch) returning id, sender_id
            )
            insert into hold (sender_id, campaign_id, reason, code, detail, caused_by)
            select sender_id, id, $3, $4, $5, $6 from paused";
        let (code, detail) = cause.words();
        let client = self.client().await?;
        let n = client
            .execute(statement, &[&campaign.0, &epoch, &cause.reason.word(), &code, &detail, &cause.by])
            .await?;
        Ok(n > 0)
    }

    /// Whether what a provider reported at this time may still close a gate, of the sender or of one campaign: reports come
    /// days late, and what was said before the gate was last opened is about an earlier stop.
    pub async fn may_stop(
        &self,
        sender: SenderId,
        campaign: Option<CampaignId>,
        at: Option<Timestamp>,
    ) -> Result<bool, Error> {
        let select = "
            select coalesce($3::timestamptz > clock_timestamp() - interval '15 minutes', true) and not exists (
                select from hold
                where sender_id = $1 and campaign_id is not distinct from $2 and ended_at >= coalesce($3, now()))";
        let client = self.client().await?;
        let campaign = campaign.map(|campaign| campaign.0);
        Ok(client
            .query_one(&client.prepare_cached(select).await?, &[&sender.0, &campaign, &at])
            .await?
            .get(0))
    }

    /// The running campaigns of a sender that send this template or flow.
    pub async fn campaigns_using(
        &self,
        sender: SenderId,
        template: Option<&str>,
        flow: Option<&str>,
    ) -> Result<Vec<CampaignId>, Error> {
        let select = "
            select id from campaign
            where sender_id = $1 and state = 'running'
                and (definition #>> '{template,name}' = $2 or definition #>> '{flow,flow_id}' = $3)";
        let client = self.client().await?;
        let rows =
            client.query(&client.prepare_cached(select).await?, &[&sender.0, &template, &flow]).await?;
        Ok(rows.iter().map(|row| CampaignId(row.get(0))).collect())
    }

    /// The stops in force, senders first, oldest first.
    pub async fn holds(&self) -> Result<Vec<HoldRow>, Error> {
        let select = "
            select s.name, h.campaign_id, h.reason, h.detail, h.since, h.caused_by, coalesce(h.until, h.probe_at)
            from hold h join sender s on s.id = h.sender_id
            where h.ended_at is null order by h.campaign_id nulls first, h.since";
        let rows = self.client().await?.query(select, &[]).await?;
        rows.iter()
            .map(|row| {
                Ok(HoldRow {
                    sender: row.get(0),
                    campaign: row.get::<_, Option<i64>>(1).map(CampaignId),
                    reason: row.get::<_, &str>(2).parse().map_err(Error::unreadable)?,
                    detail: row.get(3),
                    since: row.get(4),
                    until: row.get(6),
                    caused_by: row.get(5),
                })
            })
            .collect()
    }
}
