//! Balance and rate limit under concurrency.

use simulator::{Config, Running, max_in_window};
use tokio::task::JoinSet;

use crate::client::{Client, message, start};

/// Sends `each` messages from each of `clients` connections concurrently, and returns the number of answers by status.
async fn storm(running: &Running, clients: u64, each: u64) -> std::collections::BTreeMap<u16, u64> {
    let mut tasks = JoinSet::new();
    for client in 0..clients {
        let addr = running.addr();
        tasks.spawn(async move {
            let mut connection = Client::connect(addr).await;
            let mut statuses = Vec::new();
            for message_number in 0..each {
                let to = format!("+2547{client:04}{message_number:04}");
                statuses.push(connection.post(&message(&to)).await.status);
            }
            statuses
        });
    }
    let mut counts = std::collections::BTreeMap::new();
    for status in tasks.join_all().await.into_iter().flatten() {
        *counts.entry(status).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_balance_runs_out_at_exactly_its_number_and_a_top_up_is_used_up_as_exactly() {
    let running = start(Config { balance: Some(100), ..Config::default() }).await;
    assert_eq!(storm(&running, 16, 20).await, [(202, 100), (400, 220)].into());
    assert_eq!(running.controls().add_balance(57), Some(57));
    assert_eq!(storm(&running, 16, 20).await, [(202, 57), (400, 263)].into());
    let summary = running.ledger().summary();
    assert_eq!((summary.accepted, summary.balance), (157, Some(0)));
    assert_eq!(summary.refused.get("E110"), Some(&483));
    running.controls().set_balance(None);
    assert_eq!(storm(&running, 4, 20).await, [(202, 80)].into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_top_ups_are_neither_lost_nor_counted_twice() {
    let running = start(Config { balance: Some(0), ..Config::default() }).await;
    let controls = running.controls();
    let top_up = async {
        for _ in 0..200 {
            controls.add_balance(1);
            tokio::task::yield_now().await;
        }
    };
    let (counts, ()) = tokio::join!(storm(&running, 16, 40), top_up);
    let accepted = counts.get(&202).copied().unwrap_or(0);
    let summary = running.ledger().summary();
    assert_eq!(summary.accepted, accepted);
    assert_eq!(summary.balance, Some(200 - accepted));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_rate_limit_holds_in_every_sliding_window() {
    let rate_limit = Some("50/200ms".parse().unwrap());
    let running = start(Config { rate_limit, retry_after_s: Some(1), ..Config::default() }).await;
    let counts = storm(&running, 16, 100).await;
    let accepted = running.ledger().accepted_arrivals();
    assert!(max_in_window(&accepted, 200_000) <= 50);
    assert_eq!(counts.get(&202), Some(&(accepted.len() as u64)));
    assert_eq!(running.ledger().summary().refused.get("429"), counts.get(&429));
    assert_eq!(counts.values().sum::<u64>(), 1_600);
}
