//! Dead-lettered queue messages.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{DeadLetterRow, Redriven};
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control, Done};
use crate::error::Error;
use crate::page::{Page, PageRequest};

/// A dead-lettered queue message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeadLetter {
    /// Number of the message.
    pub dead_letter_id: i64,
    /// The queue in which it was dead-lettered.
    pub queue: String,
    /// The reason, as RabbitMQ names it.
    pub reason: String,
    /// The body, if it is a message of Flowcast: a campaign and positions in its list.
    #[schema(required)]
    pub body: Option<String>,
    /// Id of the campaign.
    #[schema(required)]
    pub campaign_id: Option<i64>,
    /// Position of the first recipient in the list of the campaign.
    #[schema(required)]
    pub seq: Option<i32>,
    /// Number of recipients; 0 if it is no message of Flowcast.
    pub recipients: i32,
    /// Length of the body in bytes.
    pub body_bytes: i64,
    /// SHA-256 of the body, hexadecimal.
    pub body_sha256: String,
    /// How often it was dead-lettered.
    pub deaths: i64,
    /// The first time.
    #[schema(value_type = String, format = DateTime)]
    pub first_died_at: Timestamp,
    /// The last time.
    #[schema(value_type = String, format = DateTime)]
    pub last_died_at: Timestamp,
    /// When Flowcast took it from the dead-letter queue.
    #[schema(value_type = String, format = DateTime)]
    pub drained_at: Timestamp,
    /// When it was redriven; `null`: never.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub redriven_at: Option<Timestamp>,
}

/// The result of redriving dead letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RedrivenLetters {
    /// Recipients of the messages.
    pub recipients: i64,
    /// Those of them that are still waiting and are published again.
    pub waiting: i64,
}

impl From<DeadLetterRow> for DeadLetter {
    fn from(row: DeadLetterRow) -> Self {
        Self {
            dead_letter_id: row.dead_letter_id,
            queue: row.queue,
            reason: row.reason,
            body: row.body,
            campaign_id: row.campaign_id,
            seq: row.seq,
            recipients: row.recipients,
            body_bytes: row.body_bytes,
            body_sha256: row.body_sha256,
            deaths: row.deaths,
            first_died_at: row.first_died_at,
            last_died_at: row.last_died_at,
            drained_at: row.drained_at,
            redriven_at: row.redriven_at,
        }
    }
}

impl Control {
    /// The dead letters that died last, at most `most`.
    pub async fn latest_dead_letters(&self, caller: &Caller, most: u32) -> Result<Vec<DeadLetter>, Error> {
        let attempt = Attempt::new(caller, Action::ViewSystem, Object::Installation);
        self.act(attempt, async {
            let letters = self.store.dead_letters(most).await?;
            Ok((letters.into_iter().map(DeadLetter::from).collect(), Value::Null))
        })
        .await
    }

    /// Dead letters, the highest number first.
    pub async fn dead_letters(&self, caller: &Caller, page: &PageRequest) -> Result<Page<DeadLetter>, Error> {
        let attempt = Attempt::new(caller, Action::ViewSystem, Object::Installation);
        self.act(attempt, async {
            let (limit, before) = (page.limit()?, page.after_id()?);
            let letters = self.store.dead_letter_page(before, limit + 1).await?;
            let letters = letters.into_iter().map(DeadLetter::from).collect();
            Ok((Page::of(letters, limit, |letter| letter.dead_letter_id.to_string()), Value::Null))
        })
        .await
    }

    /// Publishes the recipients of these dead letters again, if they are still waiting. `None`: all dead letters that were not
    /// redriven yet.
    pub async fn redrive(
        &self,
        caller: &Caller,
        ids: Option<&[i64]>,
    ) -> Result<Done<RedrivenLetters>, Error> {
        let attempt = Attempt::new(caller, Action::RedriveDeadLetters, Object::Installation);
        self.change(attempt, async |store| {
            let Redriven { recipients, waiting } = store.redrive(ids).await?;
            if recipients == 0 {
                return Err(Error::conflict(
                    "none of these dead letters names recipients that can be published again; see 'flowcast dead-letters list'",
                ));
            }
            let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
            let redriven = RedrivenLetters { recipients: count(recipients), waiting: count(waiting) };
            Ok((redriven, json!(redriven)))
        })
        .await
    }
}
