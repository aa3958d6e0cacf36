//! Rules that hold for every provider.

use std::time::Duration;

use campaign::{Message, Provider, StopReason, Verdict};
use proptest::prelude::*;
use serde_json::{Value, json};
use whatsapp::{Channel, Class, Client, HttpAnswer, Pattern, Rule, classify_answer, error_map};

use crate::listener::{Act, Listener};
use crate::verdicts::{acceptance, id_place, judge, line, refusal, text};
use crate::{account_of, patient, reference, send_message, shown, survey, template};

#[test]
fn the_documented_acceptance_is_accepted_and_every_part_of_it_is_required() {
    for provider in Provider::ALL {
        let (status, body) = acceptance(provider);
        assert_eq!(line(&judge(provider, status, body.to_string())), "accepted A7", "{provider}");
        for id in [json!(null), json!(""), json!(7), json!(["A7"]), json!("A\u{0}7"), json!("A".repeat(257))]
        {
            let mut body = body.clone();
            *body.pointer_mut(id_place(provider)).unwrap() = id.clone();
            let found = judge(provider, status, body.to_string());
            assert_eq!(line(&found), "unknown no_message_id", "{provider} {id}");
        }
        for status in [101, 400, 401, 403, 404, 408, 500, 502, 503] {
            let found = judge(provider, status, body.to_string());
            assert!(!matches!(found, Verdict::Accepted { .. }), "{provider} {status}");
        }
    }
}

#[test]
fn garbage_is_never_an_acceptance_nor_a_panic() {
    let megabytes = "x".repeat(10_000_000);
    let deep = "[".repeat(100_000);
    for provider in Provider::ALL {
        let (status, accepted) = acceptance(provider);
        let accepted = accepted.to_string();
        let list = format!("[{accepted}]");
        let cuts = (0..accepted.len()).filter_map(|end| accepted.get(..end));
        let garbage =
            ["", "null", "true", "[]", "{}", "7", "\"A7\"", "<html><body>200 OK</body></html>", "\u{feff}{}"];
        for body in garbage.into_iter().chain(cuts).chain([list.as_str(), &megabytes, &deep]) {
            let shown: String = body.chars().take(80).collect();
            let found = line(&judge(provider, status, body));
            assert_eq!(found, "unknown no_message_id", "{provider} {shown}");
            let found = line(&judge(provider, 502, body));
            assert!(found.starts_with("unknown "), "{provider} {shown}: {found}");
        }
        assert!(matches!(judge(provider, status, b"{\"id\":\"\xff\xfe\"}"), Verdict::Unknown { .. }));
    }
}

#[test]
fn an_undocumented_answer_of_any_provider_fails_safe() {
    for provider in Provider::ALL {
        for (status, expected) in [
            (404, "rejected http_404"),
            (408, "unknown http_408"),
            (429, "throttled http_429"),
            (502, "unknown http_502"),
            (503, "throttled http_503"),
            (504, "unknown http_504"),
            (307, "stop sender misconfigured http_307"),
        ] {
            assert_eq!(line(&judge(provider, status, "{}")), expected, "{provider} {status}");
        }
    }
}

#[test]
fn a_throttle_passes_on_its_retry_after() {
    for provider in Provider::ALL {
        let heard = HttpAnswer { status: 429, retry_after: Some(Duration::from_secs(7)), body: b"" };
        let found = classify_answer(provider, &heard);
        assert!(
            matches!(found, Verdict::Throttled { retry_after: Some(pause), .. } if pause.as_secs() == 7),
            "{provider} {found:?}"
        );
    }
}

/// An answer that this rule matches.
fn answer_for(provider: Provider, rule: &Rule) -> (u16, Value) {
    let numbered = |code: &str| code.parse::<u64>().map_or_else(|_| json!(code), Value::from);
    let status = rule.http_status.unwrap_or(400);
    match rule.pattern {
        Pattern::Code(code) => (status, refusal(provider, &numbered(code), "")),
        Pattern::CodeWithText(code, words) => (status, refusal(provider, &json!(code), words)),
        Pattern::CodeRange(_, last) => (status, refusal(provider, &json!(last), "")),
        Pattern::Text(_, words) => {
            (status, refusal(provider, &json!(null), &words.join(" was ").to_uppercase()))
        }
        Pattern::Status(status) => (status, json!({})),
    }
}

#[test]
fn every_rule_of_every_table_matches_its_answer_and_says_what_to_do() {
    for provider in Provider::ALL {
        for rule in error_map(provider).iter().filter(|rule| rule.class != Class::Accepted) {
            assert!(!rule.text.is_empty() && rule.text.is_ascii(), "{rule:?}");
            let (status, body) = answer_for(provider, rule);
            let found = judge(provider, status, body.to_string());
            assert_eq!(text(&found), rule.text, "{provider} {}: {status} {body}", rule.pattern);
            let as_classed = match (rule.class, &found) {
                (Class::Throttle, Verdict::Throttled { .. })
                | (Class::Unknown, Verdict::Unknown { .. })
                | (Class::Rejected, Verdict::Rejected { .. })
                | (Class::WindowClosed, Verdict::WindowClosed { .. }) => true,
                (Class::Retry(pauses), Verdict::Retry { schedule, .. }) => pauses == *schedule,
                (Class::StopCampaign(wanted), Verdict::StopCampaign { reason, .. })
                | (Class::StopSender(wanted), Verdict::StopSender { reason, .. }) => wanted == *reason,
                _ => false,
            };
            assert!(as_classed, "{provider} {}: {found:?}", rule.pattern);
        }
    }
}

