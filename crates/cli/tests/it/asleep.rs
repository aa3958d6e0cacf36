//! A worker that stands still past its lease, and one that is told twice to stop.

use std::time::Duration;

use nix::sys::signal::Signal;
use simulator::{Config, Latency};

use crate::world::{PATIENCE, Process, World};

const RECIPIENTS: u32 = 600;
/// The shortest lease there is for requests that take a second.
const SETTINGS: &str = "[http]\ntimeout = \"1s\"\nconnect_timeout = \"500ms\"\n[consumer]\nlease = \"12s\"\n\
    [producer]\nstalled_after = \"1s\"\n";

/// A campaign under way, whose only worker stands still until its lease has ended. Gives how many became unknown.
async fn asleep(world: &mut World) -> (String, [Process; 2], i64) {
    world.file("flowcast.toml", SETTINGS);
    let id = world.draft(RECIPIENTS).await;
    let (producer, sleeper) = (world.start("producer"), world.start("consumer"));
    world.ok(&["campaign", "start", &id]).await;
    assert!(world.ledger().wait_until(PATIENCE, |ledger| ledger.accepted > 150).await);
    sleeper.signal(Signal::SIGSTOP);
    world.until("select count(*) from recipient where state = 'sending'", 0).await;
    let unknown = world.count("select count(*) from recipient where reason_code = 'worker_died'").await;
    assert!(unknown > 0, "the worker held nobody");
    (id, [producer, sleeper], unknown)
}

fn slow() -> Config {
    Config { latency: Latency::fixed(Duration::from_millis(300)), ..Config::default() }
}

#[tokio::test]
async fn a_worker_that_wakes_up_records_over_no_newer_attempt_and_sends_to_nobody() {
    let mut world = World::new("asleep_fence", "100/s", slow()).await;
    let (id, [_producer, sleeper], unknown) = asleep(&mut world).await;
    world.ok(&["campaign", "resolve", &id, "--unknown", "resend"]).await;
    let _other = world.start("consumer");
    world.until("select count(*) from recipient where state = 'accepted'", RECIPIENTS.into()).await;
    let rows = "select sum(claim_id * seq + attempts)::bigint from recipient where state = 'accepted'";
    let (before, requests) = (world.count(rows).await, world.ledger().summary().requests);

    sleeper.signal(Signal::SIGCONT);
    let said = "outcomes are not counted";
    let late = async {
        while !world.logs().contains(said) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, late).await.unwrap();
    assert!(sleeper.stop().await.success(), "{}", world.logs());
    assert_eq!(world.count(rows).await, before, "a recipient was changed by a claim that had ended");
    assert_eq!(world.ledger().summary().requests, requests, "somebody was sent to after the lease");
    let late = world.count("select count(*) from attempt where late").await;
    println!("unknown {unknown}, of them sent before the sleep {late}");
    assert!(late < unknown, "nobody was claimed and not sent to yet");
    let accepted = world.count("select count(*) from recipient where state = 'accepted'").await;
    assert_eq!(accepted, i64::from(RECIPIENTS));
    world.close().await;
}

#[tokio::test]
async fn a_worker_that_wakes_up_gives_back_whom_it_did_not_send_to_and_tells_of_the_others() {
    let mut world = World::new("asleep_back", "100/s", slow()).await;
    let (id, [_producer, sleeper], unknown) = asleep(&mut world).await;
    let _other = world.start("consumer");
    world.finished(&id).await;
    sleeper.signal(Signal::SIGCONT);
    // What had finished runs again for those who come back.
    world.until("select count(*) from recipient where reason_code = 'worker_died'", 0).await;
    world.until("select count(*) from recipient where state in ('pending', 'sending', 'retry')", 0).await;
    world.finished(&id).await;
    let ledger = world.ledger().summary();
    assert_eq!((ledger.requests, ledger.accepted_more_than_once), (RECIPIENTS.into(), 0));
    let starts = world.count("select epoch from campaign").await;
    assert!(starts > 1, "nobody of the {unknown} came back");
    println!("unknown {unknown}, starts {starts}");
    world.close().await;
}

#[tokio::test]
async fn a_second_signal_cuts_the_drain_short() {
    let config = Config { latency: Latency::fixed(Duration::from_mins(10)), ..Config::default() };
    let mut world = World::new("cut_short", "none", config).await;
    let settings = "[http]\ntimeout = \"10m\"\n[consumer]\nlease = \"30m\"\ndrain = \"10m\"\n";
    world.file("flowcast.toml", settings);
    let id = world.draft(5).await;
    let (_producer, worker) = (world.start("producer"), world.start("consumer"));
    world.ok(&["campaign", "start", &id]).await;
    assert!(world.ledger().wait_until(PATIENCE, |ledger| ledger.in_flight == 5).await);
    worker.signal(Signal::SIGTERM);
    let told = async {
        while !world.logs().contains("a second signal stops at once") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, told).await.unwrap();
    let ended = worker.stop().await;
    assert_eq!(ended.code(), Some(143), "{}", world.logs());
    assert_eq!(world.count("select count(*) from recipient where state = 'sending'").await, 5);
    world.close().await;
}
