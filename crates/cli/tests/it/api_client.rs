//! `flowcast` as a client of the API: lost answers, wrong addresses and keys, Ctrl-C, long lists.

use std::io::Write;
use std::process::{Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use simulator::Config;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::{Duration, Instant, sleep};

use crate::api_server::{ApiServer, key, through};
use crate::receiving::free_address;
use crate::world::{PATIENCE, World};

/// Exit code and standard error.
async fn ended(mut command: Command) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command.output().await.unwrap();
    (status.code(), String::from_utf8_lossy(&stderr).into_owned())
}

#[tokio::test]
async fn a_command_whose_answer_is_lost_is_repeated_and_executed_once() {
    let mut world = World::new("client_lost", "none", Config::default()).await;
    world.ok(&["sender", "hold", "ke-main"]).await;
    // The server dies between the commit and the answer.
    let api = ApiServer::start(&mut world, &[("FLOWCAST_FAIL_AT", "after_change")]).await;
    let (at, operator) = (api.at, key(&world, "operator", &[]).await);
    let mut command = through(&world, &api, &operator, &["sender", "resume", "ke-main"]);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    api.server.died().await;
    let _api = ApiServer::start_at(&mut world, at, &[]).await;
    let Output { status, stdout, stderr } = command.wait_with_output().await.unwrap();
    let says = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success() && says.0 == "sender ke-main is open again\n", "{status} {says:?}");
    let done = "select count(*) from audit where action = 'sender.resume' and outcome = 'done'";
    assert_eq!(world.count(done).await, 1);
    let refused = "select count(*) from audit where action = 'sender.resume' and outcome <> 'done'";
    assert_eq!(world.count(refused).await, 0);
    world.close().await;
}

#[tokio::test]
async fn a_wrong_address_or_key_is_refused_with_what_to_do_and_without_the_key() {
    let mut world = World::new("client_wrong", "none", Config::default()).await;
    let api = ApiServer::start(&mut world, &[]).await;
    let viewer = key(&world, "viewer", &[]).await;
    let wrong = "fc_abcdefgh_0000000000000000000000000000000000000000000";
    let of = |key: &str, url: Option<&str>, more: &[(&str, &str)]| {
        let mut command = through(&world, &api, key, &["campaign", "start", "1"]);
        command.envs(url.map(|url| ("FLOWCAST_URL", url))).envs(more.iter().copied());
        command
    };
    let nobody = format!("http://{}", free_address());
    let webhooks = world.provider.base_url();
    let cases = [
        (
            of(wrong, None, &[]),
            4,
            "refuses the API key: the API key is missing or wrong; set FLOWCAST_API_KEY",
        ),
        (of("fc_\u{e9}", None, &[]), 4, "characters that no key has"),
        (of("", None, &[]), 4, "the API key is missing; set FLOWCAST_API_KEY"),
        (of(&viewer, None, &[]), 4, "flowcast: you may not "),
        (of(&viewer, Some(&nobody), &[]), 5, "flowcast: cannot connect to http://127.0.0.1:"),
        (of(&viewer, Some(&webhooks), &[]), 5, "does not answer as a Flowcast server, but with HTTP 4"),
        (of(&viewer, Some("http://192.0.2.1"), &[]), 4, "FLOWCAST_URL: http://192.0.2.1/ is not https"),
        (of(&viewer, Some("example.org"), &[]), 4, "is not an address like https://"),
        (of(&viewer, None, &[("FLOWCAST_INSECURE", "yes")]), 4, "FLOWCAST_INSECURE is neither 0 nor 1"),
        (of(&viewer, None, &[("FLOWCAST_API_KEY_FILE", "k")]), 4, "are both set; unset one of them"),
        (
            of(&viewer, None, &[("DATABASE_URL", "postgres://x")]),
            4,
            "FLOWCAST_URL and DATABASE_URL are both set",
        ),
    ];
    for (command, code, says) in cases {
        let shown = format!("{command:?}");
        let (found, text) = ended(command).await;
        assert_eq!(found, Some(code), "{text} {shown}");
        assert!(text.lines().count() == 1 && text.contains(says), "{text} {shown}");
        assert!(!text.contains(wrong) && !text.contains(&viewer), "{text}");
    }
    let file = world.file("key", format!("{viewer}\n"));
    let mut command = through(&world, &api, "", &["sender", "list"]);
    let listed = command.env("FLOWCAST_API_KEY_FILE", file).output().await.unwrap();
    assert!(listed.status.success(), "{listed:?}");
    world.close().await;
}

