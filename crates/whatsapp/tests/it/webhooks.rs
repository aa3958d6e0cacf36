//! Parsing webhook bodies: the documented ones of every provider, and undocumented ones.

use campaign::{CampaignId, Consent, FollowUp, Provider, Reference, ReferenceKey, Seq};
use proptest::prelude::*;
use serde_json::{Value, json};
use whatsapp::webhook::{Event, InvalidBody, ParsedWebhook};
use whatsapp::{Overrides, read_webhook};

fn key() -> ReferenceKey {
    ReferenceKey::new([7; 16])
}

fn reference() -> String {
    key().seal(CampaignId(17), Seq(42)).to_string()
}

pub(crate) fn reading(provider: Provider, body: &Value) -> ParsedWebhook {
    read_webhook(provider, body.to_string().as_bytes(), &Overrides::default()).unwrap()
}

/// An event as one line, for the tables of these tests.
fn line(event: &Event) -> String {
    let leads = |reference: Option<Reference>| match reference.and_then(|reference| key().open(reference)) {
        Some((campaign, seq)) => format!("{campaign}/{seq}"),
        None => "-".into(),
    };
    let at = |at: Option<jiff::Timestamp>| at.map_or_else(|| "-".into(), |at| at.as_second().to_string());
    match event {
        Event::Receipt(receipt) => format!(
            "{} {} {} {} {}",
            receipt.status,
            leads(receipt.message.reference),
            receipt.message.id.as_deref().unwrap_or("-"),
            at(receipt.at),
            receipt.failure.as_ref().map_or("-", |failure| failure.refusal.code.as_ref()),
        ),
        Event::Inbound(inbound) => format!(
            "in {} {} {} {} {} {}",
            inbound.from.map_or_else(|| "-".into(), |from| from.to_string()),
            at(inbound.at),
            inbound.text.as_deref().unwrap_or("-"),
            leads(inbound.answers.reference),
            inbound.answers.id.as_deref().unwrap_or("-"),
            inbound.form.as_ref().map_or_else(|| "-".into(), ToString::to_string),
        ),
        Event::Preference(preference) => format!("{:?} {}", preference.consent, preference.from.unwrap()),
        Event::NumberChange(change) => format!("{change:?}"),
        Event::Notice(notice) => {
            let language = notice.language.as_deref().map(|code| format!(" ({code})")).unwrap_or_default();
            format!("{:?} {}{language} {} {}", notice.about, notice.name, notice.status, notice.is_bad)
        }
    }
}

pub(crate) fn lines(provider: Provider, body: &Value) -> Vec<String> {
    reading(provider, body).events.iter().map(line).collect()
}

pub(crate) fn of_meta(field: &str, value: &Value) -> Value {
    json!({"object": "whatsapp_business_account",
        "entry": [{"id": "1", "changes": [{"field": field, "value": value}]}]})
}

#[test]
fn the_billing_of_a_status_is_read_and_not_guessed() {
    for (pricing, expected) in [
        (json!({"billable": true, "pricing_model": "PMP", "category": "marketing"}), Some(true)),
        (json!({"billable": false, "type": "regular"}), Some(false)),
        (json!({"pricing_model": "PMP", "type": "regular", "category": "marketing"}), Some(true)),
        (json!({"type": "free_customer_service"}), Some(false)),
        (json!({"type": "free_entry_point"}), Some(false)),
        (json!({"type": "something_new", "category": "service"}), None),
        (json!({"billable": "yes"}), None),
        (json!("free"), None),
        (json!(null), None),
    ] {
        let status = json!({"id": "wamid.1", "status": "sent", "pricing": pricing});
        let value = json!({"metadata": {}, "statuses": [status]});
        let of_kaleyra = json!({"meta_object": {"field": "messages", "value": value}});
        for (provider, body) in [
            (Provider::Meta, of_meta("messages", &value)),
            (Provider::OneMsg, of_meta("messages", &value)),
            (Provider::Kaleyra, of_kaleyra),
        ] {
            let reading = reading(provider, &body);
            let [Event::Receipt(receipt)] = reading.events.as_slice() else { panic!("{reading:?}") };
            assert_eq!(receipt.billable, expected, "{provider} {pricing}");
        }
    }
}

