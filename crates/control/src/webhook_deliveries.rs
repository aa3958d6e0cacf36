//! Deliveries of events to webhook endpoints: ping, page, send again, recover.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{DeliveryRow, Store};
use utoipa::ToSchema;

use crate::access::action::Action;
use crate::access::caller::Caller;
use crate::control::{Control, Done};
use crate::error::Error;
use crate::page::{Page, PageRequest};
use crate::webhook_endpoints::attempt;

/// An event and its delivery to one webhook endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WebhookDelivery {
    /// Number of the event, `sequence` in the body.
    pub event_id: i64,
    /// `webhook-id` of the message.
    pub message_id: String,
    /// Kind of the event.
    pub kind: String,
    /// Time of the event.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// `data` of the body.
    #[schema(value_type = Object)]
    pub data: Value,
    /// `due`, `delivered`, `failed` (given up) or `gone` (the endpoint answered with HTTP status 410).
    pub state: String,
    /// The attempts so far.
    pub attempts: i32,
    /// The next attempt; `null`: there is none.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub next_at: Option<Timestamp>,
    /// The last attempt.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub attempted_at: Option<Timestamp>,
    /// HTTP status of the last answer.
    #[schema(required)]
    pub status: Option<i16>,
    /// Time until the last answer, in milliseconds.
    #[schema(required)]
    pub latency_ms: Option<i32>,
    /// The first 1 KiB of the last answer.
    #[schema(required)]
    pub answer: Option<String>,
    /// Why the last attempt got no answer.
    #[schema(required)]
    pub problem: Option<String>,
}

/// A test event that was written for one webhook endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PingedEndpoint {
    /// Number of the event; its delivery shows the answer.
    pub event_id: i64,
}

/// Deliveries that are due again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResentEvents {
    /// Their number.
    pub events: i64,
}

impl From<DeliveryRow> for WebhookDelivery {
    fn from(row: DeliveryRow) -> Self {
        Self {
            event_id: row.event.id,
            message_id: format!("evt_{}", row.event.message_id.simple()),
            kind: row.event.kind,
            at: row.event.at,
            data: row.event.data,
            state: row.state,
            attempts: row.attempts,
            next_at: row.next_at,
            attempted_at: row.attempted_at,
            status: row.status,
            latency_ms: row.latency_ms,
            answer: row.answer,
            problem: row.problem,
        }
    }
}

impl Control {
    /// Writes the event `test.ping` for one webhook endpoint.
    pub async fn ping_webhook_endpoint(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<Done<PingedEndpoint>, Error> {
        let attempt = attempt(caller, Action::PingWebhookEndpoint, name);
        self.change(attempt, async |store: Store| {
            let event_id = store.ping_endpoint(name).await?;
            Ok((PingedEndpoint { event_id }, json!({ "event": event_id })))
        })
        .await
    }

    /// The deliveries to a webhook endpoint, the newest event first.
    pub async fn webhook_deliveries(
        &self,
        caller: &Caller,
        name: &str,
        page: &PageRequest,
    ) -> Result<Page<WebhookDelivery>, Error> {
        let attempt = attempt(caller, Action::ViewWebhookEndpoints, name);
        self.act(attempt, async {
            let (limit, before) = (page.limit()?, page.after_id()?);
            let endpoint = self.store.endpoint(name).await?;
            let rows = self.store.deliveries(endpoint.id, before, limit + 1).await?;
            let items = rows.into_iter().map(WebhookDelivery::from).collect();
            Ok((Page::of(items, limit, |item: &WebhookDelivery| item.event_id.to_string()), Value::Null))
        })
        .await
    }

    /// Delivers one event again, also if it was delivered before.
    pub async fn resend_webhook_delivery(
        &self,
        caller: &Caller,
        name: &str,
        event: i64,
    ) -> Result<Done<ResentEvents>, Error> {
        let attempt = attempt(caller, Action::ResendWebhookEvents, name).with("event", event);
        self.change(attempt, async |store: Store| {
            let endpoint = store.endpoint(name).await?;
            if !store.deliver_again(endpoint.id, event).await? {
                return Err(store::Error::no_delivery(name, event).into());
            }
            Ok((ResentEvents { events: 1 }, Value::Null))
        })
        .await
    }

    /// Delivers all events since a time that the webhook endpoint receives and that were not delivered. Events are kept 30 days.
    pub async fn recover_webhook_deliveries(
        &self,
        caller: &Caller,
        name: &str,
        since: Timestamp,
    ) -> Result<Done<ResentEvents>, Error> {
        let attempt = attempt(caller, Action::ResendWebhookEvents, name).with("since", since.to_string());
        self.change(attempt, async |store: Store| {
            let endpoint = store.endpoint(name).await?;
            let events = store.recover_deliveries(endpoint.id, since).await?.events;
            Ok((ResentEvents { events }, json!({ "events": events })))
        })
        .await
    }
}
