//! Accounts through the HTTP API, and changes that name the version that they are based on.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use simulator::Config;

use crate::api_server::{Answer, ApiServer, key};
use crate::world::World;

/// Changes of a resource that name this tag: method, path and body.
async fn change(api: &ApiServer, key: &str, (method, path, body): (&str, &str, &Value), tag: &str) -> Answer {
    let (method, path) = (method.to_uppercase(), format!("/api/v1{path}"));
    let ask = api.ask(&method, &path).key(key).header("if-match", tag);
    if body.is_null() { ask.send().await } else { ask.json(body).send().await }
}

/// Adds an account, and renews its link. Links are in the answers only.
async fn account_with_links(world: &World, api: &ApiServer, key: &str) {
    let add = json!({"name": "anna", "email": "anna@example.org", "grant": {"role": "marketer", "senders": ["ke-main"]}});
    let post = |path| api.ask("POST", path).key(key).header("idempotency-key", path);
    let added = post("/api/v1/accounts").json(&add).send().await;
    assert_eq!(added.status, 201, "{added:?}");
    let added = added.json();
    let link = added["link"].as_str().unwrap().to_owned();
    assert_eq!((&added["account"]["has_password"], &added["valid_seconds"]), (&json!(false), &json!(3600)));
    let again = post("/api/v1/accounts").json(&add).send().await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!((&again.json()["link"], &again.json()["account"]), (&Value::Null, &added["account"]));
    let renewed = post("/api/v1/accounts/anna/link").send().await.json();
    let token = |link: &str| link.rsplit('/').next().unwrap().to_owned();
    assert_ne!(token(renewed["link"].as_str().unwrap()), token(&link));
    for token in [token(renewed["link"].as_str().unwrap()), token(&link)] {
        let stored = "select count(*) from (select details::text t from audit union all select result::text from idempotency) s where t like ";
        assert_eq!(world.count(&format!("{stored} '%{token}%'")).await, 0);
    }
}

/// Of a resource with a tag: a change of an outdated version changes nothing, and of two changes of one version one is made.
async fn outdated_is_refused(api: &ApiServer, key: &str, (method, path, body): (&str, &str, &Value)) {
    let tag =
        async || api.ask("GET", &format!("/api/v1{path}")).key(key).send().await.headers["etag"].clone();
    let present = tag().await;
    let version = present.split('-').next().unwrap();
    for outdated in ["\"0123456789abcdef-0\"".to_owned(), format!("W/{present}"), "nonsense".to_owned()] {
        let refused = change(api, key, (method, path, body), &outdated).await;
        assert_eq!(
            (refused.status, &*refused.problem().0),
            (412, "version-conflict"),
            "{method} {path} {refused:?}"
        );
    }
    assert_eq!(tag().await, present, "{method} {path}: a refused change has changed something");
    // Only one of two changes of the same version is made; what is not part of the version may differ.
    let same = format!("\"x\", {version}-other\"");
    let two = tokio::join!(
        change(api, key, (method, path, body), &same),
        change(api, key, (method, path, body), &same)
    );
    let mut found = [two.0.status, two.1.status];
    found.sort_unstable();
    let (done, late) = match (method, path.split('/').nth(1)) {
        ("delete", Some("campaigns")) => (204, 404),
        ("delete", Some("webhook-endpoints" | "senders")) => (200, 404),
        _ => (200, 412),
    };
    assert_eq!(found, [done, late], "{method} {path} {two:?}");
    if method == "patch" {
        let answer = if two.0.status == 200 { two.0 } else { two.1 };
        assert_eq!(answer.headers["etag"], tag().await, "{method} {path}");
    }
}

/// Changes of resources whose tag `GET` shows, by the document.
async fn changes_of_tagged_resources(api: &ApiServer) -> BTreeSet<String> {
    let document = api.ask("GET", "/api/v1/openapi.json").send().await.json();
    let mut with_tags = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let item = item.as_object().unwrap();
        let is_tagged = item.get("get").is_some_and(|get| !get["responses"]["304"].is_null());
        let changes = item.keys().filter(|method| ["put", "patch", "delete"].contains(&method.as_str()));
        // A job changes by itself, so nobody gives up an outdated one.
        with_tags.extend(
            changes.filter(|_| is_tagged && path != "/jobs/{id}").map(|method| format!("{method} {path}")),
        );
    }
    with_tags
}

