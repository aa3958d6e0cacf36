//! What happens to a message after the provider accepted it: the events that providers report to a webhook.

use serde_json::{Map, Value, json};

use crate::Msisdn;

/// A message that was accepted.
#[derive(Clone)]
pub(crate) struct AcceptedMessage {
    pub(crate) id: String,
    pub(crate) recipient: Option<Msisdn>,
    pub(crate) reference: Option<String>,
    pub(crate) flow_token: Option<String>,
}

impl AcceptedMessage {
    /// The WhatsApp id of the recipient.
    pub(crate) fn wa_id(&self) -> Option<String> {
        self.recipient.map(|recipient| recipient.wa_id().to_string())
    }

    /// The id of the recipient's reply.
    pub(crate) fn reply_id(&self, event: MessageEvent) -> String {
        format!("{}.{}", self.id, if event == MessageEvent::FlowCompleted { "form" } else { "text" })
    }
}

/// One event of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageEvent {
    Sent,
    Delivered,
    Read,
    Failed,
    /// The recipient completed the flow.
    FlowCompleted,
    /// The recipient replied with the opt-out word.
    OptedOut,
}

impl MessageEvent {
    /// The delivery status in the words of the providers.
    pub(crate) fn status(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed => "failed",
            Self::FlowCompleted | Self::OptedOut => "received",
        }
    }
}

/// What a webhook body contains besides the message and the event.
pub(crate) struct EventDetails<'a> {
    /// The provider's time in seconds since 1970.
    pub(crate) at_s: u64,
    /// The answers of a completed flow.
    pub(crate) form: &'a Map<String, Value>,
    /// The error code of a failed message.
    pub(crate) failed_code: &'a str,
    /// The text of an opt-out.
    pub(crate) opt_out_word: &'a str,
}

impl EventDetails<'_> {
    /// Meta's `nfm_reply` content of a completed flow, with one member of our own among the answers.
    pub(crate) fn flow_response(&self, name: &str, value: Option<&String>) -> String {
        let mut response = self.form.clone();
        response.insert(name.to_owned(), json!(value));
        Value::Object(response).to_string()
    }
}
