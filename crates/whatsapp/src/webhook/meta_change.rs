//! Meta's change object. Meta posts it, Kaleyra wraps it, and 1msg passes it on if `rawHooks` is on.
//!
//! Source: `developers.facebook.com/documentation/business-messaging/whatsapp/webhooks`: statuses, messages with `nfm_reply`,
//! `message_template_status_update`, `flows` and `user_preferences`.

use campaign::{Consent, ReceiptStatus, Reference};
use jiff::Timestamp;
use serde_json::Value;

use crate::webhook::contacts::Contacts;
use crate::webhook::event::{
    Event, InboundMessage, InvalidBody, MessageRef, Notice, Preference, Receipt, Subject,
};
use crate::webhook::fields::{self, id, id_or_number, list, number, reference, text, time, user};
use crate::webhook::reader::Reader;

/// The statuses in which a template cannot be sent, and those of a flow.
const BAD_TEMPLATE: &[&str] = &["rejected", "paused", "disabled"];
const BAD_FLOW: &[&str] = &["blocked", "throttled", "deprecated"];

/// Parses one change. `known` is our reference, if the provider adds it to the change; `at` is the time of the entry.
pub(crate) fn read(
    change: &Value,
    (known, at): (Option<Reference>, Option<Timestamp>),
    reader: &mut Reader<'_>,
) -> Result<(), InvalidBody> {
    if !change.is_object() {
        return Err(InvalidBody::Shape);
    }
    let Some(value) = fields::object(change, "value")? else {
        reader.unknown("unknown_event");
        return Ok(());
    };
    match text(change, "field").unwrap_or("messages") {
        "messages" => messages(value, known, reader),
        "user_preferences" => preferences(value, reader),
        "message_template_status_update" => {
            template(value, at, reader);
            Ok(())
        }
        "flows" => {
            flow(value, at, reader);
            Ok(())
        }
        _ => {
            reader.unknown("unknown_event");
            Ok(())
        }
    }
}

fn messages(value: &Value, known: Option<Reference>, reader: &mut Reader<'_>) -> Result<(), InvalidBody> {
    let (statuses, messages) = (list(value, "statuses")?, list(value, "messages")?);
    let is_empty = statuses.is_empty() && messages.is_empty();
    // `message_echoes` repeats messages of our own.
    if is_empty && value.get("message_echoes").is_none() {
        reader.unknown("unknown_event");
    }
    let contacts = Contacts::of(value);
    for status in statuses {
        read_status(status, (known, &contacts), reader);
    }
    for message in messages {
        read_message(message, (known, &contacts), reader);
    }
    Ok(())
}

