//! Meta's change object. Meta posts it, Kaleyra wraps it, and 1msg passes it on if `rawHooks` is on.
//!
//! Source: `developers.facebook.com/documentation/business-messaging/whatsapp/webhooks`: statuses, messages with `nfm_reply`,
//! `message_template_status_update`, `flows` and `user_preferences`, system messages, and events of templates and the account.

use campaign::{Consent, ReceiptStatus, Reference};
use jiff::Timestamp;
use serde_json::Value;

use crate::webhook::contacts::Contacts;
use crate::webhook::event::{
    Event, InboundMessage, InvalidBody, MessageRef, Notice, NumberChange, Preference, Receipt, Subject,
};
use crate::webhook::fields::{self, id, id_or_number, list, number, reference, text, time, user};
use crate::webhook::reader::Reader;

/// The statuses in which a template cannot be sent, and those of a flow.
const BAD_TEMPLATE: &[&str] = &["rejected", "paused", "disabled", "archived", "deleted", "pending deletion"];
/// Events of the account and the number, with the members that say what changed. The first one that is there is the status.
const ACCOUNT_EVENTS: &[(&str, &[&str])] = &[
    ("account_update", &["event"]),
    ("account_alerts", &["alert_type", "event"]),
    ("phone_number_quality_update", &["event", "current_limit"]),
    (
        "business_capability_update",
        &["max_daily_conversations_per_business", "max_daily_conversation_per_phone"],
    ),
];
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
        "message_template_quality_update" => {
            template_event(value, ("new_quality_score", "quality"), at, reader);
            Ok(())
        }
        "template_category_update" => {
            template_event(value, ("new_category", "category"), at, reader);
            Ok(())
        }
        "flows" => {
            flow(value, at, reader);
            Ok(())
        }
        field if ACCOUNT_EVENTS.iter().any(|(known, _)| *known == field) => {
            account(field, value, at, reader);
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
    // Errors of the account, such as a message that WhatsApp could not pass on.
    if !list(value, "errors")?.is_empty() {
        reader.unknown("error_of_the_account");
    } else if is_empty && value.get("message_echoes").is_none() {
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
        // A person deleted the message: its delivery does not change.
        "deleted" => return reader.unknown("message_deleted"),
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
        return number_change(message, reader);
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

/// A system message about a changed number or user id (`webhooks/reference/messages/system`). `from` is the number until now, and the new
/// values are in `system`. Such a post has no contacts.
fn number_change(message: &Value, reader: &mut Reader<'_>) {
    let Some(system) = message.get("system") else { return reader.unknown("unknown_shape") };
    if !matches!(text(system, "type"), Some("user_changed_number" | "user_changed_user_id")) {
        return reader.unknown("unknown_event");
    }
    let from = number(message, "from");
    let from_user = user(message, "from_user_id").or_else(|| fields::scoped_user(message, "from"));
    let to = number(system, "wa_id").filter(|to| Some(*to) != from);
    let new_user = user(system, "user_id");
    let previous_user =
        user(system, "previous_user_id").or(from_user).filter(|id| Some(id) != new_user.as_ref());
    let is_known = from.is_some() || previous_user.is_some();
    if !is_known || (to.is_none() && new_user.is_none()) {
        return reader.unknown("unknown_shape");
    }
    reader.event(Event::NumberChange(NumberChange { from, to, previous_user, user: new_user }));
}

/// A new status of a template. Kaleyra posts the same members without an envelope.
pub(crate) fn template(value: &Value, at: Option<Timestamp>, reader: &mut Reader<'_>) {
    let (name, status) = (text(value, "message_template_name"), text(value, "event"));
    let about = About { language: language(value), ..About::new(Subject::Template, at) };
    notice(reader, about, name.map(str::to_owned), status);
}

fn language(value: &Value) -> Option<String> {
    let is_code = |code: &&str| {
        (1..=20).contains(&code.len())
            && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    };
    text(value, "message_template_language").filter(is_code).map(str::to_owned)
}

/// A new quality or category of a template, which may still be sent.
fn template_event(
    value: &Value,
    (member, what): (&str, &str),
    at: Option<Timestamp>,
    reader: &mut Reader<'_>,
) {
    let status = text(value, member).map(|status| format!("{what} {status}"));
    let about = About { language: language(value), ..About::new(Subject::Template, at) };
    let name = text(value, "message_template_name").map(str::to_owned);
    notice(reader, about, name, status.as_deref());
}

/// An event of the account or the number. The words of the statuses are the provider's.
fn account(field: &str, value: &Value, at: Option<Timestamp>, reader: &mut Reader<'_>) {
    let members =
        ACCOUNT_EVENTS.iter().find(|(known, _)| *known == field).map_or(&[][..], |(_, members)| members);
    let said: Vec<String> = members.iter().filter_map(|member| id_or_number(value, member)).collect();
    let status = Some(said.join(" ")).filter(|status| !status.is_empty());
    notice(reader, About::new(Subject::Account, at), Some(field.to_owned()), status.as_deref());
}

fn flow(value: &Value, at: Option<Timestamp>, reader: &mut Reader<'_>) {
    if text(value, "event") != Some("FLOW_STATUS_CHANGE") {
        return reader.unknown("unknown_event");
    }
    notice(reader, About::new(Subject::Flow, at), id_or_number(value, "flow_id"), text(value, "new_status"));
}

/// What a notice is about, and when.
pub(crate) struct About {
    pub(crate) subject: Subject,
    pub(crate) language: Option<String>,
    pub(crate) at: Option<Timestamp>,
}

impl About {
    pub(crate) fn new(subject: Subject, at: Option<Timestamp>) -> Self {
        Self { subject, language: None, at }
    }
}

/// Adds a notice, if name and status are present and short enough.
pub(crate) fn notice(
    reader: &mut Reader<'_>,
    About { subject: about, language, at }: About,
    name: Option<String>,
    status: Option<&str>,
) {
    let is_short = |text: &str| (1..=512).contains(&text.len()) && !text.contains('\0');
    match (name.filter(|name| is_short(name)), status.filter(|status| is_short(status))) {
        (Some(name), Some(status)) => {
            let status = fields::word(status);
            let bad = match about {
                Subject::Template => BAD_TEMPLATE,
                Subject::Flow => BAD_FLOW,
                Subject::Account => &[],
            };
            let is_bad = bad.contains(&status.as_str());
            reader.event(Event::Notice(Notice { about, name, language, status, is_bad, at }));
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
