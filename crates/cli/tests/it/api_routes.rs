//! Every route of the HTTP API with the key of every role.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use simulator::Config;

use crate::api::ask;
use crate::api_server::{ApiServer, key};
use crate::api_table::{NUMBERS, address, path, table};
use crate::world::World;

const ROLES: [&str; 5] = ["viewer", "marketer", "operator", "admin", NUMBERS];

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
        let path = address(path, &draft);
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
