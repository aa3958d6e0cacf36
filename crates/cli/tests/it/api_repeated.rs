//! Every request with an `Idempotency-Key` is executed once: when it is repeated, and when 20 clients send it at once.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::{Value, json};
use simulator::Config;
use tokio::time::{Duration, Instant, sleep};

use crate::api_server::{Answer, ApiServer, key};
use crate::world::{PATIENCE, World};

/// What a request is sent with.
enum Body {
    None,
    Json(Value),
    List(&'static str),
}

/// A route of the document, statements that make its request possible, the path, and the body.
type Case = (&'static str, &'static str, String, Body);

fn cases(draft: &str) -> Vec<Case> {
    let of = |id: &str, what: &str| format!("/campaigns/{id}{what}");
    let sender = json!({"name": "x", "provider": "kaleyra", "base_url": "https://api.in.kaleyra.io", "account": "SID",
        "number": "919900000001", "api_key_ref": "env:X"});
    let stopped = "update sender_gate set is_open = false;
        insert into hold (sender_id, reason, caused_by, probe_at) values (1, 'low_balance', 'w', now() + interval '1 hour')";
    let dead = "insert into dead_letter (queue, reason, body, campaign_id, seq, body_bytes, body_sha256, deaths, first_died_at, last_died_at)
        values ('sender.1', 'rejected', '{}', 1, 1, 2, sha256('{}'), 1, now(), now())";
    let ended = "update campaign set state = 'finished', finished_at = now() where state = 'cancelled'";
    let endpoint = json!({"name": "shop", "url": "https://shop.example/"});
    let since = Body::Json(json!({"since": "2026-11-30T00:00:00Z"}));
    let delivered = "insert into webhook_delivery (endpoint_id, event_id, state) select id, 1, 'delivered' from webhook_endpoint";
    let reason = |key: &str, word: &str| Body::Json(json!({key: word, "reason": "test"}));
    let number = || Body::Json(json!({"number": "+254712000001"}));
    vec![
        ("/campaigns", "", "/campaigns".into(), Body::Json(definition())),
        ("/campaigns/{id}/clone", "", of(draft, "/clone"), Body::None),
        (
            "/campaigns/{id}/lists",
            "",
            of(draft, "/lists?name=b.csv"),
            Body::List("phone,first_name\n254712000009,Name9\n"),
        ),
        ("/campaigns/{id}/check", "", of(draft, "/check"), Body::None),
        ("/campaigns/{id}/test", "", of(draft, "/test"), Body::Json(json!({"to": "+254712000001"}))),
        ("/campaigns/{id}/start-request", "", of(draft, "/start-request"), Body::None),
        ("/campaigns/{id}/start", "", of(draft, "/start"), Body::None),
        ("/campaigns/{id}/pause", "", of(draft, "/pause"), Body::None),
        ("/campaigns/{id}/resume", "", of(draft, "/resume"), Body::None),
        ("/campaigns/{id}/retry", "", of(draft, "/retry"), reason("class", "failed")),
        ("/campaigns/{id}/resolve", "", of(draft, "/resolve"), reason("resolution", "give-up")),
        ("/campaigns/{id}/end", "", of(draft, "/end"), Body::None),
        ("/campaigns/{id}/archive", ended, of(draft, "/archive"), Body::None),
        ("/system/counters/check", "", "/system/counters/check".into(), Body::None),
        ("/senders", "", "/senders".into(), Body::Json(sender)),
        ("/senders/{name}/hold", "", "/senders/ke-main/hold".into(), Body::None),
        ("/senders/{name}/resume", "", "/senders/ke-main/resume".into(), Body::None),
        ("/senders/{name}/probe", stopped, "/senders/ke-main/probe".into(), Body::None),
        ("/suppressions", "", "/suppressions".into(), number()),
        ("/suppressions/remove", "", "/suppressions/remove".into(), number()),
        ("/system/dead-letters/redrive", dead, "/system/dead-letters/redrive".into(), Body::None),
        (
            "/accounts",
            "",
            "/accounts".into(),
            Body::Json(json!({"name": "anna", "grant": {"role": "viewer"}})),
        ),
        ("/accounts/{name}/link", "", "/accounts/anna/link".into(), Body::None),
        ("/webhook-endpoints", "", "/webhook-endpoints".into(), Body::Json(endpoint)),
        ("/webhook-endpoints/{name}/renew", "", "/webhook-endpoints/shop/renew".into(), Body::None),
        ("/webhook-endpoints/{name}/ping", "", "/webhook-endpoints/shop/ping".into(), Body::None),
        ("/webhook-endpoints/{name}/recover", "", "/webhook-endpoints/shop/recover".into(), since),
        (
            "/webhook-endpoints/{name}/deliveries/{event}/resend",
            delivered,
            "/webhook-endpoints/shop/deliveries/1/resend".into(),
            Body::None,
        ),
    ]
}

fn definition() -> Value {
    json!({"name": "September", "sender": "ke-main",
        "flow": {"body": "Hi", "cta": "Open", "flow_id": "1", "screen": "W"}, "policy": {"assume_window": "open"}})
}

/// Sends a request until it is not refused because the same request is in progress.
async fn send(api: &ApiServer, key: &str, path: &str, body: &Body) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let ask = api.ask("POST", path).key(key).header("idempotency-key", "the same");
        let answer = match body {
            Body::None => ask.send().await,
            Body::Json(body) => ask.json(body).send().await,
            Body::List(list) => {
                ask.header("content-type", "application/octet-stream").body(*list).send().await
            }
        };
        let is_running = answer.status == 409 && answer.problem().0 == "idempotency-running";
        // A server takes four lists at a time.
        let is_busy = answer.status == 503 && matches!(body, Body::List(_));
        if !(is_running || is_busy) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{answer:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// What is the same in all answers to one request: all but the link, which is shown once.
fn lasting(answer: &Answer) -> Value {
    if answer.body.is_empty() {
        return Value::Null;
    }
    let mut body = answer.json();
    if let Some(members) = body.as_object_mut() {
        members.remove("link");
    }
    body
}

/// Changes, and jobs that change nothing.
const EFFECTS: &str = "
    select (select count(*) from audit where outcome = 'done' and actor_kind = 'api_key')
        + (select count(*) from job where kind in ('check', 'counts'))";

#[tokio::test]
async fn every_request_that_needs_a_key_is_executed_once() {
    let mut world = World::new("api_repeated", "none", Config::default()).await;
    world.file("key", "0123456789abcdef0123456789abcdef");
    world.file("flowcast.toml", "[webhooks]\nkey = \"file:key\"\n");
    let api = ApiServer::start(&mut world, &[("FLOWCAST_CONSOLE_APPROVAL_ABOVE", "1")]).await;
    let draft = world.draft(2).await;
    let document = api.ask("GET", "/api/v1/openapi.json").send().await.json();
    let needs_key = |item: &Value| {
        let parameters = item["post"]["parameters"].as_array().cloned().unwrap_or_default();
        parameters
            .iter()
            .any(|parameter| parameter["name"] == "Idempotency-Key" && parameter["required"] == true)
    };
    let paths = document["paths"].as_object().unwrap();
    // A repeated import of suppressed numbers is executed again and changes nothing.
    let is_once = |path: &str| path != "/suppressions/import";
    let of_document: BTreeSet<&str> = paths
        .iter()
        .filter(|(path, item)| needs_key(item) && is_once(path))
        .map(|(path, _)| path.as_str())
        .collect();
    let cases = cases(&draft);
    assert_eq!(
        of_document,
        cases.iter().map(|case| case.0).collect(),
        "a route without a case here, or a case without a route"
    );
    for (route, setup, path, body) in &cases {
        world.look.batch_execute(setup).await.unwrap();
        let path = format!("/api/v1{path}");
        // Each case has a key of its own, because results belong to the key.
        let key = key(&world, "admin", &[]).await;
        let missing = api.ask("POST", &path).key(&key).send().await;
        assert_eq!((missing.status, &*missing.problem().0), (400, "idempotency-missing"), "{route}");
        let before = world.count(EFFECTS).await;
        let mut answers = join_all((0..20).map(|_| send(&api, &key, &path, body))).await;
        answers.push(send(&api, &key, &path, body).await);
        let first: Vec<&Answer> =
            answers.iter().filter(|answer| !answer.headers.contains_key("idempotency-replayed")).collect();
        assert!(first.len() == 1 && matches!(first[0].status, 200..=202 | 204), "{route}: {first:?}");
        for answer in &answers {
            assert_eq!((answer.status, lasting(answer)), (first[0].status, lasting(first[0])), "{route}");
        }
        assert_eq!(world.count(EFFECTS).await - before, 1, "{route}");
    }
    assert_eq!(world.ledger().summary().requests, 1, "test messages");
    world.close().await;
}
