//! Events for programs that ask for them instead of receiving them at a webhook endpoint.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::EventRow;
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control};
use crate::error::Error;
use crate::page::PageRequest;

/// What happened to a campaign or a sender.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Its number: `sequence` of the message to a webhook endpoint.
    pub sequence: i64,
    /// `webhook-id` of the message to a webhook endpoint.
    pub id: String,
    /// Its kind, such as `campaign.started`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its time.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What happened. No phone numbers and no message contents.
    #[schema(value_type = Object)]
    pub data: Value,
}

/// Events in the order in which they were committed, the oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EventPage {
    /// The events.
    pub items: Vec<Event>,
    /// The value of `after` for the events that follow, also for those that do not exist yet; `null`: there was no event so far.
    #[schema(required)]
    pub next: Option<String>,
    /// Whether there are more events now.
    pub has_more: bool,
}

impl From<EventRow> for Event {
    fn from(row: EventRow) -> Self {
        Self {
            sequence: row.id,
            id: format!("evt_{}", row.message_id.simple()),
            kind: row.kind,
            at: row.at,
            data: row.data,
        }
    }
}

impl Control {
    /// The events after a page. Events are kept 30 days, and appear within some seconds after their change. A caller that is limited
    /// to some senders gets the events of these senders.
    pub async fn events(&self, caller: &Caller, page: &PageRequest) -> Result<EventPage, Error> {
        self.act(Attempt::new(caller, Action::View, Object::Installation), async {
            let (limit, after) = (page.limit()?, page.after_id()?);
            let mut rows = self.store.events(after.unwrap_or(0), limit + 1).await?;
            let has_more = rows.len() > limit as usize;
            rows.truncate(limit as usize);
            let next =
                rows.last().map(|(position, _)| *position).or(after).map(|position| position.to_string());
            let may_see =
                |event: &EventRow| event.sender.as_deref().is_some_and(|sender| caller.may_use(sender));
            let items = rows.into_iter().map(|(_, event)| event).filter(may_see).map(Event::from).collect();
            Ok((EventPage { items, next, has_more }, Value::Null))
        })
        .await
    }
}