#[test]
fn metas_statuses_are_read_and_unknown_ones_break_nothing() {
    let value = json!({"metadata": {"phone_number_id": "1065"}, "statuses": [
        {"id": "wamid.1", "status": "sent", "timestamp": "1749416383", "recipient_id": "16505551234",
            "biz_opaque_callback_data": reference(), "pricing": {"billable": true}},
        {"id": "wamid.1", "status": "delivered", "timestamp": 1_749_416_383_000_i64},
        {"id": "wamid.1", "status": "evaporated"},
        {"id": 7, "status": "read"},
        {"status": 5}, "text", null,
        {"id": "wamid.2", "status": "failed", "timestamp": "soon", "recipient_id": "us.123",
            "errors": [{"code": 131_050, "title": "User stopped", "error_data": {"details": "x"}}]},
        {"id": "wamid.3", "status": "failed"},
    ]});
    let body = of_meta("messages", &value);
    assert_eq!(
        lines(Provider::Meta, &body),
        [
            "sent 17/42 wamid.1 1749416383 -",
            "delivered - wamid.1 1749416383 -",
            "failed - wamid.2 - 131050",
            "failed - wamid.3 - failed",
        ]
    );
    let unknown = reading(Provider::Meta, &body).unknown;
    assert_eq!(unknown.into_iter().collect::<Vec<_>>(), [("unknown_shape", 4), ("unknown_status", 1)]);
}

#[test]
fn a_completed_flow_is_read_with_its_reference_and_without_our_members() {
    let flow = |response: Value| {
        of_meta(
            "messages",
            &json!({"messages": [{"from": "16505551234", "id": "wamid.in", "timestamp": "1702502473",
            "type": "interactive", "context": {"from": "15550783881", "id": "wamid.out"},
            "interactive": {"type": "nfm_reply", "nfm_reply": {"name": "flow", "body": "Sent",
                "response_json": response}}}]}),
        )
    };
    for (response, read) in [
        (
            json!(json!({"flow_token": reference(), "rating": "4"}).to_string()),
            "17/42 wamid.out {\"rating\":\"4\"}",
        ),
        (json!("{\"rating\":\"4\"}"), "- wamid.out {\"rating\":\"4\"}"),
        (json!("not JSON"), "- wamid.out \"not JSON\""),
        (json!("[1,2]"), "- wamid.out [1,2]"),
    ] {
        assert_eq!(lines(Provider::Meta, &flow(response)), [format!("in 16505551234 1702502473 - {read}")]);
    }
}

#[test]
fn texts_buttons_preferences_and_notices_are_read() {
    let message = |part: Value| {
        let mut message = json!({"from": "254700000001", "id": "wamid.in", "timestamp": 1_702_502_473});
        message.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
        of_meta("messages", &json!({"messages": [message]}))
    };
    for (body, line) in [
        (message(json!({"type": "text", "text": {"body": "STOP"}})), "in 254700000001 1702502473 STOP - - -"),
        (
            message(json!({"type": "button", "button": {"text": "Stop promotions"}})),
            "in 254700000001 1702502473 Stop promotions - - -",
        ),
        (message(json!({"type": "image", "image": {}})), "in 254700000001 1702502473 - - - -"),
        (
            of_meta(
                "user_preferences",
                &json!({"user_preferences": [{"wa_id": "254700000001",
                "category": "marketing_messages", "value": "stop", "timestamp": 1_731_705_721}]}),
            ),
            "OptedOut 254700000001",
        ),
        (
            of_meta(
                "message_template_status_update",
                &json!({"event": "PAUSED", "message_template_name": "signup"}),
            ),
            "Template signup paused true",
        ),
        (
            of_meta(
                "flows",
                &json!({"event": "FLOW_STATUS_CHANGE", "flow_id": "99", "new_status": "THROTTLED"}),
            ),
            "Flow 99 throttled true",
        ),
        (
            of_meta(
                "flows",
                &json!({"event": "FLOW_STATUS_CHANGE", "flow_id": 99, "new_status": "PUBLISHED"}),
            ),
            "Flow 99 published false",
        ),
    ] {
        assert_eq!(lines(Provider::Meta, &body), [line], "{body}");
    }
    let system = message(json!({"type": "system", "system": {"body": "changed"}}));
    assert_eq!(lines(Provider::Meta, &system), Vec::<String>::new());
}

