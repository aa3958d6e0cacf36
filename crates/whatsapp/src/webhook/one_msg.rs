//! 1msg's posts: Meta's own with `rawHooks` on, which is what to switch on, or the normalised ones.
//!
//! 1msg: the `webhook` and `settings` methods of its contract. One normalised post may hold messages and acks together; an ack has
//! no time and no error, and names a message by the provider's id only. Where a completed form stands in a normalised message
//! is not documented; it is looked for where Meta has it.

use campaign::ReceiptStatus;
use serde_json::Value;

use super::value::{self, id, list, number, text};
use super::{Event, Inbound, MessageRef, Reader, Receipt, Unreadable, change};

pub(super) fn read(body: &Value, reader: &mut Reader<'_>) -> Result<(), Unreadable> {
    if !body.is_object() {
        return Err(Unreadable::Shape);
    }
    let (entries, messages, acks) = (list(body, "entry")?, list(body, "messages")?, list(body, "ack")?);
    if entries.is_empty() && messages.is_empty() && acks.is_empty() {
        reader.unknown("unknown_event");
    }
    for entry in entries {
        let at = value::time(entry.get("time"));
        for change in list(entry, "changes")? {
            change::read(change, (None, at), reader)?;
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
    let status = match value::word(word).as_str() {
        "sent" => ReceiptStatus::Sent,
        "delivered" => ReceiptStatus::Delivered,
        "viewed" | "read" | "played" => ReceiptStatus::Read,
        "failed" => ReceiptStatus::Failed,
        _ => return reader.unknown("unknown_status"),
    };
    let failure = (status == ReceiptStatus::Failed).then(|| reader.failure(ack.pointer("/error/code"), ""));
    let message = MessageRef { reference: None, id: Some(id) };
    let at = value::time(ack.get("time"));
    reader.event(Event::Receipt(Receipt {
        message,
        to: number(ack, "chatId"),
        user: value::scoped_user(ack, "chatId"),
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
    // Our own messages come back as echoes.
    let is_ours = match message.get("fromMe") {
        Some(Value::Bool(is_ours)) => *is_ours,
        Some(Value::Number(number)) => number.as_i64() == Some(1),
        Some(Value::String(text)) => text == "1" || text.eq_ignore_ascii_case("true"),
        _ => false,
    };
    if is_ours {
        return;
    }
    let places = [
        "/interactive/nfm_reply/response_json",
        "/nfm_reply/response_json",
        "/metadata/nfm_reply/response_json",
        "/metadata/interactive/nfm_reply/response_json",
    ];
    let form = places.iter().find_map(|place| message.pointer(place)).map(value::form);
    let (form, reference) = form.map_or((None, None), |(form, reference)| (Some(form), reference));
    let payloads = ["/button/payload", "/metadata/button/payload", "/interactive/button_reply/id"];
    let quoted = id(message, "quotedMsgId");
    let context = quoted.or_else(|| message.get("context").and_then(|context| id(context, "id")));
    reader.event(Event::Inbound(Inbound {
        from: number(message, "author").or_else(|| number(message, "chatId")),
        user: value::scoped_user(message, "author").or_else(|| value::scoped_user(message, "chatId")),
        at: value::time(message.get("time")),
        id: id(message, "id"),
        text: text(message, "body").map(str::to_owned),
        payload: payloads.iter().find_map(|place| message.pointer(place)?.as_str()).map(str::to_owned),
        answers: MessageRef { reference, id: context },
        form,
    }));
}
