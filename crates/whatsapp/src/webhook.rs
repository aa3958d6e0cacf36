//! What providers post to us, read into one language: how far a message has come, what people wrote, what became of templates
//! and flows.
//!
//! Pure. A body that is no JSON, or whose known members have the wrong kind, is refused whole ([`Unreadable`]). Anything else is
//! taken: half a surrogate pair becomes the sign of a lost letter, and what nobody knows is counted ([`Reading::unknown`]) and never breaks what stands beside it. Times may be texts or
//! numbers, of seconds or milliseconds. Nothing that a person wrote is in a `Debug`.

mod change;
mod contacts;
mod failure;
mod kaleyra;
mod lipachat;
mod meta;
mod one_msg;
mod signature;
mod value;

use std::collections::BTreeMap;
use std::fmt;

use campaign::{Consent, FollowUp, Msisdn, Provider, ReceiptStatus, Reference, Refusal, Stop, UserId};
use jiff::Timestamp;
use serde_json::Value;

use crate::overrides::Overrides;

pub use signature::{SIGNATURE_HEADER, is_signed};

/// What a provider's post says.
#[derive(Debug, Default)]
pub struct Reading {
    /// Everything that was understood, in its order.
    pub events: Vec<Event>,
    /// How much was not, by kind.
    pub unknown: BTreeMap<&'static str, i64>,
}

/// One thing that a provider's post says.
#[derive(Debug)]
pub enum Event {
    /// How far a message has come.
    Receipt(Receipt),
    /// Somebody wrote to us.
    Inbound(Inbound),
    /// Somebody told WhatsApp whether they want our messages.
    Preference(Preference),
    /// Something became of a template or a flow.
    Notice(Notice),
}

/// Which of our messages something is about, as far as the provider says.
#[derive(Clone, Debug, Default)]
pub struct MessageRef {
    /// Our reference.
    pub reference: Option<Reference>,
    /// The provider's id.
    pub id: Option<String>,
}

/// How far a message has come.
#[derive(Debug)]
pub struct Receipt {
    /// The message.
    pub message: MessageRef,
    /// The number of the recipient.
    pub to: Option<Msisdn>,
    /// WhatsApp's id of the recipient.
    pub user: Option<UserId>,
    /// How far.
    pub status: ReceiptStatus,
    /// When.
    pub at: Option<Timestamp>,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// Whether it is billed, if that is said.
    pub billable: Option<bool>,
}

/// Why a message was not delivered after all, by the provider's table of errors.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// The code, and our words for it.
    pub refusal: Refusal,
    /// What is done about it.
    pub follow_up: FollowUp,
    /// The gate to be closed, when that is what is done.
    pub stop: Option<Stop>,
}

/// Somebody wrote to us.
pub struct Inbound {
    /// The number of the person who wrote.
    pub from: Option<Msisdn>,
    /// WhatsApp's id of the person who wrote.
    pub user: Option<UserId>,
    /// When.
    pub at: Option<Timestamp>,
    /// The provider's id of what they wrote.
    pub id: Option<String>,
    /// The text, or that of the button they chose.
    pub text: Option<String>,
    /// What the button they chose stands for; its text may be translated.
    pub payload: Option<String>,
    /// Which message of ours they answer.
    pub answers: MessageRef,
    /// The completed form, if it is one.
    pub form: Option<Value>,
}

impl fmt::Debug for Inbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbound").field("answers", &self.answers).finish_non_exhaustive()
    }
}

/// Somebody told WhatsApp whether they want our messages.
#[derive(Debug)]
pub struct Preference {
    /// The number of the person.
    pub from: Option<Msisdn>,
    /// WhatsApp's id of the person; it or the number is there.
    pub user: Option<UserId>,
    /// When.
    pub at: Option<Timestamp>,
    /// What they want.
    pub consent: Consent,
}

/// Something became of a template or a flow.
#[derive(Debug, PartialEq, Eq)]
pub struct Notice {
    /// Of what.
    pub about: Subject,
    /// Name of the template, id of the flow.
    pub name: String,
    /// The provider's word for its state, in lower case.
    pub status: String,
    /// Whether it cannot be sent like this.
    pub is_bad: bool,
    /// When.
    pub at: Option<Timestamp>,
}

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A template, by its name.
    Template,
    /// A flow, by its id.
    Flow,
}

/// Why a body cannot be read; nothing of it is in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// No JSON, not UTF-8, or nested too deep.
    #[error("the body is no JSON")]
    NotJson,
    /// A member is of another kind than the provider's page says.
    #[error("the body has not the provider's shape")]
    Shape,
}

/// Reads what this provider posted; `overrides` are the operator's own classes of codes.
pub fn read(provider: Provider, body: &[u8], overrides: &Overrides) -> Result<Reading, Unreadable> {
    let body = value::json(body).ok_or(Unreadable::NotJson)?;
    let mut reader = Reader { provider, overrides, reading: Reading::default() };
    match provider {
        Provider::Kaleyra => kaleyra::read(&body, &mut reader),
        Provider::LipaChat => lipachat::read(&body, &mut reader),
        Provider::OneMsg => one_msg::read(&body, &mut reader),
        Provider::Meta => meta::read(&body, &mut reader),
    }?;
    Ok(reader.reading)
}

/// A reading that is being made.
struct Reader<'a> {
    provider: Provider,
    overrides: &'a Overrides,
    reading: Reading,
}

impl Reader<'_> {
    fn event(&mut self, event: Event) {
        self.reading.events.push(event);
    }

    fn unknown(&mut self, kind: &'static str) {
        *self.reading.unknown.entry(kind).or_default() += 1;
    }

    fn failure(&self, code: Option<&Value>, words: &str) -> Failure {
        failure::classify(self.provider, self.overrides, code, words)
    }
}
