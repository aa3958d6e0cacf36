//! Kaleyra's webhook, API version 2: Meta's change object in an envelope, and a flat form for messages that were not sent.
//!
//! Sources: "WA status update webhooks payload v2" (`sent`, `daily limit reached`) and "incoming message webhook payloads". A
//! body contains three ids, and none is documented as the id of the answer, so a message is identified by `extra_info.ref`, our
//! reference.

use campaign::ReceiptStatus;
use serde_json::Value;

use crate::webhook::fields::{self, id, object, reference, text};
use crate::webhook::meta_change;
use crate::webhook::reader::Reader;
use crate::webhook::{Event, InvalidBody, MessageRef, Receipt};

pub(super) fn read(body: &Value, reader: &mut Reader<'_>) -> Result<(), InvalidBody> {
    if !body.is_object() {
        return Err(InvalidBody::Shape);
    }
    let extra = object(body, "extra_info")?;
    let known = extra.and_then(|extra| reference(extra, "ref"));
    if let Some(change) = object(body, "meta_object")? {
        return meta_change::read(change, (known, None), reader);
    }
    // The post about a template has Meta's members, without an envelope.
    if text(body, "message_template_name").is_some() {
        meta_change::template(body, fields::time(body.get("time")), reader);
        return Ok(());
    }
    let Some(status) = text(body, "status") else {
        reader.unknown("unknown_event");
        return Ok(());
    };
    let status = match fields::word(status).as_str() {
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
    let reason = text(body, "reason").unwrap_or_default();
    let failure = (status == ReceiptStatus::Failed).then(|| reader.failure(body.get("code"), reason));
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
