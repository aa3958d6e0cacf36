//! The deliveries that a notifier makes: take one, then record its result.
//!
//! **Invariants.**
//! - An endpoint is leased by one process at a time, and a process makes one delivery per lease, so events arrive in their order
//!   unless an attempt fails.
//! - A process that dies has recorded nothing, so the delivery is made again when the lease ends: at least once, with the same
//!   `message_id`.
//! - A result counts only for the attempt that it belongs to. A process whose lease was lost changes nothing.

use std::time::Duration;

use jiff::Timestamp;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::events::outbox::EventRow;

/// A delivery that this process makes.
#[derive(Clone, Debug)]
pub struct DeliveryToMake {
    /// The endpoint.
    pub endpoint: i64,
    /// Its name.
    pub name: String,
    /// Its address.
    pub url: String,
    /// The number of its secret.
    pub generation: i32,
    /// Whether the secret was renewed less than 24 hours ago.
    pub is_renewed: bool,
    /// The number of this attempt, from 1.
    pub attempt: i32,
    /// The time of this attempt, by the database.
    pub now: Timestamp,
    /// The event.
    pub event: EventRow,
}

/// What becomes of a delivery after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It was delivered.
    Delivered,
    /// It is due again after this time.
    Retry(Duration),
    /// It is given up. If the endpoint has failed for longer than this time, it is disabled.
    Failed(Duration),
    /// The endpoint wants no more events: it is disabled.
    Gone,
}

/// The result of an attempt.
#[derive(Clone, Debug)]
pub struct AttemptResult<'a> {
    /// What becomes of the delivery.
    pub next: Next,
    /// The HTTP status.
    pub status: Option<u16>,
    /// The time until the answer.
    pub latency: Duration,
    /// The beginning of the answer.
    pub answer: Option<&'a str>,
    /// Why there is no answer.
    pub problem: Option<&'a str>,
}

impl Store {
    /// Takes the next delivery that is due, of the lowest event of an endpoint that no process has leased, and leases the endpoint
    /// for `lease`.
    pub async fn take_delivery(&self, lease: Duration) -> Result<Option<DeliveryToMake>, Error> {
        let lock = "
            select id from webhook_endpoint w
            where disabled_at is null and leased_until <= clock_timestamp()
                and exists (
                    select from webhook_delivery d
                    where d.endpoint_id = w.id and d.state = 'due' and d.next_at <= clock_timestamp())
            order by leased_until, id limit 1 for no key update skip locked";
        // A statement of its own, with a newer snapshot: the process that had the endpoint before may have recorded its delivery
        // between the snapshot of the first statement and the lock.
        let take = "
            with next as (
                select event_id from webhook_delivery
                where endpoint_id = $1 and state = 'due' and next_at <= clock_timestamp() order by event_id limit 1
            ), taken as (
                update webhook_delivery d set attempts = attempts + 1, attempted_at = clock_timestamp()
                from next where d.endpoint_id = $1 and d.event_id = next.event_id
                returning d.event_id, d.attempts, d.attempted_at
            ), leased as (
                update webhook_endpoint set leased_until = clock_timestamp() + make_interval(secs => $2)
                where id = $1 and exists (select from taken)
                returning name, url, generation,
                    coalesce(renewed_at > clock_timestamp() - interval '24 hours', false) as is_renewed
            )
            select l.name, l.url, l.generation, l.is_renewed, t.attempts, t.attempted_at, t.event_id, e.message_id, e.at, e.kind,
                e.campaign_id, e.sender, e.data
            from taken t join event e on e.id = t.event_id, leased l";
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let Some(locked) = tx.query_opt(&tx.prepare_cached(lock).await?, &[]).await? else { return Ok(None) };
        let endpoint: i64 = locked.get(0);
        let take = tx.prepare_cached(take).await?;
        let Some(row) = tx.query_opt(&take, &[&endpoint, &lease.as_secs_f64()]).await? else {
            return Ok(None);
        };
        tx.commit().await?;
        Ok(Some(DeliveryToMake {
            endpoint,
            name: row.get("name"),
            url: row.get("url"),
            generation: row.get("generation"),
            is_renewed: row.get("is_renewed"),
            attempt: row.get("attempts"),
            now: row.get("attempted_at"),
            event: EventRow::read(&row),
        }))
    }

    /// Records the result of an attempt, and ends the lease of the endpoint. Returns the reason if the endpoint was disabled by
    /// it.
    pub async fn record_attempt(
        &self,
        made: &DeliveryToMake,
        result: &AttemptResult<'_>,
    ) -> Result<Option<String>, Error> {
        let statement = "
            with recorded as (
                update webhook_delivery
                set state = $4, next_at = clock_timestamp() + make_interval(secs => $5), status = $6, latency_ms = $7,
                    answer = $8, problem = $9
                where endpoint_id = $1 and event_id = $2 and attempts = $3 and state = 'due' returning endpoint_id
            )
            update webhook_endpoint w
            set leased_until = 'epoch',
                failing_since = case when $4 = 'delivered' then null else coalesce(w.failing_since, clock_timestamp()) end,
                disabled_at = case when gone.reason is null then w.disabled_at else clock_timestamp() end,
                disabled_reason = coalesce(gone.reason, w.disabled_reason)
            from recorded r, webhook_endpoint before, lateral (select case
                when before.disabled_at is not null then null
                when $4 = 'gone' then 'gone'
                when $4 = 'failed' and before.failing_since < clock_timestamp() - make_interval(secs => $10) then 'failing'
            end as reason) gone
            where w.id = r.endpoint_id and before.id = w.id
            returning gone.reason";
        let (state, pause, patience) = match result.next {
            Next::Delivered => ("delivered", Duration::ZERO, Duration::ZERO),
            Next::Retry(pause) => ("due", pause, Duration::ZERO),
            Next::Failed(patience) => ("failed", Duration::ZERO, patience),
            Next::Gone => ("gone", Duration::ZERO, Duration::ZERO),
        };
        let status = result.status.and_then(|status| i16::try_from(status).ok());
        let latency = i32::try_from(result.latency.as_millis()).unwrap_or(i32::MAX);
        let client = self.client().await?;
        let statement = client.prepare_cached(statement).await?;
        let row = client
            .query_opt(
                &statement,
                &[
                    &made.endpoint,
                    &made.event.id,
                    &made.attempt,
                    &state,
                    &pause.as_secs_f64(),
                    &status,
                    &latency,
                    &result.answer,
                    &result.problem,
                    &patience.as_secs_f64(),
                ],
            )
            .await?;
        Ok(row.and_then(|row| row.get(0)))
    }
}
