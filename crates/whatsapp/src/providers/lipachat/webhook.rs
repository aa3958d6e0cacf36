//! LipaChat's webhook (`docs.lipachat.com/api/webhooks`): statuses of messages and templates, and messages from people.
//!
//! A body is one object or an array of objects. A message status contains our message id, which is the reference, and no time. A
//! completed flow is not documented. It is expected where Meta has it, and identified by the reference in the first screen's
//! data, if the flow passes the reference on.

use campaign::ReceiptStatus;
use serde_json::Value;

use crate::webhook::fields::{self, id, number, object, reference, text, user};
use crate::webhook::meta_change::{self, About};
use crate::webhook::reader::Reader;
use crate::webhook::{Event, InboundMessage, InvalidBody, MessageRef, Receipt, Subject};

pub(super) fn read(body: &Value, reader: &mut Reader<'_>) -> Result<(), InvalidBody> {
    match body {
        Value::Array(items) => items.iter().try_for_each(|item| read_one(item, reader)),
        item => read_one(item, reader),
    }
}

fn read_one(item: &Value, reader: &mut Reader<'_>) -> Result<(), InvalidBody> {
    if !item.is_object() {
        return Err(InvalidBody::Shape);
    }
    match (object(item, "messageStatus")?, object(item, "templateStatus")?) {
        (Some(status), _) => read_status(status, reader),
        (None, Some(template)) => {
            let name = text(template, "templateName").map(str::to_owned);
            meta_change::notice(reader, About::new(Subject::Template, None), name, text(template, "status"));
        }
        (None, None) if item.get("from").is_some() => read_message(item, reader),
        (None, None) => reader.unknown("unknown_event"),
    }
    Ok(())
}

fn read_status(status: &Value, reader: &mut Reader<'_>) {
    let Some(word) = text(status, "status") else { return reader.unknown("unknown_shape") };
    let word = match fields::word(word).as_str() {
        "sent" => ReceiptStatus::Sent,
        "delivered" => ReceiptStatus::Delivered,
        "read" => ReceiptStatus::Read,
        "failed" => ReceiptStatus::Failed,
        // `pending`: not sent yet. `received`: a message from a person, which is not a status of ours.
        "pending" | "received" => return,
        _ => return reader.unknown("unknown_status"),
    };
    let message = MessageRef { reference: reference(status, "messageId"), id: id(status, "waId") };
    if message.reference.is_none() && message.id.is_none() {
        return reader.unknown("unknown_shape");
    }
    let description = text(status, "statusDesc").unwrap_or_default();
    let failure = (word == ReceiptStatus::Failed).then(|| reader.failure(None, description));
    reader.event(Event::Receipt(Receipt {
        message,
        to: None,
        user: None,
        status: word,
        at: None,
        failure,
        billable: None,
    }));
}

fn read_message(item: &Value, reader: &mut Reader<'_>) {
    let form_pointers =
        ["/interactive/nfm_reply/response_json", "/nfm_reply/response_json", "/nfmReply/responseJson"];
    let form = form_pointers.iter().find_map(|pointer| item.pointer(pointer)).map(fields::form);
    let (form, reference) = form.map_or((None, None), |(form, reference)| (Some(form), reference));
    let texts = ["/text", "/text/body", "/interactive/button_reply/title", "/interactive/list_reply/title"];
    let context = item.get("context").and_then(|context| id(context, "id"));
    let payloads = ["/button/payload", "/interactive/button_reply/id", "/interactive/list_reply/id"];
    let first_text = |pointers: &[&str]| {
        pointers.iter().find_map(|pointer| item.pointer(pointer)?.as_str()).map(str::to_owned)
    };
    reader.event(Event::Inbound(InboundMessage {
        from: number(item, "from"),
        user: user(item, "from_user_id").or_else(|| fields::scoped_user(item, "from")),
        at: fields::time(item.get("timestamp")),
        id: id(item, "messageId").or_else(|| id(item, "waId")),
        text: first_text(&texts),
        payload: first_text(&payloads),
        answers: MessageRef { reference, id: context },
        form,
    }));
}
