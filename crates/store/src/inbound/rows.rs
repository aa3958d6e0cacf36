//! The rows of an [`Ingest`](crate::Ingest): what posts of providers say, before it is stored.

use bytes::Bytes;
use campaign::{CampaignId, Consent, FollowUp, Msisdn, ReceiptStatus, SenderId, Seq, UserId};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

/// One post.
#[derive(Clone)]
pub struct RawBody {
    /// Whose address it came to.
    pub sender: SenderId,
    /// The first half of the SHA-256 over sender and body.
    pub digest: Uuid,
    /// The body, byte by byte.
    pub body: Bytes,
}

impl std::fmt::Debug for RawBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawBody").field("sender", &self.sender).finish_non_exhaustive()
    }
}

/// Which message something is about.
#[derive(Clone, Debug)]
pub struct MessageKey {
    /// Whose address it came to.
    pub sender: SenderId,
    /// The recipient, if our reference came with it.
    pub recipient: Option<(CampaignId, Seq)>,
    /// The provider's id of the message, if it came with it.
    pub message_id: Option<String>,
}

/// What was said of one message.
#[derive(Clone, Debug)]
pub struct ReceiptRow {
    /// The message.
    pub about: MessageKey,
    /// How far it has come.
    pub status: ReceiptStatus,
    /// When, by the provider; without it the time of taking it in.
    pub at: Option<Timestamp>,
    /// The provider's code of a failure.
    pub code: Option<String>,
    /// What the code means.
    pub words: Option<String>,
    /// What is done about a failure.
    pub follow_up: Option<FollowUp>,
    /// Whether the message is billed, if it was said.
    pub billable: Option<bool>,
    /// WhatsApp's id of the recipient, if it came with it.
    pub user: Option<UserId>,
}

/// A completed form.
#[derive(Clone)]
pub struct AnswerRow {
    /// The message it answers.
    pub about: MessageKey,
    /// When, by the provider; without it the time of taking it in.
    pub at: Option<Timestamp>,
    /// The provider's id of the answer.
    pub inbound_id: String,
    /// What was filled in.
    pub answer: Value,
    /// The number it came from, if it was said.
    pub from: Option<Msisdn>,
}

impl std::fmt::Debug for AnswerRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnswerRow").field("about", &self.about).finish_non_exhaustive()
    }
}

/// The person a post is about, as far as it says who that is.
#[derive(Clone, Debug)]
pub struct Person {
    /// Whose address it came to, and which message the person answers, if they answer one.
    pub about: MessageKey,
    /// The number, as WhatsApp writes it.
    pub from: Option<Msisdn>,
    /// WhatsApp's id.
    pub user: Option<UserId>,
}

/// Somebody wrote to us.
#[derive(Clone, Debug)]
pub struct InboundRow {
    /// The person.
    pub who: Person,
    /// When, by the provider; without it the time of taking it in.
    pub at: Option<Timestamp>,
}

/// Somebody opted out or in.
#[derive(Clone, Debug)]
pub struct ConsentRow {
    /// Who, to whom, and when.
    pub inbound: InboundRow,
    /// What they want.
    pub consent: Consent,
    /// Whether the provider said so, not the person.
    pub is_by_provider: bool,
}

/// The provider said something of a template or a flow.
#[derive(Clone, Debug)]
pub struct NoticeRow {
    /// Whose address it came to.
    pub sender: SenderId,
    /// `template` or `flow`.
    pub about: &'static str,
    /// Name of the template, id of the flow.
    pub name: String,
    /// The provider's word for its state.
    pub status: String,
    /// Whether it cannot be sent like this; not stored, it follows from the word.
    pub is_bad: bool,
    /// When, by the provider; without it the time of taking it in.
    pub at: Option<Timestamp>,
}