#[tokio::test]
async fn a_change_of_an_outdated_version_is_refused_for_every_resource_that_has_a_tag() {
    let mut world = World::new("api_versions", "none", Config::default()).await;
    world.file("key", "0123456789abcdef0123456789abcdef");
    world.file("flowcast.toml", "[webhooks]\nkey = \"file:key\"\n");
    let api = ApiServer::start(&mut world, &[]).await;
    let (admin, other) = (key(&world, "admin", &[]).await, key(&world, "viewer", &[]).await);
    account_with_links(&world, &api, &admin).await;
    let draft = world.draft(0).await;
    world.ok(&["webhook-endpoint", "add", "shop", "https://shop.example/"]).await;
    let (prices, other) = (
        json!({"currency": "KES", "prices": [{"calling_code": "254", "price": "0.0450"}]}),
        other.split('_').nth(1).unwrap(),
    );
    api.ask("PUT", "/api/v1/senders/ke-main/prices").key(&admin).json(&prices).send().await;
    let definition = json!({"name": "a", "sender": "ke-main",
        "flow": {"body": "Hi", "cta": "Open", "flow_id": "1", "screen": "W"}, "policy": {"assume_window": "open"}});
    let (campaign, other) = (format!("/campaigns/{draft}"), format!("/keys/{other}"));
    let flow_json = include_str!("../../../../examples/flow.json");
    let (flow, renamed) = ("/senders/ke-main/flows/1", json!({"name": "Renamed", "flow_json": flow_json}));
    let (template, new_text) = ("/senders/ke-main/templates/visit/en", json!({"body": "Hi"}));
    for (path, body) in
        [(flow, json!({"name": "Survey", "flow_json": flow_json})), (template, json!({"body": "Hello"}))]
    {
        let added = api.ask("PUT", &format!("/api/v1{path}")).key(&admin).json(&body).send().await;
        assert_eq!(added.status, 200, "{added:?}");
    }
    let cases: [(&str, &str, &str, Value); 12] = [
        ("put", "/campaigns/{id}", &campaign, definition),
        ("delete", "/campaigns/{id}", &campaign, Value::Null),
        ("patch", "/senders/{name}", "/senders/ke-main", json!({"rate": "20/s"})),
        (
            "put",
            "/senders/{name}/prices",
            "/senders/ke-main/prices",
            json!({"currency": "KES", "default": "0.01", "prices": []}),
        ),
        ("put", "/senders/{name}/flows/{flow_id}", flow, renamed),
        ("delete", "/senders/{name}/flows/{flow_id}", flow, Value::Null),
        ("put", "/senders/{name}/templates/{template}/{language}", template, new_text),
        ("delete", "/senders/{name}/templates/{template}/{language}", template, Value::Null),
        ("patch", "/accounts/{name}", "/accounts/anna", json!({"is_disabled": true})),
        ("delete", "/keys/{id}", &other, Value::Null),
        ("patch", "/webhook-endpoints/{name}", "/webhook-endpoints/shop", json!({"is_enabled": false})),
        ("delete", "/webhook-endpoints/{name}", "/webhook-endpoints/shop", Value::Null),
    ];
    for (method, _, path, body) in &cases {
        outdated_is_refused(&api, &admin, (method, path, body)).await;
    }
    let tested = cases.iter().map(|(method, route, ..)| format!("{method} {route}")).collect();
    assert_eq!(changes_of_tagged_resources(&api).await, tested);
    let accounts = api.ask("GET", "/api/v1/accounts").key(&admin).send().await.json();
    assert_ne!(accounts["items"][0]["disabled_at"], Value::Null, "{accounts}");
    world.close().await;
}