#[test]
fn kaleyras_wrapped_and_flat_statuses_are_identified_by_our_reference() {
    let extra =
        json!({"trace_id": "8f14e45f", "message_id": "wamid.x", "ref": reference(), "ref1": "campaign-17"});
    let change = |value: Value| json!({"field": "messages", "value": value});
    let wrapped = json!({"meta_object": change(json!({"statuses": [{"id": "wamid.s", "status": "DELIVERED",
        "timestamp": "1722834665"}]})), "extra_info": extra, "status": "delivered", "message_id": "wamid.y"});
    assert_eq!(lines(Provider::Kaleyra, &wrapped), ["delivered 17/42 wamid.s 1722834665 -"]);
    let flat = |status: &str| {
        json!({"code": "WAV2101", "status": status, "reason": "Account daily limit reached", "message_id": "wamid.y",
            "extra_info": extra})
    };
    for status in ["not sent", "NOT-SENT", "Not_Sent"] {
        assert_eq!(lines(Provider::Kaleyra, &flat(status)), ["failed 17/42 wamid.y - WAV2101"], "{status}");
    }
    let reply = json!({"meta_object": change(json!({"messages": [{"from": "919000000001", "id": "wamid.in",
        "timestamp": "1722834700", "type": "text", "text": {"body": "yes"}}]})), "extra_info": extra});
    assert_eq!(lines(Provider::Kaleyra, &reply), ["in 919000000001 1722834700 yes 17/42 - -"]);
    let mut opted_out = flat("not sent");
    opted_out["code"] = json!("WAV2999");
    opted_out["reason"] = json!("Number opted out");
    let events = reading(Provider::Kaleyra, &opted_out).events;
    assert!(matches!(&events[..], [Event::Receipt(receipt)]
        if receipt.failure.as_ref().unwrap().follow_up == FollowUp::Suppress));
    assert_eq!(reading(Provider::Kaleyra, &flat("submitted")).unknown["unknown_status"], 1);
}

#[test]
fn lipachats_statuses_have_our_id_and_arrive_alone_or_in_an_array() {
    let status = |word: &str| {
        json!({"event": "MESSAGE_STATUS", "messageStatus": {"messageId": reference(), "waId": "wamid.l",
            "status": word, "statusDesc": "outside the session window"}})
    };
    let template =
        json!({"event": "TEMPLATE_STATUS", "templateStatus": {"templateName": "t", "status": "REJECTED"}});
    let message =
        json!({"messageId": "in.1", "from": "254700000001", "to": "254110", "type": "TEXT", "text": "Acha"});
    assert_eq!(lines(Provider::LipaChat, &status("DELIVERED")), ["delivered 17/42 wamid.l - -"]);
    let list =
        json!([status("FAILED"), status("PENDING"), template, message, status("LOST"), {"event": "NEW"}]);
    assert_eq!(
        lines(Provider::LipaChat, &list),
        ["failed 17/42 wamid.l - window_closed", "Template t rejected true", "in 254700000001 - Acha - - -"]
    );
    assert_eq!(reading(Provider::LipaChat, &list).unknown.len(), 2);
}

#[test]
fn one_msgs_acks_and_raw_hooks_are_read_and_echoes_are_not() {
    let body = json!({"instanceId": "ODI1", "messages": [
            {"id": "wamid.A", "fromMe": false, "chatId": "254700000001@c.us", "author": "254700000001@c.us",
                "type": "chat", "body": "Hi", "time": 1_665_396_610, "quotedMsgId": "wamid.q"},
            {"id": "wamid.B", "fromMe": "1", "body": "ours"}],
        "ack": [{"id": "wamid.B", "chatId": "254700000001@c.us", "status": "viewed"}, {"id": "wamid.C", "status": "lost"}]});
    assert_eq!(
        lines(Provider::OneMsg, &body),
        ["read - wamid.B - -", "in 254700000001 1665396610 Hi - wamid.q -"]
    );
    let raw = of_meta(
        "messages",
        &json!({"statuses": [{"id": "wamid.R", "status": "failed", "timestamp": 1_665_396_610,
        "errors": [{"code": 131_049}]}]}),
    );
    assert_eq!(lines(Provider::OneMsg, &raw), ["failed - wamid.R 1665396610 131049"]);
}

