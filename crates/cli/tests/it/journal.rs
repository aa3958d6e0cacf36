//! Workers with a departure journal that are killed: only requests on the wire leave recipients `unknown`.

use std::time::Duration;

use simulator::{Config, Latency};

use crate::audit::Audit;
use crate::world::{PATIENCE, World};

const RECIPIENTS: u32 = 400;
/// Most open requests of a worker, far fewer than the recipients that it has claimed.
const REQUESTS: u64 = 20;
const SETTINGS: &str = "[http]\ntimeout = \"2s\"\nconnect_timeout = \"1s\"\n\
    [consumer]\nin_flight = 256\nrequests = 20\nlease = \"14s\"\n[producer]\nlease = \"1s\"\n";
const WITH_JOURNAL: &str = "journal";
const RETURNED: &str = "its departure journal gave back";

/// Kills a worker with all its requests on the wire; another one finishes the campaign. Returns the number of requests that arrived and
/// were never recorded: those on the wire, and those whose answers were not recorded yet.
async fn killed_on_the_wire(name: &str, journal: &[(&str, &str)]) -> (World, Audit, u64) {
    let latency = Latency::fixed(Duration::from_millis(500));
    let mut world = World::new(name, "none", Config { latency, ..Config::default() }).await;
    world.file("flowcast.toml", SETTINGS);
    let id = world.draft(RECIPIENTS).await;
    let _producer = world.start("producer");
    let victim = world.start_with("consumer", journal);
    world.ok(&["campaign", "start", &id]).await;
    // The third round of requests has arrived, and none of it is answered.
    let arrived = world.ledger().wait_until(PATIENCE, |ledger| ledger.requests >= 3 * REQUESTS).await;
    assert!(arrived, "{}", world.logs());
    victim.kill().await;
    let _successor =
        world.start_with("consumer", &[journal, &[("FLOWCAST_CONSUMER_REQUESTS", "300")]].concat());
    world.finished(&id).await;
    let audit = Audit::of(&world).await;
    let recorded = u64::try_from(world.count("select count(*) from attempt").await).unwrap();
    let on_the_wire = audit.attempted - recorded;
    (world, audit, on_the_wire)
}

#[tokio::test]
async fn a_killed_worker_with_a_journal_leaves_unknown_only_requests_on_the_wire() {
    let (world, audit, on_the_wire) =
        killed_on_the_wire("journal", &[("FLOWCAST_CONSUMER_JOURNAL", WITH_JOURNAL)]).await;
    audit.holds(on_the_wire);
    assert!(on_the_wire > 0, "nothing was on the wire: {audit}");
    assert!(world.logs().contains(RETURNED), "{}", world.logs());
    // The worker that died has no counted attempt, and each recipient was sent to once.
    assert_eq!(world.count("select count(*) from recipient where attempts <> 1").await, 0);
    world.close().await;
}

#[tokio::test]
async fn without_a_journal_all_that_a_killed_worker_held_becomes_unknown() {
    let (world, audit, on_the_wire) = killed_on_the_wire("no_journal", &[]).await;
    audit.holds(256);
    assert!(audit.unknown > on_the_wire, "{on_the_wire} {audit}");
    world.close().await;
}

#[tokio::test]
async fn a_worker_that_dies_after_its_claim_leaves_nobody_unknown_if_it_has_a_journal() {
    let mut world = World::new("journal_claim", "none", Config::default()).await;
    world.file("flowcast.toml", SETTINGS);
    let id = world.draft(RECIPIENTS).await;
    let _producer = world.start("producer");
    let journal = ("FLOWCAST_CONSUMER_JOURNAL", WITH_JOURNAL);
    let victim = world.start_with("consumer", &[journal, ("FLOWCAST_FAIL_AT", "after_claim")]);
    world.ok(&["campaign", "start", &id]).await;
    victim.died().await;
    assert!(world.count("select count(*) from recipient where state = 'sending'").await > 0);
    let consumer = world.start_with("consumer", &[journal]);
    world.finished(&id).await;
    Audit::of(&world).await.holds(0);
    world.each_exactly_once(&id, RECIPIENTS.into()).await;
    assert!(consumer.stop().await.success(), "{}", world.logs());
    world.close().await;
}

#[tokio::test]
async fn the_journal_of_a_suspended_worker_is_left_alone() {
    let latency = Latency::fixed(Duration::from_millis(500));
    let mut world = World::new("journal_asleep", "none", Config { latency, ..Config::default() }).await;
    world.file("flowcast.toml", SETTINGS);
    let id = world.draft(RECIPIENTS).await;
    let _producer = world.start("producer");
    let journal = ("FLOWCAST_CONSUMER_JOURNAL", WITH_JOURNAL);
    let sleeper = world.start_with("consumer", &[journal]);
    world.ok(&["campaign", "start", &id]).await;
    assert!(world.ledger().wait_until(PATIENCE, |ledger| ledger.requests >= REQUESTS).await);
    sleeper.signal(nix::sys::signal::Signal::SIGSTOP);
    let _other = world.start_with("consumer", &[journal, ("FLOWCAST_CONSUMER_REQUESTS", "300")]);
    world.finished(&id).await;
    assert!(!world.logs().contains(RETURNED), "{}", world.logs());
    assert!(world.count("select count(*) from recipient where state = 'unknown'").await > 0);
    sleeper.signal(nix::sys::signal::Signal::SIGCONT);
    assert!(sleeper.stop().await.success(), "{}", world.logs());
    // Recipients that the sleeper gives back are sent to by the other worker.
    world.until("select count(*) from recipient where state in ('pending', 'sending', 'retry')", 0).await;
    Audit::of(&world).await.holds(256);
    world.close().await;
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_reported_and_sending_goes_on() {
    let mut world = World::new("journal_none", "none", Config::default()).await;
    let file = world.file("file", "");
    let journal = ("FLOWCAST_CONSUMER_JOURNAL", file.as_str());
    let checked = world.command(&["check-config"]).env(journal.0, journal.1).output().await.unwrap();
    let says = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert_eq!(checked.status.code(), Some(4), "{says}");
    assert!(says.contains(&format!("cannot create the directory {file} of [consumer] journal: ")), "{says}");
    let id = world.draft(50).await;
    let _processes = [world.start("producer"), world.start_with("consumer", &[journal])];
    world.ok(&["campaign", "start", &id]).await;
    world.finished(&id).await;
    world.each_exactly_once(&id, 50).await;
    assert!(world.logs().contains("the worker starts without a departure journal"), "{}", world.logs());
    world.close().await;
}
