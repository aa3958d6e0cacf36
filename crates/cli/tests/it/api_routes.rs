//! Every route of the HTTP API with the key of every role.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use simulator::Config;

use crate::api::ask;
use crate::api_server::{ApiServer, key};
use crate::world::World;

const ROLES: [&str; 5] = ["viewer", "marketer", "operator", "admin", NUMBERS];
/// A key of an admin with the right to see numbers, which no role includes.
const NUMBERS: &str = "numbers";

/// Method, path, the lowest role that may use it, and a body.
type Row = (&'static str, &'static str, &'static str, Value);

/// Every route.
fn table() -> Vec<Row> {
    [of_campaigns(), of_senders(), of_the_installation()].concat()
}

fn none() -> Value {
    Value::Null
}

fn of_campaigns() -> Vec<Row> {
    let reason = |key: &str, word: &str| json!({key: word, "reason": "test"});
    vec![
        ("get", "/campaigns", "viewer", none()),
        ("post", "/campaigns", "marketer", definition()),
        ("get", "/campaigns/{campaign}", "viewer", none()),
        ("put", "/campaigns/{campaign}", "marketer", definition()),
        ("post", "/campaigns/{campaign}/clone", "marketer", none()),
        ("get", "/campaigns/{campaign}/report", "viewer", none()),
        ("get", "/campaigns/{campaign}/errors", "viewer", none()),
        ("get", "/campaigns/{campaign}/waiting", "viewer", none()),
        ("get", "/campaigns/{campaign}/lists", "viewer", none()),
        ("post", "/campaigns/{campaign}/lists", "marketer", none()),
        ("get", "/campaigns/{campaign}/recipients", "viewer", none()),
        ("get", "/campaigns/{campaign}/recipients/{seq}", "viewer", none()),
        ("get", "/campaigns/{campaign}/recipients/{seq}/number", NUMBERS, none()),
        ("get", "/campaigns/{campaign}/export?who=failed", NUMBERS, none()),
        ("get", "/campaigns/{campaign}/answers", "marketer", none()),
        ("get", "/campaigns/{campaign}/timeline", "viewer", none()),
        ("get", "/campaigns/{campaign}/countries", "viewer", none()),
        ("post", "/campaigns/{campaign}/check", "marketer", none()),
        ("post", "/campaigns/{campaign}/start", "marketer", none()),
        ("post", "/campaigns/{campaign}/pause", "marketer", none()),
        ("post", "/campaigns/{campaign}/resume", "marketer", none()),
        ("post", "/campaigns/{campaign}/end", "marketer", none()),
        ("post", "/campaigns/{campaign}/retry", "marketer", reason("class", "failed")),
        ("post", "/campaigns/{campaign}/resolve", "marketer", reason("resolution", "give-up")),
        ("post", "/campaigns/{campaign}/archive", "admin", none()),
        ("delete", "/campaigns/{campaign}", "marketer", none()),
        ("get", "/jobs/{job}", "viewer", none()),
        ("post", "/system/counters/check", "operator", none()),
    ]
}

fn of_senders() -> Vec<Row> {
    let sender = json!({"name": "x", "provider": "kaleyra", "base_url": "https://x.test", "number": "1", "api_key_ref": "env:X"});
    let prices = json!({"currency": "KES", "prices": [{"calling_code": "254", "price": "0.0450"}]});
    vec![
        ("get", "/senders", "viewer", none()),
        ("post", "/senders", "operator", sender),
        ("get", "/senders/{name}", "viewer", none()),
        ("patch", "/senders/{name}", "operator", json!({"rate": "20/s"})),
        ("get", "/senders/{name}/webhook", "operator", none()),
        ("post", "/senders/{name}/hold", "operator", none()),
        ("post", "/senders/{name}/resume", "operator", none()),
        ("post", "/senders/{name}/probe", "operator", none()),
        ("get", "/senders/{name}/stops", "viewer", none()),
        ("get", "/senders/{name}/prices", "viewer", none()),
        ("put", "/senders/{name}/prices", "operator", prices),
    ]
}

fn of_the_installation() -> Vec<Row> {
    vec![
        ("get", "/suppressions", "operator", none()),
        ("post", "/suppressions", "marketer", json!({"number": "+254712000001"})),
        ("post", "/suppressions/lookup", "marketer", json!({"number": "+254712000001"})),
        ("delete", "/suppressions/{id}", "operator", none()),
        ("get", "/waiting", "viewer", none()),
        ("get", "/audit", "operator", none()),
        ("get", "/system/dead-letters", "operator", none()),
        ("post", "/system/dead-letters/redrive", "operator", json!({})),
        ("get", "/events", "viewer", none()),
        ("get", "/webhook-endpoints", "admin", none()),
        ("post", "/webhook-endpoints", "admin", json!({"name": "shop", "url": "https://shop.test/"})),
        ("get", "/webhook-endpoints/{endpoint}", "admin", none()),
        ("patch", "/webhook-endpoints/{endpoint}", "admin", json!({"is_enabled": true})),
        ("post", "/webhook-endpoints/{endpoint}/renew", "admin", none()),
        ("post", "/webhook-endpoints/{endpoint}/ping", "admin", none()),
        ("get", "/webhook-endpoints/{endpoint}/deliveries", "admin", none()),
        ("post", "/webhook-endpoints/{endpoint}/deliveries/{event}/resend", "admin", none()),
        ("post", "/webhook-endpoints/{endpoint}/recover", "admin", json!({"since": "2026-11-30T00:00:00Z"})),
        ("delete", "/webhook-endpoints/{endpoint}", "admin", none()),
        ("get", "/keys", "admin", none()),
        ("delete", "/keys/{id}", "admin", none()),
    ]
}

fn definition() -> Value {
    json!({"name": "September", "sender": "ke-main",
        "flow": {"body": "Hi", "cta": "Open", "flow_id": "1", "screen": "W"}, "policy": {"assume_window": "open"}})
}

/// A path of the table as in the document.
fn path(of_table: &str) -> String {
    let path = of_table.split('?').next().unwrap();
    path.replace("{campaign}", "{id}").replace("{job}", "{id}").replace("{endpoint}", "{name}")
}

/// A path of the table with ids of the installation of the test, or of nothing.
fn filled(path: &str, draft: &str) -> String {
    let ids = [
        ("{campaign}", draft),
        ("{name}", "ke-main"),
        ("{id}", "999"),
        ("{job}", "1"),
        ("{seq}", "1"),
        ("{endpoint}", "shop"),
        ("{event}", "1"),
    ];
    ids.iter().fold(path.to_owned(), |path, (name, id)| path.replace(name, id))
}

async fn every_route_is_in_the_table(api: &ApiServer) {
    let document = api.ask("GET", "/api/v1/openapi.json").send().await.json();
    let of_document: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(|method| (method.clone(), path.clone()))
        })
        .collect();
    let of_table: BTreeSet<(String, String)> =
        table().iter().map(|row| (row.0.to_owned(), path(row.1))).collect();
    assert_eq!(of_document, of_table, "a route without a row here, or a row without a route");
}

