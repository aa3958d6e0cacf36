//! A campaign through the HTTP API: lists and their rejected rows, preview, test message, counted answers, jobs that are given up.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use simulator::{Config, Latency};

use crate::api_server::{Answer, ApiServer, key};
use crate::world::World;

async fn get(api: &ApiServer, key: &str, path: &str) -> Value {
    let answer = api.ask("GET", &format!("/api/v1{path}")).key(key).send().await;
    assert_eq!(answer.status, 200, "{path} {answer:?}");
    answer.json()
}

/// A draft with two lists: two recipients and two rejected rows, then one duplicate.
async fn draft(world: &World) -> String {
    let id = world.draft(0).await;
    let list = "phone,first_name\n254712000000,Name0\n12,Nobody\n254712000001,Name1\n25471200000,Nobody\n";
    for (name, list) in [("a.csv", list), ("b.csv", "phone,first_name\n254712000001,Name1\n")] {
        let file = world.file(name, list);
        world.ok(&["campaign", "import", &id, &file]).await;
    }
    id
}

/// The rejected rows of the first list, page by page; only a key that may see numbers gets all digits.
async fn rejections_are_masked(api: &ApiServer, marketer: &str, numbers: &str, id: &str) {
    for list in ["0", "3", "-1", "x"] {
        let path = format!("/api/v1/campaigns/{id}/lists/{list}/rejections");
        assert_eq!(api.ask("GET", &path).key(marketer).send().await.problem().0, "not-found", "{list}");
    }
    let rejections = format!("/campaigns/{id}/lists/1/rejections");
    let page = get(api, marketer, &format!("{rejections}?limit=1")).await;
    assert_eq!((&page["items"][0]["line"], &page["items"][0]["number"]), (&json!(3), &json!("12")), "{page}");
    let next = page["next"].as_str().unwrap();
    let rest = format!("{rejections}?limit=1&after={next}");
    assert_eq!(get(api, marketer, &rest).await["items"][0]["number"], "254******00");
    let page = get(api, numbers, &rest).await;
    assert_eq!(
        (&page["items"][0]["line"], &page["items"][0]["number"]),
        (&json!(5), &json!("25471200000")),
        "{page}"
    );
    assert_eq!(page["next"], Value::Null);
}

