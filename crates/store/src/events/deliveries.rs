//! Deliveries as people see them: pages, send again, recover.

use jiff::Timestamp;
use tokio_postgres::Row;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::events::outbox::EventRow;

/// A delivery with its event and its last attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryRow {
    /// The event.
    pub event: EventRow,
    /// `due`, `delivered`, `failed` or `gone`.
    pub state: String,
    /// The attempts so far.
    pub attempts: i32,
    /// The next attempt; `None`: there is none.
    pub next_at: Option<Timestamp>,
    /// The last attempt.
    pub attempted_at: Option<Timestamp>,
    /// HTTP status of the last attempt.
    pub status: Option<i16>,
    /// Time until the last answer, in milliseconds.
    pub latency_ms: Option<i32>,
    /// The first 1 KiB of the last answer.
    pub answer: Option<String>,
    /// Why the last attempt got no answer.
    pub problem: Option<String>,
}

/// The result of [`Store::recover_deliveries`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Events that are due again, or for the first time.
    pub events: i64,
}

fn read(row: &Row) -> DeliveryRow {
    DeliveryRow {
        event: EventRow::read(row),
        state: row.get("state"),
        attempts: row.get("attempts"),
        next_at: row.get("next_at"),
        attempted_at: row.get("attempted_at"),
        status: row.get("status"),
        latency_ms: row.get("latency_ms"),
        answer: row.get("answer"),
        problem: row.get("problem"),
    }
}

impl Store {
    /// The deliveries to an endpoint of events with a lower number than `before`, the highest first, at most `limit`.
    pub async fn deliveries(
        &self,
        endpoint: i64,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<DeliveryRow>, Error> {
        let select = "
            select d.event_id, e.message_id, e.at, e.kind, e.campaign_id, e.sender, e.data, d.state, d.attempts,
                case when d.state = 'due' then d.next_at end as next_at, d.attempted_at, d.status, d.latency_ms, d.answer,
                d.problem
            from webhook_delivery d join event e on e.id = d.event_id
            where d.endpoint_id = $1 and d.event_id < $2 order by d.event_id desc limit $3";
        let (before, limit) = (before.unwrap_or(i64::MAX), i64::from(limit));
        let rows = self.client().await?.query(select, &[&endpoint, &before, &limit]).await?;
        Ok(rows.iter().map(read).collect())
    }

    /// Makes one delivery due now, also a delivered one. Its attempts are counted from 0. An endpoint that was added later gets the
    /// event too. Returns whether there is such an event.
    pub async fn deliver_again(&self, endpoint: i64, event: i64) -> Result<bool, Error> {
        let insert = "
            insert into webhook_delivery as d (endpoint_id, event_id)
            select $1, e.id from event e where e.id = $2 and coalesce(e.endpoint_id = $1, true)
            on conflict (endpoint_id, event_id) do update
            set state = 'due', attempts = 0, next_at = clock_timestamp()";
        Ok(self.client().await?.execute(insert, &[&endpoint, &event]).await? > 0)
    }

    /// Makes every event since this time due that the endpoint receives by its kinds and that was not delivered.
    pub async fn recover_deliveries(&self, endpoint: i64, since: Timestamp) -> Result<Recovered, Error> {
        let insert = "
            insert into webhook_delivery as d (endpoint_id, event_id)
            select w.id, e.id from webhook_endpoint w join event e
                on case when e.endpoint_id is null then coalesce(e.kind = any(w.events), true) else e.endpoint_id = w.id end
            where w.id = $1 and e.at >= $2 and e.position is not null order by e.id
            on conflict (endpoint_id, event_id) do update
            set state = 'due', attempts = 0, next_at = clock_timestamp() where d.state <> 'delivered'";
        let events = self.client().await?.execute(insert, &[&endpoint, &since]).await?;
        Ok(Recovered { events: i64::try_from(events).unwrap_or(i64::MAX) })
    }
}
