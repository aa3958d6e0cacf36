//! The HTTP API: problems, headers, repeated requests, pages, limits.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use simulator::Config;

use crate::api_server::{Answer, ApiServer, key};
use crate::world::{World, nothing_planted_in};

/// A command, and the request that means the same: method, path and body.
type Same<'a> = (&'a [&'a str], (&'a str, &'a str, Value));

/// One request with a new `Idempotency-Key` and the tag of a new draft.
pub(crate) async fn ask(
    api: &ApiServer,
    method: &str,
    path: &str,
    key: Option<&str>,
    body: &Value,
) -> Answer {
    let (method, path) = (method.to_uppercase(), format!("/api/v1{path}"));
    let mut ask = api.ask(&method, &path).once();
    if method == "PUT" && path.starts_with("/api/v1/campaigns/") {
        ask = ask.header("if-match", "\"1-draft-0\"");
    }
    if let Some(key) = key {
        ask = ask.key(key);
    }
    if !body.is_null() {
        ask = ask.json(body);
    }
    ask.send().await
}

#[tokio::test]
async fn a_repeated_request_has_one_effect_also_from_twenty_clients_and_after_a_kill() {
    let mut world = World::new("api_idempotent", "none", Config::default()).await;
    let api = ApiServer::start(&mut world, &[]).await;
    let key = key(&world, "operator", &[]).await;
    let hold = "/api/v1/senders/ke-main/hold";
    let missing = api.ask("POST", hold).key(&key).send().await;
    assert_eq!((missing.status, &*missing.problem().0), (400, "idempotency-missing"));
    for wrong in ["", &"x".repeat(256)] {
        assert_eq!(api.ask("POST", hold).key(&key).header("idempotency-key", wrong).send().await.status, 400);
    }
    let again = || api.ask("POST", hold).key(&key).header("idempotency-key", "first");
    let first = again().send().await;
    let second = again().send().await;
    assert_eq!((first.status, second.status), (200, 200));
    assert_eq!(first.body, second.body);
    assert_eq!(first.json(), json!({"sender": "ke-main", "was_held": false, "replaced": null}));
    assert!(!first.headers.contains_key("idempotency-replayed"));
    assert_eq!(second.headers["idempotency-replayed"], "true");
    let other =
        api.ask("POST", "/api/v1/senders/ke-main/resume").key(&key).header("idempotency-key", "first");
    let other = other.send().await;
    assert_eq!((other.status, &*other.problem().0), (422, "idempotency-reused"));
    let rows = "select count(*) from audit where action = 'sender.hold' and outcome = 'done'";
    assert_eq!(world.count(rows).await, 1);

    let body = json!({"name": "many", "provider": "kaleyra", "base_url": "https://api.in.kaleyra.io", "account": "SID",
        "number": "919900000001", "api_key_ref": "env:KEY", "rate": "20/s"});
    let one = async || {
        loop {
            let ask =
                api.ask("POST", "/api/v1/senders").key(&key).header("idempotency-key", "many").json(&body);
            let answer = ask.send().await;
            match answer.status {
                201 => return answer.json(),
                409 => assert_eq!(answer.problem().0, "idempotency-running"),
                status => assert_eq!(status, 201, "{answer:?}"),
            }
        }
    };
    let all = futures::future::join_all((0..20).map(|_| one())).await;
    assert!(all.iter().all(|answer| *answer == all[0]), "{all:?}");
    assert_eq!(world.count("select count(*) from sender where name = 'many'").await, 1);
    assert_eq!(
        world.count("select count(*) from audit where action = 'sender.add' and object = 'many'").await,
        1
    );

    // The server dies between the commit and the answer.
    assert!(api.server.stop().await.success());
    let api = ApiServer::start(&mut world, &[("FLOWCAST_FAIL_AT", "after_change")]).await;
    let resume = "/api/v1/senders/ke-main/resume";
    let lost = api.ask("POST", resume).key(&key).header("idempotency-key", "lost").try_send().await;
    assert!(lost.is_none(), "{lost:?}");
    api.server.died().await;
    let api = ApiServer::start(&mut world, &[]).await;
    let found = api.ask("POST", resume).key(&key).header("idempotency-key", "lost").send().await;
    assert_eq!(found.headers["idempotency-replayed"], "true", "{found:?}");
    assert_eq!(found.json()["was_stopped"], true);
    let rows = "select count(*) from audit where action = 'sender.resume' and outcome = 'done'";
    assert_eq!(world.count(rows).await, 1);
    world.close().await;
}

#[tokio::test]
async fn a_wrong_request_is_a_problem_and_every_answer_has_the_headers() {
    let mut world = World::new("api_problems", "none", Config::default()).await;
    let api = ApiServer::start(&mut world, &[]).await;
    let key = key(&world, "operator", &[]).await;
    let get = |path| api.ask("GET", path).key(&key);
    let post = |path| api.ask("POST", path).key(&key).once();
    let unknown = json!({"number": "+254712000001", "sendr": "x"});
    let long = vec![b' '; 1024 * 1024 + 1];
    let answers = [
        (get("/api/v1/senders").send().await, 200, ""),
        (get("/api/v1/senders/nobody").send().await, 404, "not-found"),
        (get("/api/v1/senders/a%00b").send().await, 404, "not-found"),
        (get("/api/v1/nothing").send().await, 404, "not-found"),
        (get("/problems/nothing").send().await, 404, "not-found"),
        (api.ask("PUT", "/api/v1/senders").key(&key).send().await, 405, "method-not-allowed"),
        (get("/api/v1/senders?limits=3").send().await, 400, "invalid-body"),
        (get("/api/v1/senders?limit=201").send().await, 400, "invalid-body"),
        (get("/api/v1/audit?after=x").send().await, 400, "invalid-body"),
        (get("/api/v1/audit?actor=%00").send().await, 400, "invalid-body"),
        (get("/api/v1/senders").header("accept", "text/html").send().await, 406, "not-acceptable"),
        (post("/api/v1/suppressions").body("a=b").send().await, 415, "unsupported-media-type"),
        (post("/api/v1/suppressions").json(&unknown).send().await, 400, "invalid-body"),
        (post("/api/v1/suppressions").json(&json!({"number": "12"})).send().await, 400, "invalid-body"),
        (
            post("/api/v1/suppressions").header("content-type", "application/json").body(long).send().await,
            413,
            "too-large",
        ),
        (post("/api/v1/senders/ke-main/probe").send().await, 409, "conflict-state"),
        (api.ask("GET", "/api/v1/senders").send().await, 401, "unauthorized"),
    ];
    for (answer, status, name) in &answers {
        assert_eq!(answer.status, *status, "{answer:?}");
        if !name.is_empty() {
            assert_eq!(answer.problem().0, *name, "{answer:?}");
        }
        for (header, value) in [
            ("cache-control", "no-store"),
            (
                "content-security-policy",
                "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
            ),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            ("strict-transport-security", "max-age=31536000; includeSubDomains"),
        ] {
            assert_eq!(answer.headers.get(header).map(String::as_str), Some(value), "{header} {answer:?}");
        }
        assert!(answer.headers["x-request-id"].len() == 36, "{answer:?}");
        nothing_planted_in(&String::from_utf8_lossy(&answer.body).replace("919900000000", ""));
    }
    assert_eq!(answers[5].0.headers["allow"], "GET,HEAD,POST");
    assert_eq!(answers[12].0.json()["errors"][0]["pointer"], "/sendr");
    world.close().await;
}

#[tokio::test]
async fn a_request_has_an_id_and_a_resource_a_tag() {
    let mut world = World::new("api_tags", "none", Config::default()).await;
    let api = ApiServer::start(&mut world, &[]).await;
    let key = key(&world, "operator", &[]).await;
    let get = |path| api.ask("GET", path).key(&key);
    let id = "0194fdc2-fa2f-7cc0-81d3-ff12045b73c8";
    let named = get("/api/v1/senders/nobody").header("x-request-id", id).send().await;
    assert_eq!(named.json()["instance"], id);
    let page = api.ask("GET", "/problems/not-found").send().await;
    assert_eq!(page.status, 200);

    let shown = get("/api/v1/senders/ke-main").send().await;
    let tag = &shown.headers["etag"];
    assert_eq!(get("/api/v1/senders/ke-main").header("if-none-match", tag).send().await.status, 304);
    world.ok(&["sender", "set", "ke-main", "--rate", "20/s"]).await;
    let changed = get("/api/v1/senders/ke-main").header("if-none-match", tag).send().await;
    assert_eq!((changed.status, &changed.json()["rate"]), (200, &json!("20/s")));
    world.close().await;
}

#[tokio::test]
async fn the_api_refuses_with_the_sentence_of_the_command() {
    let mut world = World::new("api_sentences", "none", Config::default()).await;
    let api = ApiServer::start(&mut world, &[]).await;
    let key = key(&world, "admin", &[]).await;
    let none = || Value::Null;
    let number = json!({"number": "12"});
    let cases: [Same<'_>; 13] = [
        (&["sender", "show", "nobody"], ("get", "/senders/nobody", none())),
        (&["sender", "hold", "nobody"], ("post", "/senders/nobody/hold", none())),
        (&["sender", "resume", "nobody"], ("post", "/senders/nobody/resume", none())),
        (&["sender", "probe", "ke-main"], ("post", "/senders/ke-main/probe", none())),
        (&["sender", "webhook", "nobody"], ("get", "/senders/nobody/webhook", none())),
        (&["sender", "prices", "nobody"], ("get", "/senders/nobody/prices", none())),
        (&["sender", "set", "nobody", "--rate", "none"], ("patch", "/senders/nobody", json!({"rate": null}))),
        (
            &["sender", "set", "ke-main", "--daily-cap", "9,zone=Mars"],
            ("patch", "/senders/ke-main", json!({"daily_cap": {"recipients": 9, "zone": "Mars"}})),
        ),
        (
            &["sender", "set", "ke-main", "--webhook-sources", "x"],
            ("patch", "/senders/ke-main", json!({"webhook": {"sources": ["x"]}})),
        ),
        (&["suppression", "add", "12"], ("post", "/suppressions", number.clone())),
        (
            &["suppression", "add", "+254712000001", "--sender", "nobody"],
            ("post", "/suppressions", json!({"number": "+254712000001", "sender": "nobody"})),
        ),
        (&["dead-letters", "redrive", "7"], ("post", "/system/dead-letters/redrive", json!({"ids": [7]}))),
        (&["key", "revoke", "abcdefgh"], ("delete", "/keys/abcdefgh", none())),
    ];
    for (command, (method, path, body)) in cases {
        let (_, says) = world.fails(command).await;
        let answer = ask(&api, method, path, Some(&key), &body).await;
        assert_eq!(says, format!("flowcast: {}", answer.problem().1), "{command:?}");
    }
    world.close().await;
}

#[tokio::test]
async fn each_item_is_on_one_page_while_others_are_added() {
    let mut world = World::new("api_pages", "none", Config::default()).await;
    let api = ApiServer::start(&mut world, &[]).await;
    let key = key(&world, "operator", &["--numbers"]).await;
    let add = "insert into suppression (msisdn, reason) select 254700000000 + $1::bigint + n, 'operator' from generate_series(1, $2::int) n";
    world.look.execute(add, &[&0_i64, &10_000_i32]).await.unwrap();
    let (mut seen, mut path, mut pages) = (Vec::new(), "/api/v1/suppressions?limit=200".to_owned(), 0_i64);
    loop {
        let answer = api.ask("GET", &path).key(&key).send().await;
        let page = answer.json();
        seen.extend(
            page["items"].as_array().unwrap().iter().map(|item| item["number"].as_str().unwrap().to_owned()),
        );
        world.look.execute(add, &[&(100_000 + pages * 10), &10_i32]).await.unwrap();
        pages += 1;
        let Some(link) = answer.headers.get("link") else {
            assert!(page["next"].is_null());
            break;
        };
        let (next, relation) = link.strip_prefix('<').unwrap().split_once('>').unwrap();
        assert_eq!(relation, "; rel=\"next\"");
        assert!(next.ends_with(&format!("after={}", page["next"].as_str().unwrap())));
        next.clone_into(&mut path);
    }
    let distinct: BTreeSet<&String> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len(), pages), (10_000, 10_000, 50));
    let masked = crate::api_server::key(&world, "operator", &[]).await;
    let masked = api.ask("GET", "/api/v1/suppressions?limit=1").key(&masked).send().await.json();
    assert_eq!(masked["items"][0]["number"].as_str().unwrap().chars().filter(|sign| *sign == '•').count(), 6);
    world.close().await;
}

