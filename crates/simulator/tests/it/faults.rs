//! Faults as a client sees them.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use simulator::{Config, Effect, Fault, FaultKind, Garbage, Latency, ResetPoint, Running, Scope};

use crate::client::{Client, JSON, KEY, PATH, PATIENCE, message, msisdn, start};

const TO: &str = "+254700000001";

async fn with_fault(effect: Effect, scope: Scope) -> (Running, Client) {
    let running = start(Config { balance: Some(10), ..Config::default() }).await;
    running.controls().inject(Fault { effect, scope }).unwrap();
    let client = Client::connect(running.addr()).await;
    (running, client)
}

/// Checks that the first request was accepted with this fault and this status, and that the next request is answered normally.
async fn assert_accepted_then_well(running: &Running, fault: FaultKind, status: Option<u16>) {
    let entry = running.ledger().entries(0, 1).remove(0);
    assert_eq!((entry.accepted, entry.fault, entry.status), (true, Some(fault), status));
    assert_eq!(running.ledger().summary().balance, Some(9));
    assert_eq!(Client::connect(running.addr()).await.post(&message(TO)).await.code(), "WA202");
    assert_eq!(running.ledger().summary().accepted_more_than_once, 1);
}

#[tokio::test]
async fn a_hanging_message_is_accepted_and_never_answered() {
    let (running, mut client) = with_fault(Effect::Hang {}, Scope::next(1)).await;
    client.write("POST", PATH, &[JSON, KEY], message(TO).to_string().as_bytes()).await.unwrap();
    assert!(running.ledger().wait_until(PATIENCE, |summary| summary.accepted == 1).await);
    assert_accepted_then_well(&running, FaultKind::Hang, None).await;
    assert!(running.ledger().wait_until(PATIENCE, |summary| summary.in_flight == 1).await);
    let unanswered = tokio::time::timeout(Duration::from_millis(50), client.next_byte()).await;
    assert!(unanswered.is_err(), "{unanswered:?}");
    drop(client);
    assert!(running.ledger().wait_until(PATIENCE, |summary| summary.in_flight == 0).await);
}

#[tokio::test]
async fn a_shutdown_closes_connections_with_hanging_requests() {
    let (running, mut client) = with_fault(Effect::Hang {}, Scope::default()).await;
    client.write("POST", PATH, &[JSON, KEY], message(TO).to_string().as_bytes()).await.unwrap();
    let ledger = running.ledger();
    assert!(ledger.wait_until(PATIENCE, |summary| summary.accepted == 1).await);
    tokio::time::timeout(PATIENCE, running.shutdown()).await.unwrap();
    assert!(!matches!(client.next_byte().await, Ok(Some(_))));
    assert_eq!(ledger.summary().accepted, 1);
}