#[test]
fn a_low_balance_stops_the_sender_of_every_provider_that_documents_it() {
    let is_for_money =
        |rule: &&Rule| matches!(rule.class, Class::StopSender(StopReason::LowBalance | StopReason::Payment));
    let rows = Provider::ALL.map(|provider| error_map(provider).iter().filter(is_for_money).count());
    assert_eq!(rows, [1, 0, 1, 2]);
}

#[test]
fn the_providers_own_words_are_not_kept() {
    for provider in Provider::ALL {
        let codes = ["WA400", "nobody +254712000001 knows", "E999", "254712000001", "131047", "0"];
        for (status, code) in
            [200, 301, 400, 401, 403, 429, 500].iter().flat_map(|status| codes.map(|c| (status, c)))
        {
            let body = refusal(
                provider,
                &json!(code),
                "no message to Anna +254712000001 with token Akey, rate limit",
            );
            let kept = format!("{:?}", judge(provider, *status, body.to_string()));
            for secret in ["254712", "Anna", "Akey"] {
                assert!(!kept.contains(secret), "{provider}: {kept}");
            }
        }
    }
}

#[test]
fn no_request_shows_its_key_and_each_carries_the_reference() {
    for provider in Provider::ALL {
        let mut plain = template();
        if provider == Provider::LipaChat {
            (plain.header, plain.button) = (None, None);
        }
        for message in [Message::Flow(survey()), Message::Template(plain)] {
            let (head, body) = shown(provider, &message);
            assert!(head.contains("********") && !head.contains("Akey"), "{head}");
            assert_eq!(head.matches("********").count(), 1, "{head}");
            let body = body.to_string();
            assert!(!body.contains("Akey") && body.contains(&reference(1).to_string()), "{provider} {body}");
        }
    }
}

#[tokio::test]
async fn the_key_is_in_one_place_of_the_request_and_debug_shows_neither_key_nor_number() {
    for provider in Provider::ALL {
        let listener = Listener::new([Act::answer("404 Not Found", "", "{}")]).await;
        let account = account_of(provider, &listener.url());
        let channel = Channel::new(Client::new(&patient()).unwrap(), &account).unwrap();
        let answer = send_message(&channel, &Message::Flow(survey()), 1).await;
        let request = listener.requests().remove(0);
        assert_eq!(request.matches("Akey-of-the-test").count(), 1, "{provider}: {request}");
        let debugged = format!("{answer:?} {channel:?} {account:?}");
        for secret in ["919000000", "Akey", "Anna", "ODI37", "10654", &reference(1).to_string()] {
            assert!(!debugged.contains(secret), "{provider}: {debugged}");
        }
    }
}

#[tokio::test]
async fn every_attempt_to_a_recipient_has_the_same_request_except_for_the_attempt_number() {
    for provider in [Provider::LipaChat, Provider::OneMsg, Provider::Meta] {
        let listener =
            Listener::new([Act::answer("404 Not Found", "", "{}"), Act::answer("404 Not Found", "", "{}")])
                .await;
        let account = account_of(provider, &listener.url());
        let channel = Channel::new(Client::new(&patient()).unwrap(), &account).unwrap();
        for _ in 0..2 {
            send_message(&channel, &Message::Flow(survey()), 1).await;
        }
        let requests = listener.requests();
        assert_eq!(requests[0], requests[1], "{provider}");
    }
}

/// A JSON value of the size of an answer, often with its keys.
fn answer_like() -> impl Strategy<Value = Value> {
    let words = vec!["WA202", "E110", "A7", "success", "error", "SENT", "true", "accepted", "rate limit"];
    let keys = vec![
        "code",
        "message",
        "data",
        "error",
        "message_id",
        "status",
        "waId",
        "sent",
        "id",
        "jobId",
        "messages",
        "response",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec![0, 1, 4, 190, 131_047, 131_042, -1]).prop_map(Value::from),
        "[ -~]{0,12}".prop_map(Value::from),
        prop::sample::select(words).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, move |inner| {
        let key = prop::sample::select(keys.clone());
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..6)
                .prop_map(|pairs| pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

fn any_provider() -> impl Strategy<Value = Provider> {
    prop::sample::select(Provider::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_with_any_status_have_a_verdict(
        provider in any_provider(), status: u16, body in prop::collection::vec(any::<u8>(), 0..256),
    ) {
        let found = judge(provider, status, &body);
        let is_accepted = matches!(found, Verdict::Accepted { .. });
        prop_assert!(!is_accepted, "{} {:?}", provider, body);
    }

    #[test]
    fn acceptance_needs_a_success_and_a_message_id(
        provider in any_provider(), status in prop_oneof![Just(200), Just(400), 0..700_u16], body in answer_like(),
    ) {
        let id = body.pointer(id_place(provider)).and_then(Value::as_str).unwrap_or_default();
        match judge(provider, status, body.to_string()) {
            Verdict::Accepted { provider_message_id } => {
                prop_assert!((200..300).contains(&status) && !id.is_empty());
                prop_assert_eq!(provider_message_id, id);
            }
            found => {
                let line = line(&found);
                let code = line.rsplit(' ').next().unwrap_or_default();
                let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
                prop_assert!((1..=32).contains(&code.len()) && code.bytes().all(is_word), "{}", line);
            }
        }
    }
}
