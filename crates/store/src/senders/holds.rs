//! Stops (holds) of senders and campaigns, with reason, time and cause. `openings.rs` ends them.
//!
//! A sender has at most one stop in force, and so has a campaign. A stop that a program finds closes an open gate and changes
//! nothing at a closed gate. A stop by a person replaces a stop that was found: it lasts until a person ends it, and is not
//! probed.
//!
//! **Invariant.** A transaction that changes both rows locks the row of the gate (`sender_gate` or `campaign`) before the row of
//! the stop (`hold`).

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
    /// The campaign; `None`: the whole sender is stopped.
    pub campaign: Option<CampaignId>,
    /// The reason.
    pub reason: StopReason,
    /// The explanation of the refusal, in our words.
    pub detail: Option<String>,
    /// The time of the stop.
    pub since: Timestamp,
    /// The expected end, if it is known: the end of the day of a daily cap, or the next probe.
    pub until: Option<Timestamp>,
    /// The cause: a command of an operator, or the worker whose request was refused.
    pub caused_by: String,
}

/// The reason and the cause of a stop.
#[derive(Clone, Copy, Debug)]
pub struct StopCause<'a> {
    /// The reason.
    pub reason: StopReason,
    /// The refusal by the provider that caused the stop, if there was one.
    pub refusal: Option<&'a Reason>,
    /// The cause: a command of an operator, or the worker whose request was refused.
    pub by: &'a str,
}

impl StopCause<'_> {
    fn words(&self) -> (Option<&str>, Option<&str>) {
        (self.refusal.map(|reason| reason.code.as_ref()), self.refusal.map(|reason| reason.text.as_ref()))
    }
}

/// The result of a stop by a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldResult {
    /// The sender or campaign is stopped now.
    Now,
    /// It was stopped for this reason before; the stop by the person replaces it.
    TakenOver(StopReason),
    /// A person had stopped it before; nothing changed.
    Already,
}

/// Replaces the stop in force by a stop of a person, in the transaction that holds the lock of the gate. The reason of the
/// replaced stop is kept in the detail of the new stop.
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
    /// Stops a sender for a reason that was found. `epoch` is the epoch of the gate in which the cause occurred: a cause of an
    /// earlier epoch changes nothing. Without an epoch the gate is closed in any epoch. Returns whether this call closed the
    /// gate. [`Store::hold_sender`] is the stop by a person.
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

    /// Stops a sender because a person wants it, even if the sender is stopped for another reason. Until a person opens the
    /// sender, it is neither probed nor opened at the end of a day. Replacing a stop begins a new epoch, so that a probe that is
    /// under way does not open the gate.
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

    /// Halves the pace of a sender for all its workers, and grants no departure slot for `pause`. Throttle answers within one
    /// second count as one.
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
    /// paused the campaign. [`Store::hold_campaign`] is the pause by a person.
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

    /// Pauses a campaign because a person wants it: a running campaign, or one that was paused for another reason.
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

    /// Whether an event that the provider reports with this time may still close the gate of the sender or of one campaign.
    /// Events arrive days late, and an event before the last opening belongs to an earlier stop.
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

    /// The running campaigns of a sender that send this template (name, and language if it is one of them) or flow.
    pub async fn campaigns_using(
        &self,
        sender: SenderId,
        template: Option<(&str, Option<&str>)>,
        flow: Option<&str>,
    ) -> Result<Vec<CampaignId>, Error> {
        let select = "
            select id from campaign
            where sender_id = $1 and state = 'running'
                and (definition #>> '{template,name}' = $2 and definition #>> '{template,language}' = coalesce($4, definition #>> '{template,language}')
                    or definition #>> '{flow,flow_id}' = $3)";
        let (template, language) = template.unzip();
        let language = language.flatten();
        let client = self.client().await?;
        let rows = client
            .query(&client.prepare_cached(select).await?, &[&sender.0, &template, &flow, &language])
            .await?;
        Ok(rows.iter().map(|row| CampaignId(row.get(0))).collect())
    }

    /// The stops in force: stops of senders first, then of campaigns, each by time.
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
