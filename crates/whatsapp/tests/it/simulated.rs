//! Requests to the simulator, which is implemented independently from the provider's documentation and checks every field.

use std::collections::HashSet;
use std::time::Duration;

use campaign::{FlowAction, FlowMessage, FlowMode, FlowName, Message, Provider, StopReason, Verdict};
use secrecy::SecretString;
use serde_json::json;
use simulator::{Config, Effect, Fault, Latency, ResetPoint, Running, Scope, Simulator};
use whatsapp::{Account, Channel, Client};

use crate::verdicts::{line, text};
use crate::{account, account_of, config, message, patient, send, send_message, survey, template};

async fn simulator(balance: Option<u64>) -> Running {
    simulator_of(Provider::Kaleyra, balance).await
}

async fn simulator_of(provider: Provider, balance: Option<u64>) -> Running {
    let known = account_of(provider, "http://127.0.0.1");
    let config = Config {
        provider: provider.word().parse().unwrap(),
        account: known.account.unwrap_or_default(),
        number: simulator::Msisdn::parse(&known.number).unwrap(),
        api_key: known.api_key,
        balance,
        ..Config::default()
    };
    Simulator::start(config).await.unwrap()
}

fn stopped_for(verdict: &Verdict) -> Option<StopReason> {
    match verdict {
        Verdict::StopSender { reason, .. } => Some(*reason),
        _ => None,
    }
}

#[tokio::test]
async fn every_kind_of_message_is_accepted_by_the_simulator() {
    let running = simulator(None).await;
    let channel = crate::channel(&running.base_url(), &patient());
    let navigate = |data: serde_json::Value| FlowAction::Navigate {
        screen: "WELCOME".into(),
        data: data.as_object().cloned(),
    };
    let messages = [
        message(),
        FlowMessage { header: Some("Survey".into()), footer: Some("STOP to opt out".into()), ..message() },
        FlowMessage { action: navigate(json!({ "first_name": "Anna" })), ..message() },
        FlowMessage { action: navigate(json!(null)), ..message() },
        FlowMessage { flow: FlowName::Name("survey".into()), mode: FlowMode::Draft, ..message() },
    ];
    let flows = messages.into_iter().map(Message::Flow);
    for (message, seq) in flows.chain([Message::Template(template())]).zip(1..) {
        let answer = send_message(&channel, &message, seq).await;
        assert!(matches!(answer.verdict, Verdict::Accepted { .. }), "{answer:?}");
    }
    for (entry, seq) in running.ledger().entries(0, 10).iter().zip(1..) {
        assert_eq!((&entry.wrong, entry.unknown_fields.as_slice()), (&None, [].as_slice()));
        assert_eq!(entry.reference, Some(crate::reference(seq).to_string()));
        assert_eq!(entry.flow_token, entry.reference);
        assert_eq!(entry.ref2.as_deref(), Some("attempt-1"));
    }
    assert_eq!(running.ledger().summary().accepted, 6);
    running.shutdown().await;
}

#[tokio::test]
async fn a_used_up_balance_and_a_wrong_account_stop_the_sender() {
    let running = simulator(Some(1)).await;
    let known = account(&running.base_url());
    let client = Client::new(&patient()).unwrap();
    let open = |account: Account| Channel::new(client.clone(), &account).unwrap();
    let channel = open(known.clone());
    assert!(matches!(send(&channel, 1).await.verdict, Verdict::Accepted { .. }));
    assert_eq!(stopped_for(&send(&channel, 2).await.verdict), Some(StopReason::LowBalance));
    let key = open(Account { api_key: SecretString::from("another"), ..known.clone() });
    assert_eq!(stopped_for(&send(&key, 3).await.verdict), Some(StopReason::BadCredentials));
    let number = open(Account { number: "919000000008".into(), ..known });
    assert_eq!(stopped_for(&send(&number, 4).await.verdict), Some(StopReason::SenderNotAllowed));
    running.shutdown().await;
}

#[tokio::test]
async fn a_request_that_fails_after_the_message_was_accepted_is_unknown_and_sent_once() {
    let running = simulator(None).await;
    let channel = crate::channel(&running.base_url(), &config());
    let effects = [
        Effect::Hang {},
        Effect::Reset { at: ResetPoint::NoAnswer },
        Effect::Reset { at: ResetPoint::HalfAnswer },
        Effect::Garbage { body: simulator::Garbage::Html, status: 202 },
        Effect::Garbage { body: simulator::Garbage::Truncated, status: 202 },
        Effect::Drip { every: Duration::from_secs(1) },
        Effect::Huge { bytes: 1_000_000 },
    ];
    for (effect, seq) in effects.into_iter().zip(1..) {
        running.controls().inject(Fault { effect: effect.clone(), scope: Scope::next(1) }).unwrap();
        let answer = send(&channel, seq).await;
        assert!(matches!(answer.verdict, Verdict::Unknown { .. }), "{effect:?}: {answer:?}");
    }
    let summary = running.ledger().summary();
    assert_eq!((summary.requests, summary.accepted, summary.accepted_more_than_once), (7, 7, 0));
    running.shutdown().await;
}

fn plain_template() -> Message {
    Message::Template(campaign::TemplateMessage { header: None, button: None, ..template() })
}

pub(crate) async fn open(provider: Provider, balance: Option<u64>) -> (Running, Channel) {
    let running = simulator_of(provider, balance).await;
    let account = account_of(provider, &running.base_url());
    let channel = Channel::new(Client::new(&patient()).unwrap(), &account).unwrap();
    (running, channel)
}

