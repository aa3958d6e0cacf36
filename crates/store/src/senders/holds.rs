//! Stops: closing the gates of senders and campaigns, always with reason, time and who did it. Opening them is in `openings.rs`.
//!
//! A sender has one stop in force at most, and so has a campaign. A stop that is found closes an open gate and changes nothing at
//! a closed one. A person's stop takes over one that was found: it lasts until a person ends it, and is not probed.
//!
//! **Invariant.** Whoever changes both locks the gate's row (`sender_gate` or `campaign`) before the stop's row (`hold`).

use std::time::Duration;

use crate::db::pool::Transaction;
use campaign::{CampaignId, CampaignState, Reason, SenderId, StopReason};
use jiff::Timestamp;

use crate::db::connection::Store;
use crate::db::error::Error;

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

/// What became of a person's wish to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldResult {
    /// Stopped now.
    Now,
    /// It was stopped for this reason; from now on it is stopped by the person.
    TakenOver(StopReason),
    /// A person had stopped it before; nothing changed.
    Already,
}

/// Makes a person's stop the one in force, in the transaction that holds the lock of the gate. The stop it takes over ends with
/// the beginning of the new one, and its words are kept there.
async fn take_over(
    tx: &Transaction<'_>,
    (sender, campaign): (SenderId, Option<CampaignId>),
    by: &str,
) -> Result<HoldResult, Error> {
    let end = "
        update hold set ended_at = now(), ended_by = $3
        where sender_id = $1 and campaign_id is not distinct from $2 and ended_at is null and reason <> 'operator'
        returning reason, coalesce(detail, 'no detail')";
    let begin = "
        insert into hold (sender_id, campaign_id, reason, detail, caused_by) values ($1, $2, 'operator', $3, $4)
        on conflict do nothing";
    let campaign = campaign.map(|campaign| campaign.0);
    let before = tx.query_opt(end, &[&sender.0, &campaign, &by]).await?;
    let before = before.map(|row| (row.get::<_, String>(0), row.get::<_, String>(1)));
    let detail = before.as_ref().map(|(reason, detail)| format!("stopped for {reason} before: {detail}"));
    let n = tx.execute(begin, &[&sender.0, &campaign, &detail, &by]).await?;
    match before {
        _ if n == 0 => Ok(HoldResult::Already),
        Some((reason, _)) => Ok(HoldResult::TakenOver(reason.parse().map_err(Error::unreadable)?)),
        None => Ok(HoldResult::Now),
    }
}

impl Store {
    /// Closes a sender's gate for a reason that was found. `epoch` is the opening in which the cause was met: a cause of an
    /// earlier opening does nothing. Without an epoch it closes the gate whatever the opening. Returns whether this call
    /// closed it. For a person's wish there is [`Store::hold_sender`].
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

    /// Stops a sender because a person wants it, also one that is stopped for another reason. Until a person opens it again it
    /// is neither probed nor opened by the end of a day. Taking over a stop begins a new epoch, so that a probe under way does
    /// not open the gate.
    pub async fn hold_sender(&self, sender: SenderId, by: &str) -> Result<HoldResult, Error> {
        let lock = "select from sender_gate where sender_id = $1 for update";
        let close = "
            update sender_gate set is_open = false, probe_armed = false, epoch = epoch + (not is_open)::int
            where sender_id = $1";
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        tx.execute(lock, &[&sender.0]).await?;
        let held = take_over(&tx, (sender, None), by).await?;
        if held != HoldResult::Already {
            tx.execute(close, &[&sender.0]).await?;
        }
        tx.commit().await?;
        Ok(held)
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

    /// Pauses a running campaign for a reason that was found. `epoch` as in [`Store::stop_sender`]. Returns whether this call
    /// paused it. For a person's wish there is [`Store::hold_campaign`].
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

    /// Pauses a campaign because a person wants it: one that runs, or one that was paused for another reason.
    pub async fn hold_campaign(&self, campaign: CampaignId, by: &str) -> Result<HoldResult, Error> {
        let lock = "select sender_id, state from campaign where id = $1 for update";
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let row = tx.query_opt(lock, &[&campaign.0]).await?.ok_or_else(|| Error::no_campaign(campaign))?;
        let state: CampaignState = row.get::<_, &str>(1).parse().map_err(Error::unreadable)?;
        match state {
            CampaignState::Running | CampaignState::Paused => {}
            CampaignState::Draft | CampaignState::Finished | CampaignState::Cancelled => {
                let says = format!("campaign {campaign} is {state}; only a running one can be paused");
                return Err(Error::Conflict(says));
            }
        }
        let held = take_over(&tx, (SenderId(row.get(0)), Some(campaign)), by).await?;
        tx.execute("update campaign set state = 'paused' where id = $1", &[&campaign.0]).await?;
        tx.commit().await?;
        Ok(held)
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
