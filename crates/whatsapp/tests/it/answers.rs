//! Kaleyra: the verdict on every documented answer, and on undocumented ones.

use std::time::Duration;

use campaign::{Provider, Verdict};
use proptest::prelude::*;
use serde_json::{Value, json};
use whatsapp::{HttpAnswer, classify_answer};

use crate::verdicts::{line, text};

fn judge(status: u16, body: impl AsRef<[u8]>) -> Verdict {
    classify_answer(Provider::Kaleyra, &HttpAnswer { status, retry_after: None, body: body.as_ref() })
}

const RBC001: &str = r#"{
"code": "RBC001",
"message": "Incorrect SID or API key.",
"data": [],
"error": {
"error": "Incorrect SID or API key."
}
}"#;
const WA401: &str = r#"{
"code": "WA401",
"message": "Phone number is not present or does not belong to the account.",
"data": {},
"error": {
"phone_number": "Phone number is not present or does not belong to the account."
}
}"#;
const WA400: &str = r#"{
"code": "WA400",
"message": "Refer to correct payload format",
"data": {},
"error": {
"payload": "Incorrect payload format"
}
}"#;
const WA500: &str = r#"{
"code": "WA500",
"message": "Please try again later",
"data": {},
"error": {
"error": "Internal server error"
}
}"#;
const E110: &str = r#"{
"code": "E110",
"message": "Please check your balance, You have a low balance!",
"data": {},
"error": {
"balance": "Please check your balance, You have a low balance!"
}
}"#;
const ACCOUNT_TYPE: &str = r#"{
"code": "WA-401",
"message": "API is not available for given customer.Please contact support for more info",
"data": {},
"error": {
"account": "API is not available for given customer.Please contact support for more info"
}
}"#;
const OTHER_VERSION: &str = r#"{
"code": "WA-401",
"message": "The phone number you're using is associated with different Version of our WA API. Please use the appropriate endpoint.",
"data": {},
"error": {
"phone_number": "The phone number you're using is associated with different Version of our WA API. Please use the appropriate endpoint."
}
}"#;
const ACCEPTED: &str = r#"{
"code":"WA202",
"message":"Request Accepted",
"data":{
"message_id":"AXXXXXXXXXXXXXXXXXXX"
},
"error":{}
}"#;

#[test]
fn every_answer_of_the_page_has_its_verdict() {
    for (status, body, expected) in [
        (202, ACCEPTED, "accepted AXXXXXXXXXXXXXXXXXXX"),
        (401, RBC001, "stop sender bad_credentials RBC001"),
        (401, WA401, "stop sender sender_not_allowed WA401"),
        (401, ACCOUNT_TYPE, "stop sender sender_not_allowed WA-401"),
        (401, OTHER_VERSION, "stop sender sender_not_allowed WA-401"),
        (400, WA400, "rejected WA400"),
        (400, E110, "stop sender low_balance E110"),
        (500, WA500, "retry WA500"),
    ] {
        assert_eq!(line(&judge(status, body)), expected, "{status} {body}");
    }
}

#[test]
fn the_samples_of_the_page_as_printed_without_commas_are_no_acceptance() {
    let printed = ACCEPTED.replace("\"WA202\",", "\"WA202\"").replace("},\n\"error\"", "}\n\"error\"");
    assert_eq!(printed.matches(',').count(), 1, "{printed}");
    assert_eq!(line(&judge(202, printed)), "unknown no_message_id");
}

#[test]
fn answers_documented_elsewhere_have_their_verdict() {
    for (status, body, expected) in [
        (200, json!({ "code": "WA200", "data": { "message_id": "A7" } }), "accepted A7"),
        (201, json!({ "data": { "message_id": "A7" } }), "accepted A7"),
        (202, json!({ "code": "NEW", "data": { "message_id": "A7" } }), "accepted A7"),
        (400, json!({ "code": "WAV2101" }), "stop sender daily_limit WAV2101"),
        (429, json!({ "code": "WAV2101" }), "stop sender daily_limit WAV2101"),
        (429, json!({}), "throttled http_429"),
        (503, json!({ "code": "busy" }), "throttled http_503"),
    ] {
        assert_eq!(line(&judge(status, body.to_string())), expected, "{status} {body}");
    }
}

#[test]
fn the_code_decides_and_not_the_status() {
    for (status, body, expected) in [
        (401, E110, "stop sender low_balance E110"),
        (500, E110, "stop sender low_balance E110"),
        (503, E110, "stop sender low_balance E110"),
        (403, RBC001, "stop sender bad_credentials RBC001"),
        (500, WA400, "rejected WA400"),
        (400, WA500, "retry WA500"),
        // An accepting body with another status: the message may have been accepted.
        (400, ACCEPTED, "unknown WA202"),
        (500, ACCEPTED, "unknown WA202"),
        // A refusing body with an accepting status: the message may have been accepted.
        (200, E110, "unknown no_message_id"),
        (200, WA500, "unknown no_message_id"),
    ] {
        assert_eq!(line(&judge(status, body)), expected, "{status} {body}");
    }
    let both = json!({ "code": "E110", "data": { "message_id": "A7" } }).to_string();
    assert_eq!(line(&judge(202, both)), "unknown contradictory_answer");
}

#[test]
fn the_two_meanings_of_wa_dash_401_have_their_own_words() {
    let (account, version) = (judge(401, ACCOUNT_TYPE), judge(401, OTHER_VERSION));
    assert!(text(&account).contains("may not use this API"), "{account:?}");
    assert!(text(&version).contains("another version"), "{version:?}");
}

