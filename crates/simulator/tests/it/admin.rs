//! The admin API over HTTP.

use serde_json::{Value, json};
use simulator::Config;

use crate::client::{Client, message, start};

const TO: &str = "+254700000001";

async fn get(client: &mut Client, path: &str) -> Value {
    let answer = client.admin("GET", path, &Value::Null).await;
    assert_eq!(answer.status, 200, "{path}: {}", String::from_utf8_lossy(&answer.body));
    answer.json()
}

#[tokio::test]
async fn the_admin_api_reads_the_ledger() {
    let running = start(Config { balance: Some(2), ..Config::default() }).await;
    let mut client = Client::connect(running.addr()).await;
    for to in [TO, TO, "+254700000002"] {
        client.post(&message(to)).await;
    }
    let summary = get(&mut client, "/_admin/summary").await;
    assert_eq!(summary["requests"], 3);
    assert_eq!((&summary["accepted"], &summary["distinct_recipients"]), (&json!(2), &json!(1)));
    assert_eq!(summary["accepted_more_than_once"], 1);
    assert_eq!((&summary["refused"], &summary["balance"]), (&json!({"E110": 1}), &json!(0)));
    assert_eq!(summary["in_flight"], 0);
    let all = get(&mut client, "/_admin/arrivals").await;
    assert_eq!((&summary["first_arrival_us"], &summary["last_arrival_us"]), (&all[0], &all[2]));
    assert_eq!(get(&mut client, "/_admin/arrivals?accepted=true").await.as_array().unwrap().len(), 2);
    for path in ["/_admin/recipient/254700000001", "/_admin/recipient/+254700000001"] {
        let recipient = get(&mut client, path).await;
        assert_eq!((&recipient["accepted"], &recipient["requests"][1]["sequence"]), (&json!(2), &json!(2)));
    }
    let answer = client.admin("GET", "/_admin/ledger?after=1&limit=5", &Value::Null).await;
    let lines: Vec<Value> =
        answer.body.split(|&b| b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["recipient"], &lines[0]["ref"]), (&json!("254700000001"), &json!("c17.r000042")));
    assert_eq!((&lines[1]["code"], &lines[1]["message_id"]), (&json!("E110"), &Value::Null));
}

#[tokio::test]
async fn the_admin_api_changes_balance_latency_rate_limit_and_faults() {
    let running = start(Config::default()).await;
    let mut client = Client::connect(running.addr()).await;
    let hang = json!({"effect": {"kind": "refuse", "outcome": "WA500"}, "scope": {"next": 1}});
    let table = [
        ("PUT", "/_admin/balance", json!({"balance": 1}), 200, json!({"balance": 1})),
        ("POST", "/_admin/balance/add", json!({"amount": 4}), 200, json!({"balance": 5})),
        ("PUT", "/_admin/latency", json!({"fixed": "1ms"}), 200, json!({"fixed": "1ms", "jitter": "0s"})),
        ("PUT", "/_admin/rate-limit", json!({"rate_limit": "2/1m"}), 200, json!({"rate_limit": "2/1m"})),
        (
            "POST",
            "/_admin/faults",
            hang,
            201,
            json!({"id": 1, "hits": 0, "remaining": 1, "scope": {"next": 1},
                   "effect": {"kind": "refuse", "outcome": "WA500", "retry_after_s": null, "accepted": false}}),
        ),
    ];
    for (method, path, body, status, expected) in table {
        let answer = client.admin(method, path, &body).await;
        assert_eq!((answer.status, answer.json()), (status, expected), "{method} {path}");
    }
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(client.post(&message(TO)).await.status);
    }
    assert_eq!(statuses, [500, 202, 429]);
    assert_eq!(get(&mut client, "/_admin/faults").await[0]["hits"], 1);
    assert_eq!(client.admin("DELETE", "/_admin/faults/1", &Value::Null).await.status, 200);
    assert_eq!(client.admin("DELETE", "/_admin/faults/1", &Value::Null).await.status, 404);
    assert_eq!(client.admin("DELETE", "/_admin/faults", &Value::Null).await.json(), json!([]));
    assert_eq!(client.admin("PUT", "/_admin/balance", &json!({"balance": null})).await.status, 200);
    assert_eq!(get(&mut client, "/_admin/summary").await["balance"], Value::Null);
}

#[tokio::test]
async fn a_reset_restores_the_configuration() {
    let running = start(Config { balance: Some(3), ..Config::default() }).await;
    let mut client = Client::connect(running.addr()).await;
    let first = client.post(&message(TO)).await.json();
    client.admin("POST", "/_admin/faults", &json!({"effect": {"kind": "hang"}})).await;
    assert_eq!(client.admin("POST", "/_admin/reset", &Value::Null).await.status, 200);
    let summary = get(&mut client, "/_admin/summary").await;
    assert_eq!((&summary["requests"], &summary["balance"]), (&json!(0), &json!(3)));
    let second = client.post(&message(TO)).await.json();
    assert_ne!(first["data"]["message_id"], second["data"]["message_id"], "ids are never given twice");
}

#[tokio::test]
async fn an_invalid_admin_request_is_refused_with_the_reason_and_changes_nothing() {
    let running = start(Config { balance: Some(3), ..Config::default() }).await;
    let mut client = Client::connect(running.addr()).await;
    let table = [
        ("PUT", "/_admin/balance", json!({}), 400),
        ("PUT", "/_admin/balance", json!({"balance": -1}), 400),
        ("PUT", "/_admin/balance", json!({"balance": 1, "other": 2}), 400),
        ("PUT", "/_admin/latency", json!({"fixed": 50}), 400),
        ("PUT", "/_admin/rate-limit", json!({"rate_limit": "fast"}), 400),
        ("POST", "/_admin/faults", json!({"effect": {"kind": "earthquake"}}), 400),
        ("POST", "/_admin/faults", json!({"effect": {"kind": "hang"}, "scope": {"nex": 1}}), 400),
        ("POST", "/_admin/faults", json!({"effect": {"kind": "refuse", "outcome": "WA-401"}}), 400),
        ("POST", "/_admin/faults", json!({"effect": {"kind": "hang"}, "scope": {"recipients": ["12"]}}), 400),
        ("GET", "/_admin/ledger?after=x", Value::Null, 400),
        ("GET", "/_admin/recipient/anna", Value::Null, 400),
        ("GET", "/_admin/nothing", Value::Null, 404),
        ("POST", "/_admin/summary", Value::Null, 404),
    ];
    for (method, path, body, status) in table {
        let answer = client.admin(method, path, &body).await;
        assert_eq!(answer.status, status, "{method} {path} {body}");
        assert!(answer.json()["error"].is_string());
    }
    assert_eq!((running.ledger().summary().balance, running.controls().faults().len()), (Some(3), 0));
    assert_eq!(running.ledger().summary().requests, 0, "admin requests are not in the ledger");
}

#[tokio::test]
async fn a_web_page_is_not_answered_and_changes_nothing() {
    let running = start(Config { balance: Some(7), ..Config::default() }).await;
    let mut client = Client::connect(running.addr()).await;
    let page = [("origin", "https://example.org"), ("content-type", "text/plain")];
    for (method, path) in [("PUT", "/_admin/balance"), ("POST", "/_admin/reset"), ("GET", "/_admin/ledger")] {
        let answer = client.send(method, path, &page, br#"{"balance": 1}"#).await.unwrap();
        assert_eq!(answer.status, 403, "{path}");
    }
    assert_eq!(get(&mut client, "/_admin/summary").await["balance"], 7);
}
