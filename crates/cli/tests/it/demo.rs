//! `flowcast demo`, with a terminal and without one.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::api_server::ask_at;
use crate::world::PATIENCE;

const DEMO: &str = "demo --recipients 200 --latency 1ms";

#[tokio::test]
async fn the_demo_sends_a_campaign_and_ends_without_a_terminal() {
    let demo =
        Command::new(env!("CARGO_BIN_EXE_flowcast")).args(DEMO.split(' ')).stdin(Stdio::null()).output();
    let ended = timeout(4 * PATIENCE, demo).await.unwrap().unwrap();
    let printed = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{printed}{}", String::from_utf8_lossy(&ended.stderr));
    assert!(printed.contains("Each of 200 recipients was sent to exactly once"), "{printed}");
    assert!(!printed.contains("web console"), "{printed}");
}

#[tokio::test]
async fn in_a_terminal_the_demo_invites_to_the_console_and_ends_with_ctrl_c() {
    // `script` runs a command in a terminal of its own. `exec`: a shell that waits gets Ctrl-C as well, and would end
    // with 130 whatever the demo ends with.
    let command = format!("exec {} {DEMO}", env!("CARGO_BIN_EXE_flowcast"));
    let mut demo = Command::new("script")
        .args(["-qefc", &command, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut keyboard = demo.stdin.take().unwrap();
    let mut lines = BufReader::new(demo.stdout.take().unwrap()).lines();
    let mut printed = Vec::new();
    let link = loop {
        let line = timeout(4 * PATIENCE, lines.next_line()).await.unwrap().unwrap();
        let Some(line) = line else { panic!("the demo ended early:\n{}", printed.join("\n")) };
        if let Some((_, link)) = line.split_once("http://").filter(|(_, link)| link.contains("/link/")) {
            break link.trim().to_owned();
        }
        printed.push(line);
    };
    let (host, path) = link.split_once('/').unwrap();
    let page = ask_at(host.parse().unwrap(), "GET", &format!("/{path}")).send().await;
    assert_eq!(page.status, 200, "{page:?}");
    assert!(String::from_utf8_lossy(&page.body).contains("For the account"), "{page:?}");

    keyboard.write_all(b"\x03").await.unwrap();
    let ended = timeout(4 * PATIENCE, async {
        while let Some(line) = lines.next_line().await.unwrap() {
            printed.push(line);
        }
        demo.wait().await.unwrap()
    });
    let ended = ended.await.unwrap();
    assert!(ended.success(), "{ended}:\n{}", printed.join("\n"));
}
