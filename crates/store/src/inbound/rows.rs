//! The rows of an [`Ingest`](crate::Ingest): the parsed events of posts of providers.

use bytes::Bytes;
use campaign::{
    CampaignId, Consent, FollowUp, Msisdn, Reason, ReceiptStatus, SenderId, Seq, Stop, StopReason, StopScope,
    UserId,
};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

/// One post.
#[derive(Clone)]
pub struct RawBody {
    /// The sender whose webhook got the post.
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

/// The message that an event is about.
#[derive(Clone, Debug)]
pub struct MessageKey {
    /// The sender whose webhook got the post.
    pub sender: SenderId,
    /// The recipient, if the event contains our reference.
    pub recipient: Option<(CampaignId, Seq)>,
    /// The message id of the provider, if the event contains it.
    pub message_id: Option<String>,
}

/// A delivery status of one message.
#[derive(Clone, Debug)]
pub struct ReceiptRow {
    /// The message.
    pub about: MessageKey,
    /// The status.
    pub status: ReceiptStatus,
    /// Time by the provider; `None`: the time of storing it.
    pub at: Option<Timestamp>,
    /// The failure code of the provider.
    pub code: Option<String>,
    /// The explanation of the code.
    pub words: Option<String>,
    /// The consequence of the failure.
    pub follow_up: Option<FollowUp>,
    /// The gate to close, if the cause of the failure concerns all recipients.
    pub stop: Option<Stop>,
    /// Whether the message was not delivered because the 24-hour window was closed.
    pub window_closed: bool,
    /// Whether the message is billed, if the event says so.
    pub billable: Option<bool>,
    /// The user id of WhatsApp of the recipient, if the event contains it.
    pub user: Option<UserId>,
}

/// A stop that a receipt reports, for the sender or for the campaign of the message.
#[derive(Clone, Debug)]
pub struct ReportedStop {
    /// The sender whose webhook got the event.
    pub sender: SenderId,
    /// The campaign to stop; `None`: the sender.
    pub campaign: Option<CampaignId>,
    /// Why.
    pub why: StopReason,
    /// The failure code of the provider with its explanation.
    pub reason: Reason,
    /// Time by the provider; `None`: now.
    pub at: Option<Timestamp>,
}

impl ReportedStop {
    /// The stop of a receipt whose message belongs to this campaign. If the campaign is not known, only a stop of the sender can be
    /// carried out.
    pub(crate) fn of(receipt: &ReceiptRow, campaign: Option<CampaignId>) -> Option<Self> {
        let Stop { scope, reason: why } = receipt.stop?;
        let campaign = match scope {
            StopScope::Sender => None,
            StopScope::Campaign => Some(campaign?),
        };
        let text = |text: &Option<String>| text.clone().unwrap_or_default().into();
        let reason = Reason { code: text(&receipt.code), text: text(&receipt.words) };
        Some(Self { sender: receipt.about.sender, campaign, why, reason, at: receipt.at })
    }
}

/// A completed form.
#[derive(Clone)]
pub struct AnswerRow {
    /// The message it answers.
    pub about: MessageKey,
    /// Time by the provider; `None`: the time of storing it.
    pub at: Option<Timestamp>,
    /// The provider's id of the answer.
    pub inbound_id: String,
    /// The completed form.
    pub answer: Value,
    /// The number of the person, if the event contains it.
    pub from: Option<Msisdn>,
}

impl std::fmt::Debug for AnswerRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnswerRow").field("about", &self.about).finish_non_exhaustive()
    }
}

/// The person of an event, as far as the event identifies them.
#[derive(Clone, Debug)]
pub struct Person {
    /// The sender whose webhook got the event, and the message that the person replies to, if there is one.
    pub about: MessageKey,
    /// The number as WhatsApp reports it.
    pub from: Option<Msisdn>,
    /// The user id of WhatsApp.
    pub user: Option<UserId>,
}

/// An inbound message.
#[derive(Clone, Debug)]
pub struct InboundRow {
    /// The person.
    pub who: Person,
    /// Time by the provider; `None`: the time of storing it.
    pub at: Option<Timestamp>,
}

/// An opt-out or opt-in.
#[derive(Clone, Debug)]
pub struct ConsentRow {
    /// The person, the sender and the time.
    pub inbound: InboundRow,
    /// Opt-out or opt-in.
    pub consent: Consent,
    /// Whether the provider reported it, not the person.
    pub is_by_provider: bool,
}

/// A person with a new number or a new user id.
#[derive(Clone, Debug)]
pub struct NumberChangeRow {
    /// The sender whose webhook got the post.
    pub sender: SenderId,
    /// The number until now.
    pub from: Option<Msisdn>,
    /// The new number; `None` if only the user id changed.
    pub to: Option<Msisdn>,
    /// The user id until now.
    pub previous_user: Option<UserId>,
    /// The new user id.
    pub user: Option<UserId>,
}

/// A state of a template, a flow or the account.
#[derive(Clone, Debug)]
pub struct NoticeRow {
    /// The sender whose webhook got the post.
    pub sender: SenderId,
    /// `template`, `flow` or `account`.
    pub about: &'static str,
    /// Name of the template, id of the flow, kind of the event of the account.
    pub name: String,
    /// The language of the template; `None`: all languages.
    pub language: Option<String>,
    /// The state, as the provider names it.
    pub status: String,
    /// Whether it cannot be sent in this state; not stored, because it follows from the state.
    pub is_bad: bool,
    /// Time by the provider; `None`: the time of storing it.
    pub at: Option<Timestamp>,
}