#[tokio::test]
async fn lists_preview_and_answers_of_a_campaign_are_read() {
    let mut world = World::new("api_campaigns", "none", Config::default()).await;
    let api = ApiServer::start(&mut world, &[]).await;
    let (marketer, numbers) =
        (key(&world, "marketer", &[]).await, key(&world, "admin", &["--numbers"]).await);
    let id = draft(&world).await;
    let lists = get(&api, &marketer, &format!("/campaigns/{id}/lists")).await;
    let counts = |list: &Value| {
        ["list", "uploaded", "imported", "duplicates", "rejected"].map(|name| list[name].as_i64().unwrap())
    };
    let found: Vec<_> = lists["items"].as_array().unwrap().iter().map(counts).collect();
    assert_eq!(found, [[1, 4, 2, 0, 2], [2, 1, 0, 1, 0]]);
    let second = get(&api, &marketer, &format!("/campaigns/{id}/lists/2")).await;
    assert_eq!((&second["source"], &second["number_column"]), (&json!("b.csv"), &json!("phone")), "{second}");
    rejections_are_masked(&api, &marketer, &numbers, &id).await;
    let sums = get(&api, &marketer, &format!("/campaigns/{id}/conservation")).await;
    let sums = ["uploaded", "rejected", "duplicates", "pending", "difference"]
        .map(|name| sums[name].as_i64().unwrap());
    assert_eq!(sums, [5, 2, 1, 2, 0]);

    let preview = async |body: Value| {
        let path = format!("/api/v1/campaigns/{id}/preview");
        api.ask("POST", &path).key(&marketer).json(&body).send().await
    };
    let filled = preview(json!({})).await.json();
    let bodies: Vec<&str> =
        filled["items"].as_array().unwrap().iter().map(|item| item["body"].as_str().unwrap()).collect();
    assert!(bodies[0].starts_with("Hello Name0,") && bodies[1].starts_with("Hello Name1,"), "{filled}");
    let definition = json!({"name": "a", "sender": "ke-main", "policy": {"assume_window": "open"},
        "flow": {"body": "{{ first_name }} {{ city }}", "cta": "Open", "flow_id": "1", "screen": "W"}});
    let edited = preview(json!({"definition": definition, "after": 1, "limit": 5})).await.json();
    assert_eq!((edited["items"].as_array().unwrap().len(), &edited["items"][0]["seq"]), (1, &json!(2)));
    assert!(edited["items"][0]["problem"].as_str().unwrap().contains("a variable is missing"), "{edited}");
    assert_eq!(preview(json!({"limit": 21})).await.problem().0, "invalid-body");
    let empty = world.draft(0).await;
    let path = format!("/api/v1/campaigns/{empty}/preview");
    let unfilled = api.ask("POST", &path).key(&marketer).send().await.json();
    assert!(unfilled["items"][0]["body"].as_str().unwrap().starts_with("Hello first_name,"), "{unfilled}");

    let insert = format!("insert into flow_answer (campaign_id, answered_at, seq, inbound_id, answer)
        select {id}, now(), 1 + n % 2, 'wamid.' || n, jsonb_build_object('rating', n % 3, 'why', jsonb_build_array('a', 'b'), 'no', null)
        from generate_series(1, 7) n");
    world.look.batch_execute(&insert).await.unwrap();
    let summary = get(&api, &marketer, &format!("/campaigns/{id}/answers/summary")).await;
    let expected = json!({"answers": 7, "recipients": 2, "fields": [
        {"field": "no", "answers": 7, "distinct": 0, "values": []},
        {"field": "rating", "answers": 7, "distinct": 3, "values":
            [{"value": "1", "answers": 3}, {"value": "0", "answers": 2}, {"value": "2", "answers": 2}]},
        {"field": "why", "answers": 7, "distinct": 2, "values": [{"value": "a", "answers": 7}, {"value": "b", "answers": 7}]}]});
    assert_eq!(summary, expected);
    world.close().await;
}

#[tokio::test]
async fn a_test_message_is_sent_once_however_often_it_is_requested() {
    let provider = Config { latency: Latency::fixed(Duration::from_millis(300)), ..Config::default() };
    let mut world = World::new("api_test", "none", provider).await;
    let api = ApiServer::start(&mut world, &[]).await;
    let marketer = key(&world, "marketer", &[]).await;
    let id = world.draft(0).await;
    let path = format!("/api/v1/campaigns/{id}/test");
    let send = async |once: &str, body: Value| -> Answer {
        api.ask("POST", &path).key(&marketer).header("idempotency-key", once).json(&body).send().await
    };
    let message = json!({"to": "+254712000009", "variables": {"first_name": "Name9"}});
    let all = join_all((0..20).map(|_| send("once", message.clone()))).await;
    let (done, running): (Vec<_>, Vec<_>) = all.iter().partition(|answer| answer.status == 200);
    assert_eq!(done.len(), 1, "{all:?}");
    assert!(running.iter().all(|answer| answer.problem().0 == "idempotency-running" && answer.headers["retry-after"] == "1"));
    let again = send("once", message.clone()).await;
    assert_eq!((again.headers["idempotency-replayed"].as_str(), &again.body), ("true", &done[0].body));
    assert_eq!(
        (&again.json()["verdict"], &again.json()["http_status"]),
        (&json!("accepted"), &json!(202)),
        "{again:?}"
    );
    assert_eq!(world.ledger().summary().requests, 1);
    assert_eq!(send("once", json!({"to": "+254712000010"})).await.problem().0, "idempotency-reused");

    // A client that goes away stops nothing; a refused request is not remembered.
    let lost = tokio::time::timeout(Duration::from_millis(100), send("lost", message.clone())).await;
    assert!(lost.is_err());
    let sent = format!(
        "select count(*) from audit where action = 'campaign.test' and object = '{id}' and outcome = 'done'"
    );
    world.until(&sent, 2).await;
    assert_eq!(send("lost", message.clone()).await.headers["idempotency-replayed"], "true");
    let wrong = json!({"to": "+254712000009", "sender": "nobody"});
    for _ in 0..2 {
        assert_eq!(send("refused", wrong.clone()).await.problem().0, "not-found");
    }
    assert_eq!(send("number", json!({"to": "12"})).await.json()["errors"][0]["pointer"], "/to");

    // The server ended between the request to the provider and its result.
    for (since, problem) in
        [("now()", "idempotency-running"), ("now() - interval '3 minutes'", "conflict-state")]
    {
        let begun = format!(
            "update idempotency set result = jsonb_build_object('in_progress_since', \
            to_char(({since}) at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')) where key = 'once'"
        );
        world.look.batch_execute(&begun).await.unwrap();
        let refused = send("once", message.clone()).await;
        assert_eq!((refused.status, &*refused.problem().0), (409, problem), "{refused:?}");
    }
    assert_eq!(world.ledger().summary().requests, 2);
    world.close().await;
}

#[tokio::test]
async fn a_job_is_given_up_by_a_key_that_may_begin_it_unless_it_deletes_rows() {
    let mut world = World::new("api_give_up", "none", Config::default()).await;
    let api = ApiServer::start(&mut world, &[]).await;
    let (viewer, marketer, admin) = (
        key(&world, "viewer", &[]).await,
        key(&world, "marketer", &[]).await,
        key(&world, "admin", &[]).await,
    );
    let id = world.draft(0).await;
    // Jobs of another server.
    let insert = format!("insert into job (kind, campaign_id, actor_kind, actor, worker)
        values ('retry', {id}, 'command', 'anna', 'other'), ('archive', {id}, 'command', 'anna', 'other'), ('counts', null, 'command', 'anna', 'other')");
    world.look.batch_execute(&insert).await.unwrap();
    let give_up =
        async |key: &str, job: u8| api.ask("DELETE", &format!("/api/v1/jobs/{job}")).key(key).send().await;
    assert_eq!(give_up(&viewer, 1).await.problem().0, "forbidden");
    assert_eq!(give_up(&marketer, 3).await.problem().0, "forbidden");
    assert_eq!(give_up(&admin, 2).await.problem().0, "conflict-state");
    assert_eq!(give_up(&admin, 9).await.problem().0, "not-found");
    assert_eq!(world.count("select count(*) from job where state = 'running'").await, 3);
    let job = give_up(&marketer, 1).await.json();
    assert_eq!((&job["state"], &job["problem"]), (&json!("interrupted"), &json!("given-up")), "{job}");
    assert!(
        job["detail"].as_str().unwrap().ends_with("recipients that were processed before stay as they are"),
        "{job}"
    );
    assert_eq!(
        give_up(&marketer, 1).await.problem().1,
        "job 1 is interrupted; only a running one can be given up"
    );
    let rows = "select count(*) from audit where action = 'job.give_up' and outcome = ";
    assert_eq!(world.count(&format!("{rows} 'done'")).await, 1);
    assert_eq!(world.count(&format!("{rows} 'refused'")).await, 5);
    world.close().await;
}