#[tokio::test]
async fn every_simulated_provider_accepts_the_messages_of_its_adapter() {
    for provider in Provider::ALL {
        let (running, channel) = open(provider, None).await;
        let mut messages = vec![Message::Flow(survey()), plain_template()];
        if provider != Provider::LipaChat {
            let whole =
                FlowMessage { header: Some("Survey".into()), footer: Some("STOP".into()), ..survey() };
            messages.extend([Message::Flow(whole), Message::Flow(message()), Message::Template(template())]);
        }
        for (message, seq) in messages.iter().zip(1..) {
            let answer = send_message(&channel, message, seq).await;
            let entry = running.ledger().entries(0, 9).pop().unwrap();
            let Verdict::Accepted { provider_message_id } = answer.verdict else {
                panic!("{provider}: {}, because of {:?}", line(&answer.verdict), entry.wrong)
            };
            assert_eq!(entry.message_id, Some(provider_message_id), "{provider}");
            assert!(entry.unknown_fields.is_empty(), "{provider}: {:?}", entry.unknown_fields);
            let carried = entry.reference.or(entry.flow_token);
            let has_none = provider == Provider::OneMsg && *message == plain_template();
            assert_eq!(carried, (!has_none).then(|| crate::reference(seq).to_string()), "{provider}");
        }
        running.shutdown().await;
    }
}

#[tokio::test]
async fn every_refusal_of_a_simulated_provider_is_in_the_table_of_its_adapter() {
    let known_unknown =
        ["not_found", "method_not_allowed", "overloaded", "internal_error", "rate_limited", "queued"];
    for provider in Provider::ALL {
        let (running, channel) = open(provider, None).await;
        let error = running.controls().inject(refuse("no such thing")).unwrap_err().to_string();
        let names: Vec<&str> = error.split("use one of ").nth(1).unwrap().split(", ").collect();
        for (name, seq) in names.iter().zip(1..) {
            running.controls().inject(refuse(name)).unwrap();
            let verdict = send_message(&channel, &Message::Flow(survey()), seq).await.verdict;
            assert!(!matches!(verdict, Verdict::Accepted { .. }), "{provider} {name}");
            let in_table = whatsapp::error_map(provider).iter().any(|rule| rule.text == text(&verdict));
            let passed_on = name.ends_with("_by_meta") || *name == "empty_body";
            assert!(
                in_table || passed_on || known_unknown.contains(name),
                "{provider} {name}: {}",
                line(&verdict)
            );
        }
        running.shutdown().await;
    }
}

fn refuse(outcome: &str) -> Fault {
    Fault {
        effect: Effect::Refuse { outcome: outcome.into(), retry_after_s: None, accepted: false },
        scope: Scope::next(1),
    }
}

#[tokio::test]
async fn a_refusal_of_meta_means_the_same_if_1msg_passes_it_on() {
    let (meta, to_meta) = open(Provider::Meta, None).await;
    let (one_msg, to_one_msg) = open(Provider::OneMsg, None).await;
    let error = one_msg.controls().inject(refuse("no such thing")).unwrap_err().to_string();
    let names: Vec<&str> = error.split("use one of ").nth(1).unwrap().split(", ").collect();
    let passed_on: Vec<&str> = names.iter().filter_map(|name| name.strip_suffix("_by_meta")).collect();
    assert!(passed_on.len() > 55, "{names:?}");
    for (name, seq) in passed_on.iter().zip(1..) {
        meta.controls().inject(refuse(name)).unwrap();
        one_msg.controls().inject(refuse(&format!("{name}_by_meta"))).unwrap();
        let of_meta = send_message(&to_meta, &Message::Flow(survey()), seq).await.verdict;
        let of_one_msg = send_message(&to_one_msg, &Message::Flow(survey()), seq).await.verdict;
        assert_eq!(line(&of_one_msg), line(&of_meta), "{name}");
    }
    meta.shutdown().await;
    one_msg.shutdown().await;
}

#[tokio::test]
async fn a_used_up_balance_stops_the_sender_if_the_provider_documents_it() {
    for (provider, expected) in [
        (Provider::Kaleyra, "stop sender low_balance E110"),
        (Provider::LipaChat, "rejected http_400"),
        (Provider::OneMsg, "stop sender payment http_403"),
        (Provider::Meta, "stop sender payment 131042"),
    ] {
        let (running, channel) = open(provider, Some(0)).await;
        let answer = send_message(&channel, &Message::Flow(survey()), 1).await;
        assert_eq!(line(&answer.verdict), expected);
        running.shutdown().await;
    }
}

#[tokio::test]
async fn the_client_keeps_as_many_connections_as_there_were_concurrent_requests() {
    const AT_ONCE: u64 = 300;
    let known = account_of(Provider::Kaleyra, "http://127.0.0.1");
    let latency = Latency::fixed(Duration::from_millis(500));
    let config = Config {
        account: known.account.unwrap_or_default(),
        number: simulator::Msisdn::parse(&known.number).unwrap(),
        api_key: known.api_key,
        latency,
        ..Config::default()
    };
    let running = Simulator::start(config).await.unwrap();
    let channel = crate::channel(&running.base_url(), &patient());
    for _ in 0..2 {
        let sends = (1..=AT_ONCE).map(|seq| send(&channel, i32::try_from(seq).unwrap()));
        for answer in futures::future::join_all(sends).await {
            assert!(matches!(answer.verdict, Verdict::Accepted { .. }), "{answer:?}");
        }
    }
    let entries = running.ledger().entries(0, 1_000);
    let ports: HashSet<u16> = entries.iter().map(|entry| entry.peer_port).collect();
    assert_eq!(entries.len(), 600);
    assert!(ports.len() <= 300, "{} connections were made for 300 requests at once", ports.len());
    running.shutdown().await;
}