fn read_status(
    status: &Value,
    (known, contacts): (Option<Reference>, &Contacts<'_>),
    reader: &mut Reader<'_>,
) {
    let Some(word) = text(status, "status") else { return reader.unknown("unknown_shape") };
    let word = match fields::word(word).as_str() {
        "sent" => ReceiptStatus::Sent,
        "delivered" => ReceiptStatus::Delivered,
        "read" | "played" => ReceiptStatus::Read,
        "failed" | "undelivered" | "not sent" => ReceiptStatus::Failed,
        // A person deleted the message.
        "deleted" => return,
        _ => return reader.unknown("unknown_status"),
    };
    let message = MessageRef {
        reference: reference(status, "biz_opaque_callback_data").or(known),
        id: id(status, "id"),
    };
    if message.reference.is_none() && message.id.is_none() {
        return reader.unknown("unknown_shape");
    }
    let error = status.pointer("/errors/0");
    let failure = (word == ReceiptStatus::Failed).then(|| {
        let text = error.and_then(|error| text(error, "title").or_else(|| text(error, "message")));
        reader.failure(error.and_then(|error| error.get("code")), text.unwrap_or_default())
    });
    let at = time(status.get("timestamp"));
    let (to, user) = contacts.complete(number(status, "recipient_id"), user(status, "recipient_user_id"));
    reader.event(Event::Receipt(Receipt {
        message,
        to,
        user,
        status: word,
        at,
        failure,
        billable: billable(status),
    }));
}

/// Whether a status is billed. Meta announced that it removes `billable`; the pricing type replaces it.
fn billable(status: &Value) -> Option<bool> {
    let pricing = status.get("pricing")?;
    let by_type = || match text(pricing, "type")? {
        "regular" => Some(true),
        "free_customer_service" | "free_entry_point" => Some(false),
        _ => None,
    };
    pricing.get("billable").and_then(Value::as_bool).or_else(by_type)
}

fn read_message(
    message: &Value,
    (known, contacts): (Option<Reference>, &Contacts<'_>),
    reader: &mut Reader<'_>,
) {
    if !message.is_object() {
        return reader.unknown("unknown_shape");
    }
    // A system message, such as a changed number, is not written by a person.
    if text(message, "type") == Some("system") {
        return;
    }
    let written = message.pointer("/interactive/nfm_reply/response_json");
    // WhatsApp's own forms, for an address or a payment, are not flows of ours.
    let name = message.pointer("/interactive/nfm_reply/name").and_then(Value::as_str).unwrap_or("flow");
    let form = written.filter(|_| name == "flow").map(fields::form);
    let (form, in_form) = form.map_or((None, None), |(form, reference)| (Some(form), reference));
    let context = message.get("context").and_then(|context| id(context, "id"));
    let texts =
        ["/text/body", "/button/text", "/interactive/button_reply/title", "/interactive/list_reply/title"];
    let payloads = ["/button/payload", "/interactive/button_reply/id", "/interactive/list_reply/id"];
    let first_text = |pointers: &[&str]| {
        pointers.iter().find_map(|pointer| message.pointer(pointer)?.as_str()).map(str::to_owned)
    };
    let user = user(message, "from_user_id").or_else(|| fields::scoped_user(message, "from"));
    let (from, user) = contacts.complete(number(message, "from"), user);
    reader.event(Event::Inbound(InboundMessage {
        from,
        user,
        at: time(message.get("timestamp")),
        id: id(message, "id"),
        text: first_text(&texts),
        payload: first_text(&payloads),
        answers: MessageRef { reference: in_form.or(known), id: context },
        form,
    }));
}

fn template(value: &Value, at: Option<Timestamp>, reader: &mut Reader<'_>) {
    let (name, status) = (text(value, "message_template_name"), text(value, "event"));
    notice(reader, (Subject::Template, at), name.map(str::to_owned), status);
}

fn flow(value: &Value, at: Option<Timestamp>, reader: &mut Reader<'_>) {
    if text(value, "event") != Some("FLOW_STATUS_CHANGE") {
        return reader.unknown("unknown_event");
    }
    notice(reader, (Subject::Flow, at), id_or_number(value, "flow_id"), text(value, "new_status"));
}

/// Adds a notice, if name and status are present and short enough.
pub(crate) fn notice(
    reader: &mut Reader<'_>,
    (about, at): (Subject, Option<Timestamp>),
    name: Option<String>,
    status: Option<&str>,
) {
    let is_short = |text: &str| (1..=512).contains(&text.len()) && !text.contains('\0');
    match (name.filter(|name| is_short(name)), status.filter(|status| is_short(status))) {
        (Some(name), Some(status)) => {
            let status = fields::word(status);
            let bad = if about == Subject::Template { BAD_TEMPLATE } else { BAD_FLOW };
            let is_bad = bad.contains(&status.as_str());
            reader.event(Event::Notice(Notice { about, name, status, is_bad, at }));
        }
        _ => reader.unknown("unknown_shape"),
    }
}

fn preferences(value: &Value, reader: &mut Reader<'_>) -> Result<(), InvalidBody> {
    let contacts = Contacts::of(value);
    for preference in list(value, "user_preferences")? {
        let consent = match text(preference, "value") {
            Some("stop") => Consent::OptedOut,
            Some("resume") => Consent::OptedIn,
            _ => {
                reader.unknown("unknown_status");
                continue;
            }
        };
        let (from, user) = contacts.complete(number(preference, "wa_id"), user(preference, "user_id"));
        if from.is_none() && user.is_none() {
            let is_out = consent == Consent::OptedOut;
            reader.unknown(if is_out { "opt_out_unmatched" } else { "unknown_shape" });
            continue;
        }
        let at = time(preference.get("timestamp"));
        reader.event(Event::Preference(Preference { from, user, at, consent }));
    }
    Ok(())
}