#[tokio::test]
async fn a_key_above_its_rate_is_refused_and_another_key_is_not() {
    let mut world = World::new("api_rate", "none", Config::default()).await;
    let settings = [("FLOWCAST_CONSOLE_REQUESTS_PER_MINUTE", "5"), ("FLOWCAST_CONSOLE_BAD_REQUESTS", "3")];
    let api = ApiServer::start(&mut world, &settings).await;
    let (one, other) = (key(&world, "viewer", &[]).await, key(&world, "viewer", &[]).await);
    let get = async |key: &str| api.ask("GET", "/api/v1/senders").key(key).send().await;
    for left in (0..5).rev() {
        let answer = get(&one).await;
        assert_eq!(answer.status, 200);
        assert!(answer.headers["ratelimit"].starts_with(&format!("\"requests\";r={left};t=")), "{answer:?}");
        assert_eq!(answer.headers["ratelimit-policy"], "\"requests\";q=5;w=60, \"writes\";q=10000;w=1");
    }
    let refused = get(&one).await;
    assert_eq!((refused.status, &*refused.problem().0), (429, "too-many-requests"));
    assert!(refused.headers["retry-after"].parse::<u64>().unwrap() <= 12);
    assert_eq!(get(&other).await.status, 200);
    for expected in [401, 401, 401, 429] {
        assert_eq!(get("fc_abcdefgh_x").await.status, expected);
    }
    assert_eq!(get(&other).await.status, 200, "a right key is not refused because of wrong ones");
    world.close().await;
}
