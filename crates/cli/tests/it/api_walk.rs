//! The commands of docs/API.md, executed in their order.

use std::process::Stdio;

use simulator::Config;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::api_server::{ApiServer, key};
use crate::world::{CAMPAIGN, World};

const PAGE: &str = include_str!("../../../../docs/API.md");

/// The blocks of the page that are marked as bash, as one script.
fn script() -> String {
    let blocks = PAGE.split("```bash\n").skip(1).map(|block| block.split("```").next().unwrap());
    std::iter::once("set -euo pipefail\n").chain(blocks).collect()
}

#[tokio::test]
async fn the_page_leads_from_an_api_key_to_a_finished_campaign() {
    let mut world = World::new("api_walk", "none", Config::default()).await;
    let api = ApiServer::start(&mut world, &[]).await;
    let _producer = world.start("producer");
    let _consumer = world.start("consumer");
    let marketer = key(&world, "marketer", &[]).await;
    std::fs::write(world.folder.path().join("campaign.toml"), CAMPAIGN).unwrap();
    let flow = include_str!("../../../../examples/flow.json");
    std::fs::write(world.folder.path().join("flow.json"), flow).unwrap();
    let rows: Vec<String> = (0..20).map(|n| format!("07120000{n:02},Anna\n")).collect();
    let list = format!("phone,first name\n{}12,Nobody\n", rows.concat());
    std::fs::write(world.folder.path().join("recipients.csv"), list).unwrap();

    let mut bash = Command::new("bash")
        .current_dir(world.folder.path())
        .env("FLOWCAST_URL", format!("http://{}", api.at))
        .env("FLOWCAST_API_KEY", &marketer)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    bash.stdin.take().unwrap().write_all(script().as_bytes()).await.unwrap();
    let done = tokio::time::timeout(crate::world::PATIENCE, bash.wait_with_output()).await.unwrap().unwrap();
    let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{out}\n{err}\n{}", world.logs());
    assert!(out.contains("ke-main kaleyra") && out.contains("\"can_start\": true"), "{out}");
    assert!(out.contains("{\"id\":\"WELCOME\",\"title\":\"Your visit\"}"), "{out}");
    assert!(out.contains("\"accepted\": 20") && out.contains("\"difference\": 0"), "{out}");
    let summary = world.provider.ledger().summary();
    assert_eq!((summary.accepted, summary.accepted_more_than_once), (20, 0));
    world.close().await;
}