#[test]
fn a_body_with_a_wrong_type_is_refused_as_a_whole() {
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    for provider in Provider::ALL {
        let refused = |body: &[u8]| read_webhook(provider, body, &Overrides::default()).err();
        for body in [&b""[..], b"{", b"\xff\xfe{}", b"nonsense", deep.as_bytes()] {
            assert_eq!(refused(body), Some(InvalidBody::NotJson), "{provider}");
        }
        for body in [&b"7"[..], b"null", b"\"text\"", b"[[]]"] {
            assert_eq!(refused(body), Some(InvalidBody::Shape), "{provider}");
        }
        if provider != Provider::LipaChat {
            assert_eq!(refused(b"[{}]"), Some(InvalidBody::Shape), "{provider}");
        }
        let new = reading(provider, &json!({"event": "something new"}));
        assert_eq!((new.events.len(), new.unknown.values().sum::<i64>()), (0, 1), "{provider}");
    }
    for (provider, body) in [
        (Provider::Meta, json!({"entry": {}})),
        (Provider::Meta, json!({"entry": [{"changes": "x"}]})),
        (Provider::Meta, json!({"entry": [{"changes": [7]}]})),
        (Provider::Meta, json!({"entry": [{"changes": [{"value": []}]}]})),
        (Provider::Meta, of_meta("messages", &json!({"statuses": {}}))),
        (Provider::Kaleyra, json!({"meta_object": []})),
        (Provider::Kaleyra, json!({"extra_info": "x"})),
        (Provider::LipaChat, json!({"messageStatus": [1]})),
        (Provider::OneMsg, json!({"ack": {}})),
        (Provider::OneMsg, json!({"messages": "x"})),
    ] {
        let refused = read_webhook(provider, body.to_string().as_bytes(), &Overrides::default()).err();
        assert_eq!(refused, Some(InvalidBody::Shape), "{body}");
    }
}

#[test]
fn debug_shows_nothing_that_people_wrote() {
    let body = of_meta(
        "messages",
        &json!({"messages": [{"from": "254700000001", "id": "wamid.in", "type": "text",
        "text": {"body": "my secret"}}]}),
    );
    let shown = format!("{:?}", reading(Provider::Meta, &body));
    assert!(!shown.contains("secret") && !shown.contains("254700000001"), "{shown}");
    let said = json!({"user_preferences": [{"wa_id": "254700000001", "value": "resume"}]});
    let events = reading(Provider::Meta, &of_meta("user_preferences", &said)).events;
    assert!(matches!(&events[..], [Event::Preference(said)] if said.consent == Consent::OptedIn));
}

/// Arbitrary JSON, with members that the parsers know in random places.
fn any_json() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(vec![
        "entry",
        "changes",
        "field",
        "value",
        "statuses",
        "messages",
        "status",
        "id",
        "errors",
        "code",
        "timestamp",
        "interactive",
        "nfm_reply",
        "response_json",
        "meta_object",
        "extra_info",
        "ref",
        "ack",
        "messageStatus",
        "templateStatus",
        "from",
        "chatId",
        "text",
        "body",
        "event",
        "user_preferences",
        "context",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec!["failed", "read", "messages", "flows", "254700000001"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(7, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..6).prop_map(|members| members
                .into_iter()
                .map(|(name, item)| (name.to_owned(), item))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn any_body_is_read_or_refused_without_a_panic(body in any_json(), bytes: Vec<u8>) {
        for provider in Provider::ALL {
            drop(read_webhook(provider, body.to_string().as_bytes(), &Overrides::default()));
            drop(read_webhook(provider, &bytes, &Overrides::default()));
        }
    }
}
