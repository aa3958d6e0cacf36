//! Stops as a person meets them: what a command answers, and that its answer holds.

use std::time::Duration;

use simulator::{Config, Latency};
use tokio::time::{Instant, sleep_until};

use crate::world::World;

/// Longer than several probes would take.
const SOME_PROBES: Duration = Duration::from_secs(4);

fn quick() -> Config {
    Config { latency: Latency::fixed(Duration::from_millis(20)), ..Config::default() }
}

#[tokio::test]
async fn a_sender_whose_daily_cap_is_used_up_is_not_told_to_be_open() {
    let mut world = World::new("resume_capped", "none", quick()).await;
    world.ok(&["sender", "set", "ke-main", "--daily-cap", "40,zone=Africa/Nairobi"]).await;
    let id = world.draft(100).await;
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.until("select count(*) from recipient where state = 'accepted'", 40).await;
    let (code, says) = world.fails(&["sender", "resume", "ke-main"]).await;
    assert_eq!(code, 4, "{says}");
    assert!(
        says.contains("stays stopped until") && says.contains("its daily cap of 40 recipients is used up"),
        "{says}"
    );

    let says = world.ok(&["sender", "hold", "ke-main"]).await;
    assert!(says.contains("it was stopped for daily_cap before"), "{says}");
    let says = world.ok(&["sender", "resume", "ke-main"]).await;
    assert!(says.contains("no longer stopped for operator, but its daily cap"), "{says}");
    let waits = world.ok(&["waiting"]).await;
    assert!(waits.contains("daily_cap") && waits.contains("40 recipients a day"), "{waits}");
    assert_eq!((world.depth().await, world.ledger().summary().requests), (0, 40));
    world.ok(&["sender", "set", "ke-main", "--daily-cap", "none"]).await;
    world.finished(&id).await;
    world.each_exactly_once(&id, 100).await;
    world.close().await;
}

#[tokio::test]
async fn a_sender_that_a_person_holds_is_not_opened_when_its_balance_is_back() {
    let mut world = World::new("hold_stands", "none", Config { balance: Some(30), ..quick() }).await;
    world.file("flowcast.toml", "[producer]\nprobe_pauses = [\"1s\"]\n");
    let id = world.draft(100).await;
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.until("select count(*) from hold where reason = 'low_balance' and probes >= 1", 1).await;
    let says = world.ok(&["sender", "hold", "ke-main"]).await;
    assert!(says.contains("it was stopped for low_balance before"), "{says}");
    world.provider.controls().set_balance(None);
    let waits = world.ok(&["waiting"]).await;
    assert!(waits.contains("operator") && waits.contains("stopped for low_balance before"), "{waits}");
    world.until("select count(*) from recipient where state = 'sending'", 0).await;
    let requests = world.ledger().summary().requests;
    sleep_until(Instant::now() + SOME_PROBES).await;
    assert_eq!(world.ledger().summary().requests, requests);
    assert!(world.ok(&["sender", "hold", "ke-main"]).await.contains("was held already"));
    assert!(world.ok(&["sender", "resume", "ke-main"]).await.contains("is open again"));
    world.finished(&id).await;
    world.each_exactly_once(&id, 100).await;
    world.close().await;
}
