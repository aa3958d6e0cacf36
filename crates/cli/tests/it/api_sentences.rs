//! A wrong request is refused by the command and by the HTTP API with the same sentence.

use serde_json::{Value, json};
use simulator::Config;

use crate::api::ask;
use crate::api_server::{ApiServer, key};
use crate::world::{CAMPAIGN, World};

/// Asserts that a command and a request fail with the same sentence. `file` is the file that the command names.
async fn same(
    world: &World,
    (api, key): (&ApiServer, &str),
    case: (&[&str], &str, &str, &Value),
    file: &str,
) {
    let (command, method, path, body) = case;
    let (_, says) = world.fails(command).await;
    let answer = ask(api, method, path, Some(key), body).await;
    assert_eq!(says, format!("flowcast: {file}{}", answer.problem().1), "{command:?}");
}

#[tokio::test]
async fn the_sentence_about_a_campaign_in_a_wrong_state_is_the_same() {
    let mut world = World::new("api_states", "none", Config::default()).await;
    let api = ApiServer::start(&mut world, &[]).await;
    let admin = key(&world, "admin", &["--numbers"]).await;
    std::fs::write(world.folder.path().join("c.toml"), CAMPAIGN).unwrap();
    let draft = world.ok(&["campaign", "create", "c.toml"]).await.trim().to_owned();
    let ended = world.ok(&["campaign", "create", "c.toml"]).await.trim().to_owned();
    world.ok(&["campaign", "cancel", &ended]).await;
    let missing = "999".to_owned();
    let mut compared = 0;
    for (verb, ids) in [
        ("start", [&missing, &draft, &ended].as_slice()),
        ("pause", &[&missing, &draft, &ended]),
        ("resume", &[&missing, &draft, &ended]),
        ("cancel", &[&missing]),
        ("check", &[&missing]),
        ("archive", &[&missing]),
    ] {
        let route = if verb == "cancel" { "end" } else { verb };
        for id in ids {
            let path = format!("/campaigns/{id}/{route}");
            let case = (["campaign", verb, id], "post", &*path, &Value::Null);
            same(&world, (&api, &admin), (&case.0, case.1, case.2, case.3), "").await;
            compared += 1;
        }
    }
    let (retry, resolve) =
        (json!({"class": "failed", "reason": "x"}), json!({"resolution": "resend", "reason": "x"}));
    let reason = ["--reason", "x"];
    let retried = [&["campaign", "retry", "999", "--class", "failed"][..], &reason].concat();
    let resolved = [&["campaign", "resolve", "999", "--unknown", "resend"][..], &reason].concat();
    let delete_ended = format!("/campaigns/{ended}");
    let cases: [(&[&str], &str, &str, &Value); 8] = [
        (&["campaign", "show", "999"], "get", "/campaigns/999", &Value::Null),
        (&["campaign", "report", "999"], "get", "/campaigns/999/report", &Value::Null),
        (&["campaign", "clone", "999"], "post", "/campaigns/999/clone", &Value::Null),
        (&["campaign", "delete", "999"], "delete", "/campaigns/999", &Value::Null),
        (&["campaign", "delete", &ended], "delete", &delete_ended, &Value::Null),
        (&retried, "post", "/campaigns/999/retry", &retry),
        (&resolved, "post", "/campaigns/999/resolve", &resolve),
        (
            &["campaign", "export", "999", "--who", "failed"],
            "get",
            "/campaigns/999/export?who=failed",
            &Value::Null,
        ),
    ];
    for case in cases {
        same(&world, (&api, &admin), case, "").await;
        compared += 1;
    }
    assert_eq!(compared, 20);
    world.close().await;
}

#[tokio::test]
async fn the_sentence_about_a_wrong_definition_is_the_same() {
    let mut world = World::new("api_definitions", "none", Config::default()).await;
    let api = ApiServer::start(&mut world, &[]).await;
    let marketer = key(&world, "marketer", &[]).await;
    let valid = || {
        json!({"name": "a", "sender": "ke-main", "policy": {"assume_window": "open"},
            "flow": {"body": "Hi {{ name }}", "cta": "Open", "flow_id": "1", "screen": "W"}})
    };
    for (pointer, value) in [
        ("/name", json!(" ")),
        ("/sender", json!("nobody")),
        ("/policy/max_attempts", json!(0)),
        ("/policy/weight", json!(0)),
        ("/policy/stop_after_refusals", json!(0)),
        ("/flow/body", json!("Hi {{ name")),
        ("/flow/body", json!("x".repeat(1025))),
        ("/flow/cta", json!("x".repeat(31))),
    ] {
        let mut definition = valid();
        let (member, name) = pointer.rsplit_once('/').unwrap();
        definition.pointer_mut(member).unwrap()[name] = value;
        std::fs::write(world.folder.path().join("wrong.toml"), toml::to_string(&definition).unwrap())
            .unwrap();
        let case: (&[&str], &str, &str, &Value) =
            (&["campaign", "create", "wrong.toml"], "post", "/campaigns", &definition);
        same(&world, (&api, &marketer), case, "wrong.toml: ").await;
    }
    assert_eq!(world.count("select count(*) from campaign").await, 0);
    world.close().await;
}
