//! The HTTP API under requests that a program makes up from its document, with the key of each role.

use std::path::Path;

use simulator::Config;
use tokio::process::Command;

use crate::api_server::{ApiServer, key};
use crate::world::World;

/// Roles, options of the key, and the part of the time for which requests are made up. An admin reaches the most code.
const ROLES: [(&str, &[&str], u32); 4] =
    [("viewer", &[], 1), ("marketer", &[], 2), ("operator", &[], 2), ("admin", &["--numbers"], 4)];

/// Makes up requests for nine times so many seconds.
pub(crate) async fn no_request_fails_the_server(name: &str, seconds: u32) {
    let mut world = World::new(name, "none", Config::default()).await;
    let api = ApiServer::start(&mut world, &[]).await;
    world.draft(3).await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let url = format!("http://{}/api/v1", api.at);
    for (role, options, part) in ROLES {
        let key = key(&world, role, options).await;
        let mut fuzz = Command::new(root.join("scripts/api-fuzz"));
        let seconds = (seconds * part).to_string();
        let output = fuzz.args([&url, &key, &seconds]).kill_on_drop(true).output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let wrong = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{role}: {said}{wrong}{}", world.logs());
    }
    assert!(!world.logs().contains("ERROR"), "{}", world.logs());
    assert_eq!(world.count("select coalesce(first_broken_audit_row(), 0)").await, 0);
    world.close().await;
}
