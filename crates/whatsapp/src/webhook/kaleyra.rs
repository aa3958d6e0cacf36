//! Kaleyra's posts, API version 2: Meta's change wrapped, and a flat form for what it did not send.
//!
//! Kaleyra: "WA status update webhooks payload v2" (`sent`, `daily limit reached`) and "incoming message webhook payloads". Three
//! ids stand in a post and none is documented as that of the answer, so a message is known by `extra_info.ref`, our reference.

use campaign::ReceiptStatus;
use serde_json::Value;

use super::value::{self, id, object, reference, text};
use super::{Event, MessageRef, Reader, Receipt, Unreadable, change};

pub(super) fn read(body: &Value, reader: &mut Reader<'_>) -> Result<(), Unreadable> {
    if !body.is_object() {
        return Err(Unreadable::Shape);
    }
    let extra = object(body, "extra_info")?;
    let known = extra.and_then(|extra| reference(extra, "ref"));
    if let Some(change) = object(body, "meta_object")? {
        return change::read(change, (known, None), reader);
    }
    let Some(status) = text(body, "status") else {
        reader.unknown("unknown_event");
        return Ok(());
    };
    let status = match value::word(status).as_str() {
        "not sent" | "failed" => ReceiptStatus::Failed,
        "sent" => ReceiptStatus::Sent,
        "delivered" => ReceiptStatus::Delivered,
        "read" => ReceiptStatus::Read,
        _ => {
            reader.unknown("unknown_status");
            return Ok(());
        }
    };
    let message = MessageRef { reference: known, id: id(body, "message_id") };
    if message.reference.is_none() && message.id.is_none() {
        reader.unknown("unknown_shape");
        return Ok(());
    }
    let words = text(body, "reason").unwrap_or_default();
    let failure = (status == ReceiptStatus::Failed).then(|| reader.failure(body.get("code"), words));
    reader.event(Event::Receipt(Receipt {
        message,
        to: None,
        user: None,
        status,
        at: None,
        failure,
        billable: None,
    }));
    Ok(())
}