#[tokio::test]
async fn ctrl_c_says_that_the_job_goes_on_at_the_server() {
    let mut world = World::new("client_interrupted", "none", Config::default()).await;
    let api = ApiServer::start(&mut world, &[]).await;
    let marketer = key(&world, "marketer", &[]).await;
    let id = world.draft(0).await;
    world.file("list.csv", "phone,first_name\n+254712000001,Anna\n");
    // The import waits for the row of the campaign.
    world.look.batch_execute("begin; select from campaign for update").await.unwrap();
    let mut command = through(&world, &api, &marketer, &["campaign", "import", &id, "list.csv"]);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while !world.logs().contains("http.route=\"/api/v1/jobs/{id}\"") {
        assert!(Instant::now() < deadline, "the job is not followed; {}", world.logs());
        sleep(Duration::from_millis(20)).await;
    }
    kill(Pid::from_raw(i32::try_from(command.id().unwrap()).unwrap()), Signal::SIGINT).unwrap();
    let Output { status, stderr, .. } = command.wait_with_output().await.unwrap();
    let says = String::from_utf8_lossy(&stderr).into_owned();
    assert_eq!(status.code(), Some(130), "{says}");
    let expected = format!(
        "flowcast: interrupted; job 1 goes on at the server; 'flowcast campaign status {id}' shows its effect"
    );
    assert_eq!(says.trim(), expected);
    world.look.batch_execute("commit").await.unwrap();
    world.until("select count(*) from job where state = 'done'", 1).await;
    assert_eq!(world.count("select count(*) from recipient").await, 1);
    world.close().await;
}

#[tokio::test]
async fn a_download_that_breaks_off_is_reported_as_incomplete() {
    const RECIPIENTS: u32 = 5_000;
    const CELL: u32 = 4_000;
    let mut world = World::new("client_download", "none", Config::default()).await;
    let id = world.draft(RECIPIENTS).await;
    // More than all buffers between server and command hold.
    let update = format!(
        "update recipient set variables = variables || jsonb_build_object('note', repeat('x', {CELL}))"
    );
    world.look.batch_execute(&update).await.unwrap();
    world.ok(&["campaign", "cancel", &id]).await;
    let api = ApiServer::start(&mut world, &[]).await;
    let admin = key(&world, "admin", &["--numbers"]).await;
    let mut command = through(&world, &api, &admin, &["campaign", "export", &id, "--who", "cancelled"]);
    let mut command = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut list = vec![0];
    command.stdout.as_mut().unwrap().read_exact(&mut list).await.unwrap();
    // Nothing more is read until the server is gone.
    api.server.kill().await;
    let Output { status, stdout, stderr } = command.wait_with_output().await.unwrap();
    let says = String::from_utf8_lossy(&stderr).into_owned();
    assert_eq!(status.code(), Some(5), "{says}");
    assert!(says.trim_end().ends_with("; the list is incomplete") && says.lines().count() == 1, "{says}");
    assert!(stdout.len() < (RECIPIENTS * CELL) as usize, "{} bytes", stdout.len());
    world.close().await;
}

/// The most memory that a command has had, in KiB, and its exit code.
async fn peak(mut command: Command) -> (u64, Option<i32>) {
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id().unwrap());
    let mut peak = 0;
    loop {
        // An ended process has no memory any more.
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let read = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = peak.max(read.and_then(|kib| kib.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0));
        if let Ok(ended) = tokio::time::timeout(Duration::from_millis(5), child.wait()).await {
            return (peak, ended.unwrap().code());
        }
    }
}

#[tokio::test]
async fn the_memory_of_a_command_does_not_grow_with_the_list_that_it_uploads() {
    const MIB: usize = 1024 * 1024;
    let mut world = World::new("client_memory", "none", Config::default()).await;
    let api = ApiServer::start(&mut world, &[]).await;
    let marketer = key(&world, "marketer", &[]).await;
    let id = world.draft(0).await;
    // The server refuses the list after it has arrived: no column holds numbers.
    let mut list = std::fs::File::create(world.folder.path().join("long.csv")).unwrap();
    let rows = format!("{}\n", "name,town,".repeat(10)).repeat(MIB / 101);
    for _ in 0..48 {
        list.write_all(rows.as_bytes()).unwrap();
    }
    world.file("short.csv", "name,town\nAnna,Nairobi\n");
    let import = |list| through(&world, &api, &marketer, &["campaign", "import", &id, list]);
    let (short, long) = (peak(import("short.csv")).await, peak(import("long.csv")).await);
    assert_eq!((short.1, long.1), (Some(4), Some(4)), "{}", world.logs());
    assert!(long.0 < short.0 + 16 * 1024, "{} KiB for a short list, {} KiB for 48 MiB", short.0, long.0);
    assert_eq!(world.count("select count(*) from job where problem = 'bad-list'").await, 2);
    world.close().await;
}
