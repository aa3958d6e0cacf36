//! The entries and totals of the ledger.

use std::time::{Duration, Instant};

use serde_json::json;
use simulator::Config;
use tokio::task::JoinSet;

use crate::client::{Client, JSON, KEY, PATH, PATIENCE, message, msisdn, start, template, with};

#[tokio::test]
async fn an_entry_has_all_fields_of_a_request() {
    let running = start(Config::default()).await;
    let mut client = Client::connect(running.addr()).await;
    let answer = client.post(&message("+254700000001")).await;
    client.post(&with(template("254700000002"), "/extra_info/ref", Some(json!("ż".repeat(300))))).await;
    client.post(&json!({"messaging_object": {"to": "+254700000003"}, "extra_info": {"ref": "r3"}})).await;

    let entries = running.ledger().entries(0, 10);
    let first = &entries[0];
    assert_eq!(first.recipient, Some(msisdn("254700000001")));
    assert_eq!(first.reference.as_deref(), Some("c17.r000042"));
    assert_eq!(first.flow_token.as_deref(), Some("018f3c1e-7b7e-7cc0-9d0e-0d2a4b5c6d7e"));
    assert_eq!(first.ref2.as_deref(), Some("attempt-1"));
    assert_eq!((first.outcome, first.code, first.status), ("accepted", "WA202", Some(202)));
    assert_eq!(first.message_id.as_deref(), answer.json()["data"]["message_id"].as_str());
    assert_eq!(first.peer_port, client.local_port());

    assert_eq!(entries[1].flow_token.as_deref(), Some("c17.r000042"));
    assert_eq!(entries[1].reference.as_deref(), Some("ż".repeat(255).as_str()), "cut as the page says");
    assert_eq!(entries[1].ref2, None);

    assert_eq!(
        (entries[2].accepted, entries[2].code, entries[2].message_id.as_deref()),
        (false, "WA400", None)
    );
    assert_eq!(entries[2].recipient, Some(msisdn("254700000003")));
    assert_eq!(entries[2].reference.as_deref(), Some("r3"));
    assert_eq!(entries.iter().map(|entry| entry.sequence).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(entries.iter().all(|entry| running.ledger().arrivals().contains(&entry.arrival_us)));
}

#[tokio::test]
async fn its_debug_output_shows_no_number_and_no_token() {
    let running = start(Config::default()).await;
    Client::connect(running.addr()).await.post(&message("+254700000001")).await;
    let shown = format!(
        "{:?} {:?}",
        running.ledger().entries(0, 1),
        running.ledger().recipient(msisdn("254700000001"))
    );
    assert!(shown.contains("accepted"), "{shown}");
    for secret in ["254700000001", "018f3c1e", "c17.r000042"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_request_of_64_clients_is_in_the_ledger_once() {
    let running = start(Config::default()).await;
    let mut tasks = JoinSet::new();
    for client in 0..64 {
        let addr = running.addr();
        tasks.spawn(async move {
            let mut connection = Client::connect(addr).await;
            let mut ids = Vec::new();
            for number in 0..50 {
                // The last ten messages go to recipients that already got one.
                let body = message(&format!("+2547{client:04}{:04}", number % 40));
                let reference = Some(json!(format!("{client}.{number}")));
                let answer = connection.post(&with(body, "/extra_info/ref", reference)).await;
                ids.push(answer.json()["data"]["message_id"].as_str().unwrap().to_owned());
            }
            ids
        });
    }
    let mut told: Vec<String> = tasks.join_all().await.into_iter().flatten().collect();
    let ledger = running.ledger();
    let summary = ledger.summary();
    assert_eq!((summary.requests, summary.accepted), (3_200, 3_200));
    assert_eq!((summary.distinct_recipients, summary.accepted_more_than_once), (64 * 40, 64 * 10));
    assert!(ledger.wait_until(PATIENCE, |summary| summary.in_flight == 0).await);

    let entries = ledger.entries(0, usize::MAX);
    let mut entered: Vec<String> = entries.iter().map(|entry| entry.message_id.clone().unwrap()).collect();
    told.sort();
    entered.sort();
    assert_eq!(told, entered);
    let references: std::collections::HashSet<_> = entries.iter().map(|entry| &entry.reference).collect();
    assert_eq!(references.len(), 3_200);
    let ports: std::collections::HashSet<_> = entries.iter().map(|entry| entry.peer_port).collect();
    assert_eq!(ports.len(), 64);
    assert!(ledger.arrivals().is_sorted());
    assert_eq!(ledger.accepted_counts().iter().map(|&(_, count)| count).sum::<u32>(), 3_200);
    assert_eq!(ledger.recipient(msisdn("254700000039")).accepted, 1);
    assert_eq!(ledger.recipient(msisdn("254700000000")).requests.len(), 2);
}

#[tokio::test]
async fn entries_are_read_from_any_sequence_on() {
    let running = start(Config::default()).await;
    let mut client = Client::connect(running.addr()).await;
    for _ in 0..25 {
        client.post(&message("+254700000001")).await;
    }
    let ledger = running.ledger();
    let sequences =
        |after, limit| ledger.entries(after, limit).iter().map(|entry| entry.sequence).collect::<Vec<_>>();
    assert_eq!(sequences(0, 3), [1, 2, 3]);
    assert_eq!(sequences(23, 100), [24, 25]);
    assert!(sequences(25, 100).is_empty());
    assert!(sequences(0, 0).is_empty());
}

#[tokio::test]
async fn the_arrival_time_is_when_the_kernel_received_the_request_and_not_when_it_was_read() {
    let running = start(Config::default()).await;
    let mut client = Client::connect(running.addr()).await;
    client.post(&message("+254700000001")).await;
    client.write("POST", PATH, &[JSON, KEY], message("+254700000002").to_string().as_bytes()).await.unwrap();
    // Nothing else runs on this thread, so requests that arrived by now are read only after this.
    let written = Instant::now();
    while written.elapsed() < Duration::from_millis(50) {}
    client.read().await.unwrap();
    let arrivals = running.ledger().arrivals();
    assert!(arrivals[1] - arrivals[0] < 25_000, "{arrivals:?}");
}