#[tokio::test]
async fn a_reset_leaves_an_accepted_message_without_an_answer() {
    let (running, mut client) = with_fault(Effect::Reset { at: ResetPoint::NoAnswer }, Scope::next(1)).await;
    let error = client.try_post(&message(TO)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_accepted_then_well(&running, FaultKind::Reset, None).await;
}

#[tokio::test]
async fn half_an_answer_is_followed_by_the_end_of_the_connection() {
    let (running, mut client) =
        with_fault(Effect::Reset { at: ResetPoint::HalfAnswer }, Scope::next(1)).await;
    let answer = client.post(&message(TO)).await;
    let length: usize = answer.header("content-length").unwrap().parse().unwrap();
    assert_eq!((answer.status, answer.broken), (202, Some(ErrorKind::UnexpectedEof)));
    assert_eq!(answer.body.len(), length / 2);
    assert_accepted_then_well(&running, FaultKind::Reset, Some(202)).await;
}

#[tokio::test]
async fn a_garbage_answer_is_not_json() {
    for (body, content_type) in [
        (Garbage::Text, "text/plain"),
        (Garbage::Html, "text/html"),
        (Garbage::Truncated, "application/json"),
    ] {
        let (running, mut client) = with_fault(Effect::Garbage { body, status: 202 }, Scope::next(1)).await;
        let answer = client.post(&message(TO)).await;
        assert_eq!(
            (answer.status, answer.header("content-type"), answer.broken),
            (202, Some(content_type), None)
        );
        assert!(serde_json::from_slice::<serde_json::Value>(&answer.body).is_err(), "{body:?}");
        assert_accepted_then_well(&running, FaultKind::Garbage, Some(202)).await;
    }
}

#[tokio::test]
async fn the_error_page_of_a_proxy_does_not_accept_the_message() {
    let (running, mut client) =
        with_fault(Effect::Garbage { body: Garbage::Html, status: 502 }, Scope::next(1)).await;
    assert_eq!(client.post(&message(TO)).await.status, 502);
    let summary = running.ledger().summary();
    assert_eq!((summary.accepted, summary.balance, summary.refused.get("garbled")), (0, Some(10), Some(&1)));
}

#[tokio::test]
async fn a_dripping_answer_comes_byte_by_byte() {
    let (running, mut client) =
        with_fault(Effect::Drip { every: Duration::from_millis(2) }, Scope::next(1)).await;
    let begin = Instant::now();
    let answer = client.post(&message(TO)).await;
    let least = Duration::from_millis(2) * u32::try_from(answer.body.len()).unwrap();
    assert_eq!(answer.code(), "WA202");
    assert!(begin.elapsed() >= least, "{:?} is less than {least:?}", begin.elapsed());
    assert_accepted_then_well(&running, FaultKind::Drip, Some(202)).await;
}

#[tokio::test]
async fn a_huge_answer_has_the_requested_length() {
    let (running, mut client) = with_fault(Effect::Huge { bytes: 3_000_000 }, Scope::next(1)).await;
    let answer = client.post(&message(TO)).await;
    assert_eq!((answer.body.len(), answer.code().as_str()), (3_000_000, "WA202"));
    assert_eq!(client.post(&message(TO)).await.code(), "WA202", "the connection stays usable");
    assert_eq!(running.ledger().entries(0, 1).remove(0).fault, Some(FaultKind::Huge));
}

#[tokio::test]
async fn a_redirect_names_another_place_and_accepts_nothing() {
    let location = "http://127.0.0.1:1/elsewhere";
    let (running, mut client) =
        with_fault(Effect::Redirect { location: location.into() }, Scope::next(1)).await;
    let answer = client.post(&message(TO)).await;
    assert_eq!((answer.status, answer.header("location")), (307, Some(location)));
    let summary = running.ledger().summary();
    assert_eq!((summary.accepted, summary.refused.get("redirected")), (0, Some(&1)));
}

#[tokio::test]
async fn a_fault_closes_an_idle_connection_after_its_time() {
    let effect = Effect::CloseIdle { after: Duration::from_millis(30) };
    let (running, mut client) = with_fault(effect, Scope::recipients([msisdn(TO)])).await;
    assert_eq!(client.post(&message("+254700000002")).await.status, 202);
    let other = tokio::time::timeout(Duration::from_millis(100), client.next_byte()).await;
    assert!(other.is_err(), "a recipient who is not meant keeps the connection open");
    assert_eq!(client.post(&message(TO)).await.header("connection"), None);
    assert_eq!(client.next_byte().await.unwrap(), None);
    assert_eq!(running.ledger().summary().accepted, 2);
}

#[tokio::test]
async fn every_idle_connection_is_closed_if_the_configuration_says_so() {
    let running = start(Config { idle_timeout: Some(Duration::from_millis(250)), ..Config::default() }).await;
    let mut unused = Client::connect(running.addr()).await;
    assert_eq!(unused.next_byte().await.unwrap(), None);
    let mut used = Client::connect(running.addr()).await;
    running.controls().set_latency(Latency::fixed(Duration::from_millis(600)));
    let answer = used.post(&message(TO)).await;
    assert_eq!((answer.status, answer.header("connection")), (202, None), "a request in flight is not idle");
    assert_eq!(used.next_byte().await.unwrap(), None);
}

#[tokio::test]
async fn the_latency_of_faults_is_added_to_the_configured_latency() {
    let running =
        start(Config { latency: Latency::fixed(Duration::from_millis(20)), ..Config::default() }).await;
    let effect = Effect::Latency { fixed: Duration::from_millis(60), jitter: Duration::from_millis(5) };
    running.controls().inject(Fault { effect, scope: Scope::next(1) }).unwrap();
    let mut client = Client::connect(running.addr()).await;
    for least in [80, 20] {
        let begin = Instant::now();
        assert_eq!(client.post(&message(TO)).await.status, 202);
        assert!(begin.elapsed() >= Duration::from_millis(least), "{:?}", begin.elapsed());
    }
}

#[tokio::test]
async fn a_fault_that_accepts_is_not_used_up_when_there_is_no_balance() {
    let (running, mut client) = with_fault(Effect::Reset { at: ResetPoint::NoAnswer }, Scope::next(1)).await;
    running.controls().set_balance(Some(0));
    assert_eq!(client.post(&message(TO)).await.code(), "E110");
    running.controls().set_balance(Some(1));
    assert!(client.try_post(&message(TO)).await.is_err());
    assert_eq!(running.controls().faults()[0].hits, 1);
}
