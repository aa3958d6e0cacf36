//! The whole way to the simulator, which reads the vendor's page on its own and finds fault with every field.

use std::time::Duration;

use campaign::{FlowAction, FlowMessage, FlowMode, FlowName, Message, StopReason, Verdict};
use secrecy::SecretString;
use serde_json::json;
use simulator::{Config, Effect, Fault, ResetPoint, Running, Scope, Simulator};
use whatsapp::{Account, Channel, Client};

use crate::{account, config, message, patient, send, send_message, template};

async fn simulator(balance: Option<u64>) -> Running {
    let known = account("http://127.0.0.1");
    let config = Config {
        account: known.account.unwrap(),
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
async fn every_kind_of_message_is_taken_as_the_page_wants_it() {
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
async fn a_spent_balance_and_a_wrong_account_stop_the_sender() {
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
async fn an_answer_that_fails_after_the_message_was_taken_is_unknown_and_nobody_gets_two() {
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
