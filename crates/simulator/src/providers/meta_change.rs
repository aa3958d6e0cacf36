//! Meta's `change` object of a webhook. Kaleyra wraps it; 1msg posts it for events that its own acks cannot express.

use serde_json::{Value, json};

use crate::Msisdn;
use crate::providers::events::{AcceptedMessage, EventDetails, MessageEvent};
use crate::providers::meta_outcomes;

/// The id of the WhatsApp Business account.
pub(crate) const BUSINESS_ACCOUNT: &str = "102290129340398";

/// The account that the change object names.
pub(crate) struct ChangeAccount<'a> {
    pub(crate) number: Msisdn,
    pub(crate) phone_number_id: &'a str,
    /// Whether a status repeats the reference of the message as `biz_opaque_callback_data`.
    pub(crate) repeats_reference: bool,
}

impl ChangeAccount<'_> {
    /// A webhook body with one change.
    pub(crate) fn envelope(
        &self,
        message: &AcceptedMessage,
        event: MessageEvent,
        details: &EventDetails<'_>,
    ) -> Value {
        json!({
            "object": "whatsapp_business_account",
            "entry": [{"id": BUSINESS_ACCOUNT, "changes": [self.change(message, event, details)]}],
        })
    }

    /// The change object.
    pub(crate) fn change(
        &self,
        message: &AcceptedMessage,
        event: MessageEvent,
        details: &EventDetails<'_>,
    ) -> Value {
        let mut value = json!({
            "messaging_product": "whatsapp",
            "metadata": {
                "display_phone_number": self.number.to_string(),
                "phone_number_id": self.phone_number_id,
            },
        });
        let (list, item) = match event {
            MessageEvent::FlowCompleted => ("messages", self.flow_reply(message, event, details)),
            MessageEvent::OptedOut => ("messages", text_reply(message, event, details)),
            MessageEvent::Sent | MessageEvent::Delivered | MessageEvent::Read | MessageEvent::Failed => {
                ("statuses", self.status(message, event, details))
            }
        };
        value[list] = json!([item]);
        json!({"field": "messages", "value": value})
    }

    fn flow_reply(
        &self,
        message: &AcceptedMessage,
        event: MessageEvent,
        details: &EventDetails<'_>,
    ) -> Value {
        let response = match &message.flow_token {
            Some(token) => details.flow_response("flow_token", Some(token)),
            None => Value::Object(details.form.clone()).to_string(),
        };
        json!({
            "from": message.wa_id(), "id": message.reply_id(event), "timestamp": details.at_s.to_string(),
            "type": "interactive", "context": {"from": self.number.to_string(), "id": message.id},
            "interactive": {"type": "nfm_reply", "nfm_reply": {
                "name": "flow", "body": "Sent", "response_json": response,
            }},
        })
    }

    fn status(&self, message: &AcceptedMessage, event: MessageEvent, details: &EventDetails<'_>) -> Value {
        let mut status = json!({
            "id": message.id, "status": event.status(), "timestamp": details.at_s.to_string(),
            "recipient_id": message.wa_id(),
        });
        if let (true, Some(reference)) = (self.repeats_reference, &message.reference) {
            status["biz_opaque_callback_data"] = json!(reference);
        }
        if event == MessageEvent::Failed {
            let code = details.failed_code.parse::<u32>().unwrap_or(0);
            let title = meta_outcomes::title(details.failed_code).unwrap_or("could not be delivered");
            status["errors"] = json!([{"code": code, "title": title, "message": title}]);
        }
        status
    }
}

fn text_reply(message: &AcceptedMessage, event: MessageEvent, details: &EventDetails<'_>) -> Value {
    json!({
        "from": message.wa_id(), "id": message.reply_id(event), "timestamp": details.at_s.to_string(),
        "type": "text", "text": {"body": details.opt_out_word},
    })
}
