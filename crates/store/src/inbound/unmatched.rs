//! Events whose message is not known yet. They are matched again until the message is recorded.
//!
//! A receipt with only the message id of the provider may arrive before our record of that message. It may also be about a
//! message of another system that uses the number. So the event is matched again after growing pauses, and deleted after a week.

use campaign::{Consent, Msisdn, Stop, StopScope, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio_postgres::types::Json;
use uuid::Uuid;

use crate::db::error::Error;
use crate::db::pool::Transaction;
use crate::inbound::batch::Ingest;
use crate::inbound::rows::{AnswerRow, ConsentRow, InboundRow, MessageKey, Person, ReceiptRow};

/// The stored form of an event.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Event {
    Receipt {
        status: String,
        at: Option<Timestamp>,
        code: Option<String>,
        #[serde(default)]
        words: Option<String>,
        follow_up: Option<String>,
        #[serde(default)]
        billable: Option<bool>,
        #[serde(default)]
        user: Option<String>,
        /// Why the campaign of the message has to stop. A stop of the sender was carried out when the event arrived.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        campaign_stop: Option<String>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        window_closed: bool,
    },
    Answer {
        at: Option<Timestamp>,
        inbound_id: String,
        answer: Value,
        #[serde(default)]
        from: Option<Msisdn>,
    },
    Consent {
        /// `out` or `in`.
        consent: String,
        at: Option<Timestamp>,
        is_by_provider: bool,
        /// Whether the consent is already stored for a number.
        is_matched: bool,
        from: Option<Msisdn>,
        user: Option<String>,
    },
    Inbound {
        at: Option<Timestamp>,
        user: Option<String>,
    },
}

/// Keeps events that could not be matched. Events without a message id can never be matched and are not kept.
pub(crate) async fn keep<'a>(
    tx: &Transaction<'_>,
    lost: impl Iterator<Item = (&'a MessageKey, Event)>,
) -> Result<u64, Error> {
    let insert = "
        insert into unmatched_status (sender_id, digest, provider_message_id, event)
        select * from unnest($1::bigint[], $2::uuid[], $3::text[], $4::jsonb[]) order by 1, 2
        on conflict do nothing";
    let (mut senders, mut digests, mut ids, mut events) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (about, event) in lost {
        let Some(id) = about.message_id.as_deref() else { continue };
        let event = serde_json::to_value(&event).map_err(Error::unreadable)?;
        senders.push(about.sender.0);
        digests.push(digest(id, &event));
        ids.push(id);
        events.push(Json(event));
    }
    if ids.is_empty() {
        return Ok(0);
    }
    Ok(tx.execute(&tx.prepare_cached(insert).await?, &[&senders, &digests, &ids, &events]).await?)
}

fn digest(id: &str, event: &Value) -> Uuid {
    let hash = Sha256::new().chain_update(id).chain_update([0]).chain_update(event.to_string()).finalize();
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    Uuid::from_bytes(half)
}

impl Event {
    pub(crate) fn of_receipt(receipt: &ReceiptRow) -> Self {
        Self::Receipt {
            status: receipt.status.word().to_owned(),
            at: receipt.at,
            code: receipt.code.clone(),
            words: receipt.words.clone(),
            follow_up: receipt.follow_up.map(|follow_up| follow_up.word().to_owned()),
            billable: receipt.billable,
            user: receipt.user.as_ref().map(|user| user.as_str().to_owned()),
            campaign_stop: receipt
                .stop
                .filter(|stop| stop.scope == StopScope::Campaign)
                .map(|stop| stop.reason.word().to_owned()),
            window_closed: receipt.window_closed,
        }
    }

    pub(crate) fn of_answer(answer: &AnswerRow) -> Self {
        Self::Answer {
            at: answer.at,
            inbound_id: answer.inbound_id.clone(),
            answer: answer.answer.clone(),
            from: answer.from,
        }
    }

    pub(crate) fn of_consent(row: &ConsentRow, is_matched: bool) -> Self {
        let ConsentRow { inbound: InboundRow { who, at }, consent, is_by_provider } = row;
        Self::Consent {
            consent: if *consent == Consent::OptedOut { "out" } else { "in" }.to_owned(),
            at: *at,
            is_by_provider: *is_by_provider,
            is_matched,
            from: who.from,
            user: who.user.as_ref().map(|user| user.as_str().to_owned()),
        }
    }

    pub(crate) fn of_inbound(row: &InboundRow) -> Self {
        Self::Inbound { at: row.at, user: row.who.user.as_ref().map(|user| user.as_str().to_owned()) }
    }

    /// Adds the event to a batch. An event without a time of its own gets the time of its arrival.
    pub(crate) fn put_back(
        self,
        about: MessageKey,
        came_at: Timestamp,
        batch: &mut Ingest,
    ) -> Result<(), Error> {
        match self {
            Self::Receipt {
                status,
                at,
                code,
                words,
                follow_up,
                billable,
                user,
                campaign_stop,
                window_closed,
            } => {
                let reason = campaign_stop.map(|word| word.parse().map_err(Error::unreadable)).transpose()?;
                batch.receipts.push(ReceiptRow {
                    about,
                    status: status.parse().map_err(Error::unreadable)?,
                    at: at.or(Some(came_at)),
                    code,
                    words,
                    follow_up: follow_up.map(|word| word.parse().map_err(Error::unreadable)).transpose()?,
                    window_closed,
                    stop: reason.map(|reason| Stop { scope: StopScope::Campaign, reason }),
                    billable,
                    user: user.as_deref().and_then(UserId::new),
                });
            }
            Self::Answer { at, inbound_id, answer, from } => {
                batch.answers.push(AnswerRow { about, at: at.or(Some(came_at)), inbound_id, answer, from });
            }
            Self::Consent { consent, at, is_by_provider, from, user, .. } => {
                let who = Person { about, from, user: user.as_deref().and_then(UserId::new) };
                let inbound = InboundRow { who, at: at.or(Some(came_at)) };
                let consent = if consent == "out" { Consent::OptedOut } else { Consent::OptedIn };
                batch.consents.push(ConsentRow { inbound, consent, is_by_provider });
            }
            Self::Inbound { at, user } => {
                let who = Person { about, from: None, user: user.as_deref().and_then(UserId::new) };
                batch.inbounds.push(InboundRow { who, at: at.or(Some(came_at)) });
            }
        }
        Ok(())
    }
}
