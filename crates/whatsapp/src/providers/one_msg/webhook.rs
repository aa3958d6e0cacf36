//! 1msg's webhook: Meta's own bodies if `rawHooks` is on, which we recommend, otherwise normalized bodies.
//!
//! Source: the methods `webhook` and `settings` of the API contract. One normalized body may contain messages and acks. An ack
//! has no time and no error, and identifies a message by the provider's id only. The position of a completed flow in a normalized
//! message is not documented; it is expected where Meta has it.

use campaign::ReceiptStatus;
use serde_json::Value;

use crate::webhook::fields::{self, id, list, number, text};
use crate::webhook::meta_change;
use crate::webhook::reader::Reader;
use crate::webhook::{Event, InboundMessage, InvalidBody, MessageRef, Receipt};

pub(super) fn read(body: &Value, reader: &mut Reader<'_>) -> Result<(), InvalidBody> {
    if !body.is_object() {
        return Err(InvalidBody::Shape);
    }
    let (entries, messages, acks) = (list(body, "entry")?, list(body, "messages")?, list(body, "ack")?);
    if entries.is_empty() && messages.is_empty() && acks.is_empty() {
        reader.unknown("unknown_event");
    }
    for entry in entries {
        let at = fields::time(entry.get("time"));
        for change in list(entry, "changes")? {
            meta_change::read(change, (None, at), reader)?;
        }
    }
    for ack in acks {
        read_ack(ack, reader);
    }
    for message in messages {
        read_message(message, reader);
    }
    Ok(())
}

fn read_ack(ack: &Value, reader: &mut Reader<'_>) {
    let (Some(word), Some(id)) = (text(ack, "status"), id(ack, "id")) else {
        return reader.unknown("unknown_shape");
    };
    let status = match fields::word(word).as_str() {
        "sent" => ReceiptStatus::Sent,
        "delivered" => ReceiptStatus::Delivered,
        "viewed" | "read" | "played" => ReceiptStatus::Read,
        "failed" => ReceiptStatus::Failed,
        _ => return reader.unknown("unknown_status"),
    };
    let failure = (status == ReceiptStatus::Failed).then(|| reader.failure(ack.pointer("/error/code"), ""));
    let message = MessageRef { reference: None, id: Some(id) };
    let at = fields::time(ack.get("time"));
    reader.event(Event::Receipt(Receipt {
        message,
        to: number(ack, "chatId"),
        user: fields::scoped_user(ack, "chatId"),
        status,
        at,
        failure,
        billable: None,
    }));
}

fn read_message(message: &Value, reader: &mut Reader<'_>) {
    if !message.is_object() {
        return reader.unknown("unknown_shape");
    }
    // The webhook repeats our own messages.
    let is_ours = match message.get("fromMe") {
        Some(Value::Bool(is_ours)) => *is_ours,
        Some(Value::Number(number)) => number.as_i64() == Some(1),
        Some(Value::String(text)) => text == "1" || text.eq_ignore_ascii_case("true"),
        _ => false,
    };
    if is_ours {
        return;
    }
    let form_pointers = [
        "/interactive/nfm_reply/response_json",
        "/nfm_reply/response_json",
        "/metadata/nfm_reply/response_json",
        "/metadata/interactive/nfm_reply/response_json",
    ];
    let form = form_pointers.iter().find_map(|pointer| message.pointer(pointer)).map(fields::form);
    let (form, reference) = form.map_or((None, None), |(form, reference)| (Some(form), reference));
    let payloads = ["/button/payload", "/metadata/button/payload", "/interactive/button_reply/id"];
    let quoted = id(message, "quotedMsgId");
    let context = quoted.or_else(|| message.get("context").and_then(|context| id(context, "id")));
    reader.event(Event::Inbound(InboundMessage {
        from: number(message, "author").or_else(|| number(message, "chatId")),
        user: fields::scoped_user(message, "author").or_else(|| fields::scoped_user(message, "chatId")),
        at: fields::time(message.get("time")),
        id: id(message, "id"),
        text: text(message, "body").map(str::to_owned),
        payload: payloads.iter().find_map(|pointer| message.pointer(pointer)?.as_str()).map(str::to_owned),
        answers: MessageRef { reference, id: context },
        form,
    }));
}
