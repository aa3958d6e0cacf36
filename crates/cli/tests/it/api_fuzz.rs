//! The HTTP API under requests that a program makes up from its document.

use std::path::Path;

use simulator::Config;
use tokio::process::Command;

use crate::api_server::{ApiServer, key};
use crate::world::World;

/// How long requests are made up.
const SECONDS: &str = "45";

#[tokio::test]
async fn no_request_fails_the_server_and_every_answer_is_as_documented() {
    let mut world = World::new("api_fuzz", "none", Config::default()).await;
    let api = ApiServer::start(&mut world, &[]).await;
    let admin = key(&world, "admin", &["--numbers"]).await;
    world.draft(3).await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let url = format!("http://{}/api/v1", api.at);
    let mut fuzz = Command::new(root.join("scripts/api-fuzz"));
    let output = fuzz.args([&url, &admin, SECONDS]).kill_on_drop(true).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}{}", String::from_utf8_lossy(&output.stderr), world.logs());
    assert!(!world.logs().contains("ERROR"), "{}", world.logs());
    assert_eq!(world.count("select coalesce(first_broken_audit_row(), 0)").await, 0);
    world.close().await;
}
