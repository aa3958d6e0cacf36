//! The events of a webhook request, in the same form for every provider.
//!
//! A body that is not JSON, or in which a documented member has the wrong type, is refused as a whole ([`InvalidBody`]). Anything
//! else that is not understood is counted ([`ParsedWebhook::unknown`]) and does not affect the other events. No text that a
//! person wrote is in a `Debug` output.

use std::collections::BTreeMap;
use std::fmt;

use campaign::{Consent, FollowUp, Msisdn, ReceiptStatus, Reference, Refusal, Stop, UserId};
use jiff::Timestamp;
use serde_json::Value;

/// The content of one webhook request.
#[derive(Debug, Default)]
pub struct ParsedWebhook {
    /// The events that were understood, in the order of the body.
    pub events: Vec<Event>,
    /// The number of parts that were not understood, by kind.
    pub unknown: BTreeMap<&'static str, i64>,
}

/// One event of a webhook request.
#[derive(Debug)]
pub enum Event {
    /// The delivery status of a message.
    Receipt(Receipt),
    /// A message from a person.
    Inbound(InboundMessage),
    /// A person set in WhatsApp whether they want our messages.
    Preference(Preference),
    /// A person has a new phone number or a new user id.
    NumberChange(NumberChange),
    /// The status of a template or a flow changed.
    Notice(Notice),
}

/// The message of ours that an event is about, as far as the provider identifies it.
#[derive(Clone, Debug, Default)]
pub struct MessageRef {
    /// Our reference.
    pub reference: Option<Reference>,
    /// The provider's message id.
    pub id: Option<String>,
}

/// The delivery status of a message.
#[derive(Debug)]
pub struct Receipt {
    /// The message.
    pub message: MessageRef,
    /// The phone number of the recipient.
    pub to: Option<Msisdn>,
    /// WhatsApp's user id of the recipient.
    pub user: Option<UserId>,
    /// The delivery status.
    pub status: ReceiptStatus,
    /// The time of the event.
    pub at: Option<Timestamp>,
    /// The cause, if the delivery failed.
    pub failure: Option<DeliveryFailure>,
    /// Whether the message is billed, if the provider says so.
    pub billable: Option<bool>,
}

/// The cause of a failed delivery, from the provider's table of errors.
#[derive(Debug, PartialEq, Eq)]
pub struct DeliveryFailure {
    /// The code, and our text for it.
    pub refusal: Refusal,
    /// The follow-up action.
    pub follow_up: FollowUp,
    /// The gate to close, if the follow-up action is a stop.
    pub stop: Option<Stop>,
    /// Whether the cause is a closed 24-hour window: the message was not delivered, and a template may be sent.
    pub window_closed: bool,
}

/// A message from a person.
pub struct InboundMessage {
    /// The phone number of the person.
    pub from: Option<Msisdn>,
    /// WhatsApp's user id of the person.
    pub user: Option<UserId>,
    /// The time of the event.
    pub at: Option<Timestamp>,
    /// The provider's id of this message.
    pub id: Option<String>,
    /// The text, or the text of the chosen button.
    pub text: Option<String>,
    /// The payload of the chosen button, which does not depend on the language of its text.
    pub payload: Option<String>,
    /// The message of ours that this message answers.
    pub answers: MessageRef,
    /// The content of a completed flow.
    pub form: Option<Value>,
}

impl fmt::Debug for InboundMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboundMessage").field("answers", &self.answers).finish_non_exhaustive()
    }
}

/// A person set in WhatsApp whether they want our messages.
#[derive(Debug)]
pub struct Preference {
    /// The phone number of the person.
    pub from: Option<Msisdn>,
    /// WhatsApp's user id of the person. At least one of number and user id is present.
    pub user: Option<UserId>,
    /// The time of the event.
    pub at: Option<Timestamp>,
    /// What the person wants.
    pub consent: Consent,
}

/// A person has a new phone number or a new user id.
#[derive(Debug, PartialEq, Eq)]
pub struct NumberChange {
    /// The phone number until now.
    pub from: Option<Msisdn>,
    /// The new phone number; `None` if only the user id is reported.
    pub to: Option<Msisdn>,
    /// WhatsApp's user id until now.
    pub previous_user: Option<UserId>,
    /// The new user id.
    pub user: Option<UserId>,
}

/// The status of a template, a flow or the account changed.
#[derive(Debug, PartialEq, Eq)]
pub struct Notice {
    /// What the notice is about.
    pub about: Subject,
    /// The name of the template, the id of the flow, or the kind of the event of the account.
    pub name: String,
    /// The language of the template, if the provider names it.
    pub language: Option<String>,
    /// The status in the provider's word, in lower case.
    pub status: String,
    /// Whether the template or flow cannot be sent in this status.
    pub is_bad: bool,
    /// The time of the event.
    pub at: Option<Timestamp>,
}

/// The kind of object that a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A template, identified by its name.
    Template,
    /// A flow, identified by its id.
    Flow,
    /// The account or the number: quality, limit, restriction. Identified by the kind of the event.
    Account,
}

/// The reason why a body cannot be parsed. The error text contains nothing of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBody {
    /// The body is not JSON, not UTF-8, or nested too deeply.
    #[error("the body is not JSON")]
    NotJson,
    /// A member has another type than the provider documents.
    #[error("the body does not have the structure that the provider documents")]
    Shape,
}