#[tokio::test]
async fn every_route_admits_exactly_the_roles_of_the_table() {
    let mut world = World::new("api_roles", "none", Config::default()).await;
    let api = ApiServer::start(&mut world, &[]).await;
    every_route_is_in_the_table(&api).await;
    let draft = world.draft(0).await;
    let mut keys = BTreeMap::new();
    for role in ROLES {
        let key = match role {
            NUMBERS => key(&world, "admin", &["--numbers"]).await,
            role => key(&world, role, &[]).await,
        };
        keys.insert(role, key);
    }
    let add = ["sender", "add", "other", "--provider", "kaleyra", "--base-url", "https://api.in.kaleyra.io"];
    let settings =
        ["--account", "SID", "--number", "+919900000099", "--api-key-env", "KEY", "--rate", "none"];
    world.ok(&[&add[..], &settings].concat()).await;
    let limited = key(&world, "operator", &["--sender", "other"]).await;
    for (method, path, lowest, body) in table() {
        let path = filled(path, &draft);
        let none = ask(&api, method, &path, None, &body).await;
        assert_eq!((none.status, &*none.problem().0), (401, "unauthorized"), "{method} {path}");
        assert_eq!(none.headers["www-authenticate"], "Bearer");
        let wrong = ask(&api, method, &path, Some("fc_abcdefgh_x"), &body).await;
        assert_eq!(wrong.status, 401, "{method} {path}");
        for role in ROLES {
            let found = ask(&api, method, &path, Some(&keys[role]), &body).await;
            let place = |role| ROLES.iter().position(|other| *other == role);
            let may = place(role) >= place(lowest);
            // A key may revoke itself, so the refusal for others is that the key does not exist.
            let is_refused = found.status == 403 || (path.starts_with("/keys/") && found.status == 404);
            if path.starts_with("/keys/") {
                assert!(is_refused, "{method} {path} {role}: {found:?}");
                continue;
            }
            assert_eq!(!is_refused, may, "{method} {path} {role}: {found:?}");
            assert!(found.status < 500 && found.status != 401, "{method} {path} {role}: {found:?}");
            if is_refused {
                assert!(found.problem().1.starts_with("you may not "), "{found:?}");
            }
        }
        let is_of_sender = path.contains("ke-main") || path.contains(&format!("/campaigns/{draft}"));
        if is_of_sender && !matches!(lowest, "admin" | NUMBERS) {
            let hidden = ask(&api, method, &path, Some(&limited), &body).await;
            assert_eq!(
                (hidden.status, &*hidden.problem().0),
                (404, "not-found"),
                "{method} {path}: {hidden:?}"
            );
        }
    }
    let seen = ask(&api, "get", "/senders", Some(&limited), &Value::Null).await.json();
    assert_eq!(seen["items"].as_array().unwrap().len(), 1, "{seen}");
    assert_eq!(seen["items"][0]["name"], "other");
    for path in ["/audit", "/system/dead-letters"] {
        assert_eq!(ask(&api, "get", path, Some(&limited), &Value::Null).await.status, 403);
    }
    assert_eq!(world.count("select coalesce(first_broken_audit_row(), 0)").await, 0);
    world.close().await;
}
