//! The person of a webhook event: phone number and WhatsApp's user id; and the payload of a button.

use campaign::{Consent, Msisdn, Provider};
use serde_json::{Value, json};
use whatsapp::webhook::{Event, InboundMessage, ParsedWebhook};
use whatsapp::{Overrides, read_webhook};

const ID: &str = "KE.13491208655302741918";

fn reading(provider: Provider, body: &Value) -> ParsedWebhook {
    read_webhook(provider, body.to_string().as_bytes(), &Overrides::default()).unwrap()
}

fn change(field: &str, value: &Value) -> Value {
    json!({"entry": [{"changes": [{"field": field, "value": value}]}]})
}

fn inbound(provider: Provider, body: &Value) -> InboundMessage {
    let last = reading(provider, body).events.pop();
    last.and_then(|event| if let Event::Inbound(inbound) = event { Some(inbound) } else { None })
        .expect("a message")
}

/// Number and user id of the person who wrote, as strings.
fn written(inbound: &InboundMessage) -> (Option<String>, Option<&str>) {
    (inbound.from.map(|number| number.to_string()), inbound.user.as_ref().map(campaign::UserId::as_str))
}

#[test]
fn number_and_user_id_of_a_message_are_read_in_every_documented_place() {
    let number = || Some("254712000001".to_owned());
    let contact = json!({"profile": {"name": "x"}, "wa_id": "254712000001", "user_id": ID});
    let other = json!({"wa_id": "254712000002", "user_id": "KE.2"});
    for (contacts, message, expected) in [
        (json!([]), json!({"from": "254712000001", "from_user_id": ID}), (number(), Some(ID))),
        (json!([contact]), json!({"from": "254712000001"}), (number(), Some(ID))),
        (json!([other, contact]), json!({"from": "254712000001"}), (number(), Some(ID))),
        (json!([other, contact]), json!({"from_user_id": ID}), (number(), Some(ID))),
        (json!([contact]), json!({}), (number(), Some(ID))),
        (json!([other, contact]), json!({}), (None, None)),
        // The contact of another person does not complete the one who wrote.
        (json!([other]), json!({"from": "254712000001"}), (number(), None)),
        (json!([other]), json!({"from_user_id": ID}), (None, Some(ID))),
        (json!([{"user_id": ID}]), json!({"from_user_id": ID}), (None, Some(ID))),
        (json!([]), json!({"from": ID}), (None, Some(ID))),
        (json!("nobody"), json!({"from_user_id": ID}), (None, Some(ID))),
        (json!([7]), json!({"from_user_id": 7}), (None, None)),
    ] {
        let mut message = message;
        message["id"] = json!("in.1");
        message["context"] = json!({"id": "wamid.1"});
        let value = json!({"contacts": contacts, "messages": [message]});
        let read = inbound(Provider::Meta, &change("messages", &value));
        assert_eq!(written(&read), expected, "{value}");
        assert_eq!(read.answers.id.as_deref(), Some("wamid.1"));
    }
}

#[test]
fn the_digits_of_a_chat_with_another_domain_are_not_a_phone_number() {
    for (author, expected) in [
        ("254712000001@c.us", (Some("254712000001".to_owned()), None)),
        ("254712000001@lid", (None, Some("254712000001@lid"))),
        ("254712000001@username", (None, None)),
        ("254712000001@g.us", (None, None)),
    ] {
        let body = json!({"messages": [{"id": "1", "author": author, "chatId": author, "body": "STOP"}]});
        assert_eq!(written(&inbound(Provider::OneMsg, &body)), expected, "{author}");
    }
}

#[test]
fn a_status_names_its_recipient_by_number_and_id() {
    let status =
        json!({"id": "wamid.1", "status": "sent", "recipient_id": "5215512345678", "recipient_user_id": ID});
    let reading = reading(Provider::Meta, &change("messages", &json!({"statuses": [status]})));
    let [Event::Receipt(receipt)] = reading.events.as_slice() else { panic!("{reading:?}") };
    assert_eq!(receipt.to, Msisdn::from_digits(5_215_512_345_678));
    assert_eq!(receipt.user.as_ref().map(campaign::UserId::as_str), Some(ID));
}

#[test]
fn a_preference_is_read_with_a_number_an_id_or_both_and_counted_without() {
    for (preference, contacts, expected) in [
        (json!({"wa_id": "254712000001"}), json!([]), Some((true, false))),
        (json!({"user_id": ID}), json!([]), Some((false, true))),
        (json!({"user_id": ID}), json!([{"wa_id": "254712000001", "user_id": ID}]), Some((true, true))),
        (json!({}), json!([{"wa_id": "254712000001"}]), Some((true, false))),
        (json!({}), json!([]), None),
    ] {
        let mut preference = preference;
        preference["value"] = json!("stop");
        let value = json!({"contacts": contacts, "user_preferences": [preference]});
        let mut reading = reading(Provider::Meta, &change("user_preferences", &value));
        let read = match reading.events.pop() {
            Some(Event::Preference(preference)) => {
                assert_eq!(preference.consent, Consent::OptedOut);
                Some((preference.from.is_some(), preference.user.is_some()))
            }
            _ => None,
        };
        assert_eq!(read, expected, "{value}");
        assert_eq!(reading.unknown.get("opt_out_unmatched"), expected.is_none().then_some(&1));
    }
}

#[test]
fn the_payload_of_a_button_is_read_besides_its_text() {
    let button = json!({"text": "Werbung abbestellen", "payload": "Stop promotions"});
    let reply = json!({"title": "Acha", "id": "stop"});
    let of_meta = |message: Value| change("messages", &json!({"messages": [message]}));
    for (provider, body, text, payload) in [
        (
            Provider::Meta,
            of_meta(json!({"type": "button", "button": button})),
            "Werbung abbestellen",
            "Stop promotions",
        ),
        (Provider::Meta, of_meta(json!({"interactive": {"button_reply": reply}})), "Acha", "stop"),
        (Provider::Meta, of_meta(json!({"interactive": {"list_reply": reply}})), "Acha", "stop"),
        (
            Provider::LipaChat,
            json!({"from": "254712000001", "text": "Acha", "interactive": {"button_reply": reply}}),
            "Acha",
            "stop",
        ),
        (
            Provider::OneMsg,
            json!({"messages": [{"id": "1", "body": "Werbung abbestellen", "button": button}]}),
            "Werbung abbestellen",
            "Stop promotions",
        ),
    ] {
        let read = inbound(provider, &body);
        assert_eq!((read.text.as_deref(), read.payload.as_deref()), (Some(text), Some(payload)), "{body}");
    }
}
