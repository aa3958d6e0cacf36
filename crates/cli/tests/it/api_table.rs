//! Every route of the HTTP API, for tests that walk all of them.

use serde_json::{Value, json};

/// A key of an admin with the right to see numbers, which no role includes.
pub(crate) const NUMBERS: &str = "numbers";

/// A route: method, path, the lowest role that may use it, and a body.
type Route = (&'static str, &'static str, &'static str, Value);

/// Every route.
pub(crate) fn table() -> Vec<Route> {
    [of_campaigns(), of_senders(), of_the_installation()].concat()
}

fn none() -> Value {
    Value::Null
}

fn of_campaigns() -> Vec<Route> {
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
        ("get", "/campaigns/{campaign}/lists/{list}", "viewer", none()),
        ("get", "/campaigns/{campaign}/lists/{list}/rejections", "viewer", none()),
        ("get", "/campaigns/{campaign}/conservation", "viewer", none()),
        ("post", "/campaigns/{campaign}/preview", "marketer", none()),
        ("post", "/campaigns/{campaign}/test", "marketer", json!({"to": "+254712000001"})),
        ("get", "/campaigns/{campaign}/recipients", "viewer", none()),
        ("get", "/campaigns/{campaign}/recipients/{seq}", "viewer", none()),
        ("get", "/campaigns/{campaign}/recipients/{seq}/number", NUMBERS, none()),
        ("get", "/campaigns/{campaign}/export?who=failed", NUMBERS, none()),
        ("get", "/campaigns/{campaign}/answers", "marketer", none()),
        ("get", "/campaigns/{campaign}/answers/summary", "marketer", none()),
        ("get", "/campaigns/{campaign}/timeline", "viewer", none()),
        ("get", "/campaigns/{campaign}/countries", "viewer", none()),
        ("post", "/campaigns/{campaign}/check", "marketer", none()),
        ("get", "/campaigns/{campaign}/start-request", "viewer", none()),
        ("post", "/campaigns/{campaign}/start-request", "marketer", none()),
        ("post", "/campaigns/{campaign}/start", "marketer", none()),
        ("post", "/campaigns/{campaign}/pause", "marketer", none()),
        ("post", "/campaigns/{campaign}/resume", "marketer", none()),
        ("post", "/campaigns/{campaign}/end", "marketer", none()),
        ("post", "/campaigns/{campaign}/retry", "marketer", reason("class", "failed")),
        ("post", "/campaigns/{campaign}/resolve", "marketer", reason("resolution", "give-up")),
        ("post", "/campaigns/{campaign}/archive", "admin", none()),
        ("delete", "/campaigns/{campaign}", "marketer", none()),
    ]
}

fn of_senders() -> Vec<Route> {
    let sender = json!({"name": "x", "provider": "kaleyra", "base_url": "https://x.test", "number": "1", "api_key_ref": "env:X"});
    let prices = json!({"currency": "KES", "prices": [{"calling_code": "254", "price": "0.0450"}]});
    let flow = json!({"name": "Survey", "flow_json": include_str!("../../../../examples/flow.json")});
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
        ("get", "/senders/{name}/flows", "viewer", none()),
        ("get", "/senders/{name}/flows/{flow}", "viewer", none()),
        ("put", "/senders/{name}/flows/{flow}", "marketer", flow),
        ("delete", "/senders/{name}/flows/{flow}", "marketer", none()),
        ("get", "/senders/{name}/templates", "viewer", none()),
        ("get", "/senders/{name}/templates/{template}/{language}", "viewer", none()),
        ("put", "/senders/{name}/templates/{template}/{language}", "marketer", json!({"body": "Hi {{1}}"})),
        ("delete", "/senders/{name}/templates/{template}/{language}", "marketer", none()),
    ]
}

fn of_the_installation() -> Vec<Route> {
    vec![
        ("get", "/jobs/{job}", "viewer", none()),
        ("delete", "/jobs/{job}", "marketer", none()),
        ("get", "/jobs/{job}/annotated-list", "marketer", none()),
        ("post", "/system/counters/check", "operator", none()),
        ("get", "/suppressions", "operator", none()),
        ("post", "/suppressions", "marketer", json!({"number": "+254712000001"})),
        ("get", "/suppressions/count", "operator", none()),
        ("post", "/suppressions/import", "operator", none()),
        ("post", "/suppressions/remove", "operator", json!({"number": "+254712000001"})),
        ("post", "/suppressions/lookup", "marketer", json!({"number": "+254712000001"})),
        ("delete", "/suppressions/{id}", "operator", none()),
        ("get", "/waiting", "viewer", none()),
        ("get", "/audit", "operator", none()),
        ("get", "/audit/check", "operator", none()),
        ("get", "/system", "operator", none()),
        ("get", "/system/dead-letters", "operator", none()),
        ("post", "/system/dead-letters/redrive", "operator", json!({})),
        ("get", "/live?campaign_id=999", "viewer", none()),
        ("get", "/accounts", "admin", none()),
        ("post", "/accounts", "admin", json!({"name": "anna", "grant": {"role": "viewer"}})),
        ("get", "/accounts/{account}", "admin", none()),
        ("patch", "/accounts/{account}", "admin", json!({"zone": "Africa/Nairobi"})),
        ("post", "/accounts/{account}/link", "admin", none()),
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
        ("get", "/keys/{id}", "admin", none()),
        ("delete", "/keys/{id}", "admin", none()),
    ]
}

fn definition() -> Value {
    json!({"name": "September", "sender": "ke-main",
        "flow": {"body": "Hi", "cta": "Open", "flow_id": "1", "screen": "W"}, "policy": {"assume_window": "open"}})
}

/// A path of the table as in the document.
pub(crate) fn path(of_table: &str) -> String {
    let path = of_table.split('?').next().unwrap();
    path.replace("{campaign}", "{id}")
        .replace("{job}", "{id}")
        .replace("{account}", "{name}")
        .replace("{endpoint}", "{name}")
        .replace("{flow}", "{flow_id}")
}

/// A path of the table with the names and ids of objects; `{id}` does not exist.
pub(crate) fn address(of_table: &str, campaign: &str) -> String {
    let of = [
        ("{name}", "ke-main"),
        ("{campaign}", campaign),
        ("{account}", "anna"),
        ("{endpoint}", "shop"),
        ("{event}", "1"),
        ("{flow}", "123"),
        ("{template}", "visit"),
        ("{language}", "en"),
        ("{id}", "999"),
    ];
    let of = of.into_iter().chain(["{job}", "{seq}", "{list}"].map(|place| (place, "1")));
    of.fold(of_table.to_owned(), |path, (place, value)| path.replace(place, value))
}
