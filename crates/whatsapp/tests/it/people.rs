//! The person of a webhook event: phone number and WhatsApp's user id; and the payload of a button.

use std::collections::BTreeMap;

use campaign::{Consent, Msisdn, Provider, UserId};
use serde_json::{Value, json};
use whatsapp::webhook::{Event, InboundMessage, NumberChange, ParsedWebhook};
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

const NEXT_ID: &str = "KE.99991208655302741918";

/// The change of number and ids of a post, and what was counted.
fn changed(message: &Value) -> (Option<NumberChange>, BTreeMap<&'static str, i64>) {
    let ParsedWebhook { mut events, unknown } =
        reading(Provider::Meta, &change("messages", &json!({"messages": [message]})));
    assert!(events.len() <= 1, "{events:?}");
    let change = events.pop().map(|event| match event {
        Event::NumberChange(change) => change,
        other => unreachable!("{other:?}"),
    });
    (change, unknown)
}

#[test]
fn a_changed_number_and_a_changed_user_id_are_read_and_other_system_messages_are_counted() {
    let system = |from: Option<&str>, system: Value| {
        let mut message =
            json!({"id": "wamid.1", "timestamp": "1760000000", "type": "system", "system": system});
        if let Some(from) = from {
            message["from"] = json!(from);
        }
        message
    };
    let number = |digits: u64| Msisdn::from_digits(digits);
    let to_new = json!({"body": "User Anna changed from 254712000001 to 254712000002", "wa_id": "254712000002",
        "user_id": NEXT_ID, "previous_user_id": ID, "type": "user_changed_number"});
    let by_id = json!({"user_id": NEXT_ID, "previous_user_id": ID, "type": "user_changed_user_id"});
    let of_2025 = json!({"wa_id": "254712000002", "type": "user_changed_number"});
    for (message, from, to, previous_user, user) in [
        (
            system(Some("254712000001"), to_new),
            number(254_712_000_001),
            number(254_712_000_002),
            Some(ID),
            Some(NEXT_ID),
        ),
        (system(None, by_id.clone()), None, None, Some(ID), Some(NEXT_ID)),
        (system(Some(ID), by_id), None, None, Some(ID), Some(NEXT_ID)),
        (system(Some("254712000001"), of_2025), number(254_712_000_001), number(254_712_000_002), None, None),
    ] {
        let (found, unknown) = changed(&message);
        let [previous_user, user] = [previous_user, user].map(|id| id.and_then(UserId::new));
        assert_eq!(found, Some(NumberChange { from, to, previous_user, user }), "{message}");
        assert!(unknown.is_empty());
    }
    for (message, kind) in [
        (system(Some("254712000001"), json!({"type": "user_identity_changed"})), "unknown_event"),
        (system(Some("254712000001"), json!({"type": "user_changed_number"})), "unknown_shape"),
        (system(None, json!({"type": "user_changed_number", "wa_id": "254712000002"})), "unknown_shape"),
        (json!({"type": "system"}), "unknown_shape"),
    ] {
        assert_eq!(changed(&message), (None, BTreeMap::from([(kind, 1)])), "{message}");
    }
}

/// Posts of 2026: user names, user ids, prices by category, and many changes at once. Each part gives an event or is counted.
#[test]
fn nothing_of_a_batched_post_of_2026_is_dropped_uncounted() {
    let status = |n: u32, status: &str, pricing: Value| {
        json!({"id": format!("wamid.{n}"), "status": status, "timestamp": "1790000000", "recipient_user_id": ID,
            "pricing": pricing})
    };
    let contact = json!({"profile": {"name": "Anna", "username": "@anna"}, "user_id": ID});
    let of = |value: Value| json!({"field": "messages", "value": value});
    let regular = json!({"pricing_model": "PMP", "type": "regular", "category": "marketing"});
    let free = json!({"pricing_model": "PMP", "type": "free_customer_service", "category": "service"});
    let body = json!({"object": "whatsapp_business_account", "entry": [
        {"id": "1", "time": 1_790_000_000, "changes": [
            of(json!({"contacts": [contact], "statuses": [status(1, "sent", regular), status(2, "delivered", free),
                status(3, "deleted", json!({})), status(4, "shredded", json!({}))]})),
            of(json!({"contacts": [contact], "messages": [
                {"from_user_id": ID, "id": "in.1", "timestamp": "1790000000", "type": "text", "text": {"body": "STOP"}}]})),
            of(json!({"messages": [{"id": "in.2", "type": "system",
                "system": {"type": "user_changed_user_id", "previous_user_id": ID, "user_id": NEXT_ID}}]})),
            {"field": "account_update", "value": {"event": "ACCOUNT_RESTRICTION"}},
            {"field": "security", "value": {"event": "PIN_CHANGED"}},
        ]},
        {"id": "2", "changes": [{"field": "user_preferences", "value": {"contacts": [contact],
            "user_preferences": [{"user_id": ID, "value": "stop"}, {"user_id": ID, "value": "signup"}]}}]},
    ]});
    let ParsedWebhook { events, unknown } = reading(Provider::Meta, &body);
    let kinds: Vec<&str> = events
        .iter()
        .map(|event| match event {
            Event::Receipt(receipt) if receipt.billable == Some(true) => "billed",
            Event::Receipt(receipt) if receipt.billable == Some(false) => "free",
            Event::Receipt(_) => "receipt",
            Event::Inbound(inbound) if inbound.user.is_some() => "inbound",
            Event::Inbound(_) => "inbound of nobody",
            Event::Preference(_) => "preference",
            Event::NumberChange(_) => "number change",
            Event::Notice(_) => "notice",
        })
        .collect();
    assert_eq!(kinds, ["billed", "free", "inbound", "number change", "notice", "preference"]);
    let counted: Vec<(&str, i64)> = unknown.into_iter().collect();
    assert_eq!(counted, [("message_deleted", 1), ("unknown_event", 1), ("unknown_status", 2)]);
}
