//! LipaChat's posts (`docs.lipachat.com/api/webhooks`): states of messages and templates, and what people wrote.
//!
//! One object, or a list of them. A state carries our own message id, which is the reference, and no time. A completed form is
//! not documented; it is looked for where Meta has it, and known by the reference in the first screen's data, if the flow
//! hands that on.

use campaign::ReceiptStatus;
use serde_json::Value;

use super::value::{self, id, number, object, reference, text, user};
use super::{Event, Inbound, MessageRef, Reader, Receipt, Subject, Unreadable, change};

pub(super) fn read(body: &Value, reader: &mut Reader<'_>) -> Result<(), Unreadable> {
    match body {
        Value::Array(items) => items.iter().try_for_each(|item| read_one(item, reader)),
        item => read_one(item, reader),
    }
}

fn read_one(item: &Value, reader: &mut Reader<'_>) -> Result<(), Unreadable> {
    if !item.is_object() {
        return Err(Unreadable::Shape);
    }
    match (object(item, "messageStatus")?, object(item, "templateStatus")?) {
        (Some(status), _) => read_status(status, reader),
        (None, Some(template)) => {
            let name = text(template, "templateName").map(str::to_owned);
            change::notice(reader, (Subject::Template, None), name, text(template, "status"));
        }
        (None, None) if item.get("from").is_some() => read_message(item, reader),
        (None, None) => reader.unknown("unknown_event"),
    }
    Ok(())
}

fn read_status(status: &Value, reader: &mut Reader<'_>) {
    let Some(word) = text(status, "status") else { return reader.unknown("unknown_shape") };
    let word = match value::word(word).as_str() {
        "sent" => ReceiptStatus::Sent,
        "delivered" => ReceiptStatus::Delivered,
        "read" => ReceiptStatus::Read,
        "failed" => ReceiptStatus::Failed,
        // Not on its way yet; something of ours that came in.
        "pending" | "received" => return,
        _ => return reader.unknown("unknown_status"),
    };
    let message = MessageRef { reference: reference(status, "messageId"), id: id(status, "waId") };
    if message.reference.is_none() && message.id.is_none() {
        return reader.unknown("unknown_shape");
    }
    let words = text(status, "statusDesc").unwrap_or_default();
    let failure = (word == ReceiptStatus::Failed).then(|| reader.failure(None, words));
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
    let places =
        ["/interactive/nfm_reply/response_json", "/nfm_reply/response_json", "/nfmReply/responseJson"];
    let form = places.iter().find_map(|place| item.pointer(place)).map(value::form);
    let (form, reference) = form.map_or((None, None), |(form, reference)| (Some(form), reference));
    let words = ["/text", "/text/body", "/interactive/button_reply/title", "/interactive/list_reply/title"];
    let context = item.get("context").and_then(|context| id(context, "id"));
    let payloads = ["/button/payload", "/interactive/button_reply/id", "/interactive/list_reply/id"];
    let written_as =
        |places: &[&str]| places.iter().find_map(|place| item.pointer(place)?.as_str()).map(str::to_owned);
    reader.event(Event::Inbound(Inbound {
        from: number(item, "from"),
        user: user(item, "from_user_id").or_else(|| value::scoped_user(item, "from")),
        at: value::time(item.get("timestamp")),
        id: id(item, "messageId").or_else(|| id(item, "waId")),
        text: written_as(&words),
        payload: written_as(&payloads),
        answers: MessageRef { reference, id: context },
        form,
    }));
}