#[test]
fn wa500_carries_the_providers_schedule() {
    let Verdict::Retry { schedule, .. } = judge(500, WA500) else { panic!("WA500 is retried") };
    assert_eq!(schedule, [5, 10, 15].map(Duration::from_mins));
}

#[test]
fn a_throttle_passes_on_its_retry_after() {
    for status in [429, 503] {
        let heard = HttpAnswer { status, retry_after: Some(Duration::from_secs(7)), body: b"" };
        let verdict = classify_answer(Provider::Kaleyra, &heard);
        assert!(
            matches!(verdict, Verdict::Throttled { retry_after: Some(pause), .. } if pause.as_secs() == 7),
            "{verdict:?}"
        );
    }
}

#[test]
fn an_undocumented_answer_fails_safe() {
    for (status, body, expected) in [
        (400, json!({ "code": "E999" }), "rejected E999"),
        (404, json!({ "code": "+254712000001" }), "rejected http_404"),
        (404, json!({ "code": 404 }), "rejected 404"),
        (401, json!({ "code": "wa401" }), "rejected wa401"),
        (408, json!({}), "unknown http_408"),
        (500, json!({ "code": "E999" }), "unknown E999"),
        (502, json!({}), "unknown http_502"),
        (301, json!({}), "stop sender misconfigured http_301"),
        (
            307,
            json!({ "code": "WA202", "data": { "message_id": "A7" } }),
            "stop sender misconfigured http_307",
        ),
        (101, json!({}), "unknown http_101"),
    ] {
        assert_eq!(line(&judge(status, body.to_string())), expected, "{status} {body}");
    }
}

#[test]
fn garbage_is_never_an_acceptance() {
    let megabytes = "x".repeat(10_000_000);
    let deep = "[".repeat(100_000);
    for body in [
        "",
        "null",
        "true",
        "\"WA202\"",
        "[]",
        r#"["WA202","",{"message_id":"A7"},{}]"#,
        r#"[{"code":"WA202","data":{"message_id":"A7"}}]"#,
        r#"{"code":"WA202"}"#,
        r#"{"code":"WA202","message_id":"A7"}"#,
        r#"{"code":"WA202","data":[]}"#,
        r#"{"code":"WA202","data":["A7"]}"#,
        r#"{"code":"WA202","data":[{"message_id":"A7"}]}"#,
        r#"{"code":"WA202","data":"A7"}"#,
        r#"{"code":"WA202","data":{}}"#,
        r#"{"code":"WA202","data":{"message_id":""}}"#,
        r#"{"code":"WA202","data":{"message_id":null}}"#,
        r#"{"code":"WA202","data":{"message_id":7}}"#,
        r#"{"code":"WA202","data":{"message_id":["A7"]}}"#,
        r#"{"code":"WA202","data":{"message_id":"A\u00007"}}"#,
        r#"{"code":"WA202","data":{"message_id":"A7"}"#,
        r#"{"code":"WA202","data":{"message_id":"A7"}}}"#,
        "<html><body>202 Accepted</body></html>",
        "\u{feff}{}",
        &megabytes,
        &deep,
    ] {
        let shown: String = body.chars().take(80).collect();
        assert_eq!(line(&judge(202, body)), "unknown no_message_id", "{shown}");
        assert_eq!(line(&judge(500, body)).split(' ').next(), Some("unknown"), "{shown}");
    }
    let not_utf8 = b"{\"data\":{\"message_id\":\"\xff\xfe\"}}";
    assert_eq!(line(&judge(202, not_utf8)), "unknown no_message_id");
    let endless = json!({ "data": { "message_id": "A".repeat(257) } }).to_string();
    assert_eq!(line(&judge(202, endless)), "unknown no_message_id");
}

/// A JSON value of the size of an answer, often with its keys.
fn answer_like() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[ -~]{0,12}".prop_map(Value::from),
        prop::sample::select(vec!["WA202", "WA200", "E110", "WA500", "WA-401", "A7"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let key = prop::sample::select(vec!["code", "message", "data", "error", "message_id"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..4)
                .prop_map(|pairs| pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

fn is_clean(code: &str) -> bool {
    (1..=32).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2048, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_with_any_status_have_a_verdict(status: u16, body in prop::collection::vec(any::<u8>(), 0..256)) {
        let verdict = judge(status, &body);
        let is_accepted = matches!(verdict, Verdict::Accepted { .. });
        prop_assert!(!is_accepted, "{:?}", body);
    }

    #[test]
    fn acceptance_needs_a_success_and_a_message_id(
        status in prop_oneof![Just(202), Just(400), 0..700_u16], body in answer_like(),
    ) {
        let id = body.pointer("/data/message_id").and_then(Value::as_str).unwrap_or_default();
        match judge(status, body.to_string()) {
            Verdict::Accepted { provider_message_id } => {
                prop_assert!((200..300).contains(&status) && !id.is_empty());
                prop_assert_eq!(provider_message_id, id);
            }
            verdict => {
                let line = line(&verdict);
                let code = line.rsplit(' ').next().unwrap_or_default();
                prop_assert!(is_clean(code), "{}", line);
                let is_unknown = matches!(verdict, Verdict::Unknown { .. });
                prop_assert!(is_unknown || !(200..300).contains(&status));
            }
        }
    }

    #[test]
    fn a_truncated_acceptance_is_not_an_acceptance(length in 0..ACCEPTED.len()) {
        prop_assert_eq!(line(&judge(202, &ACCEPTED.as_bytes()[..length])), "unknown no_message_id");
    }
}
