//! Alerts for the webhook of the operator: each stop is sent once, and its end once.
//!
//! The producer makes the calls. A call that is not confirmed is due again after its lease, so the webhook may be called twice
//! if the producer dies in between; `alert_id` identifies the repetition.

use std::time::Duration;

use serde_json::Value;

use crate::db::connection::Store;
use crate::db::error::Error;

/// An alert that is due.
#[derive(Clone, Debug)]
pub struct Alert {
    /// The row to confirm.
    pub id: AlertId,
    /// The number of this attempt, from 1.
    pub attempts: i32,
    /// The body of the call, a JSON object.
    pub body: Value,
}

/// The identity of an alert.
#[derive(Clone, Debug)]
pub struct AlertId {
    hold: i64,
    event: String,
}

/// When a webhook is set up first, stops that ended earlier than this are not sent.
const TOLD_OF: &str = "interval '1 hour'";

impl Store {
    /// Takes the next alert that is due, and reserves it for `lease`. Pauses of campaigns by an operator are not sent. The end
    /// of a stop in the transaction in which another stop replaced it is not sent either, because nothing was opened.
    pub async fn take_alert(&self, lease: Duration) -> Result<Option<Alert>, Error> {
        let note = format!(
            "insert into alert (hold_id, event)
            select h.id, 'stopped' from hold h
            where (h.ended_at is null or h.ended_at > now() - {TOLD_OF})
                and (h.campaign_id is null or h.reason <> 'operator')
                and not exists (select from alert where hold_id = h.id and event = 'stopped')
            union all
            select h.id, 'opened' from hold h join alert a on a.hold_id = h.id and a.event = 'stopped'
            where h.ended_at is not null
                and not exists (select from alert where hold_id = h.id and event = 'opened')
                and not exists (
                    select from hold n
                    where n.sender_id = h.sender_id and n.campaign_id is not distinct from h.campaign_id
                        and n.since = h.ended_at)
            on conflict do nothing"
        );
        let take = "
            with next as (
                select hold_id, event from alert a
                where done_at is null and next_at <= clock_timestamp()
                    and (event = 'stopped' or exists (
                        select from alert b where b.hold_id = a.hold_id and b.event = 'stopped' and b.done_at is not null))
                order by hold_id, event desc limit 1 for update skip locked
            ), taken as (
                update alert a
                set attempts = attempts + 1, next_at = clock_timestamp() + $1 * interval '1 millisecond'
                from next where a.hold_id = next.hold_id and a.event = next.event
                returning a.hold_id, a.event, a.attempts
            )
            select t.hold_id, t.event, t.attempts, jsonb_build_object(
                'alert_id', t.hold_id || '-' || t.event,
                'event', case when h.campaign_id is null then 'sender_' else 'campaign_' end || t.event,
                'sender', s.name, 'campaign_id', h.campaign_id, 'campaign', c.name, 'reason', h.reason, 'code', h.code,
                'detail', h.detail, 'since', h.since, 'until', coalesce(h.until, h.probe_at), 'caused_by', h.caused_by,
                'ended_at', h.ended_at, 'ended_by', h.ended_by) as body
            from taken t join hold h on h.id = t.hold_id join sender s on s.id = h.sender_id
            left join campaign c on c.id = h.campaign_id";
        let client = self.client().await?;
        client.execute(&client.prepare_cached(&note).await?, &[]).await?;
        let lease_ms = f64::from(u32::try_from(lease.as_millis()).unwrap_or(u32::MAX));
        let row = client.query_opt(&client.prepare_cached(take).await?, &[&lease_ms]).await?;
        Ok(row.map(|row| Alert {
            id: AlertId { hold: row.get(0), event: row.get(1) },
            attempts: row.get(2),
            body: row.get(3),
        }))
    }

    /// Marks an alert as sent or given up.
    pub async fn alert_done(&self, id: &AlertId) -> Result<(), Error> {
        let update = "update alert set done_at = clock_timestamp() where hold_id = $1 and event = $2";
        self.client().await?.execute(update, &[&id.hold, &id.event]).await?;
        Ok(())
    }

    /// Marks an alert as failed: it is due again after a pause.
    pub async fn alert_failed(&self, id: &AlertId, pause: Duration) -> Result<(), Error> {
        let update = "
            update alert set next_at = clock_timestamp() + $3 * interval '1 millisecond'
            where hold_id = $1 and event = $2";
        let pause_ms = f64::from(u32::try_from(pause.as_millis()).unwrap_or(u32::MAX));
        self.client().await?.execute(update, &[&id.hold, &id.event, &pause_ms]).await?;
        Ok(())
    }
}
