//! A process dies at each named place, as by `kill -9`, and another goes on.

use std::time::Duration;

use simulator::{Config, Latency};

use crate::audit::Audit;
use crate::world::World;

const RECIPIENTS: u32 = 600;
/// Most requests of one worker under way, see [`SETTINGS`].
const IN_FLIGHT: u64 = 60;
/// Short time limits, so that the lease of a dead worker ends soon.
const SETTINGS: &str = "[http]\ntimeout = \"2s\"\nconnect_timeout = \"1s\"\n\
    [consumer]\nin_flight = 60\nbatch = 20\nlease = \"14s\"\n[producer]\nlease = \"1s\"\n";

/// Lets `role` die at `place`, starts another, and gives the world when the campaign is finished.
async fn dies(role: &str, place: &str) -> World {
    let latency = Latency::fixed(Duration::from_millis(5));
    let mut world =
        World::new(place.split(':').next().unwrap(), "none", Config { latency, ..Config::default() }).await;
    world.file("flowcast.toml", SETTINGS);
    let id = world.draft(RECIPIENTS).await;
    let other = if role == "producer" { "consumer" } else { "producer" };
    let _other = world.start(other);
    let victim = world.start_with(role, &[("FLOWCAST_FAIL_AT", place)]);
    world.ok(&["campaign", "start", &id]).await;
    victim.died().await;
    if place == "after_claim" {
        assert!(world.count("select count(*) from recipient where state = 'sending'").await > 0);
        assert_eq!(world.ledger().summary().requests, 0, "nothing may have left");
    }
    let _successor = world.start(role);
    world.finished(&id).await;
    world
}

#[tokio::test]
async fn a_worker_that_dies_before_its_claim_leaves_nobody_behind() {
    let world = dies("consumer", "before_claim").await;
    Audit::of(&world).await.holds(0);
    world.close().await;
}

#[tokio::test]
async fn a_worker_that_dies_after_its_claim_leaves_unknown_what_it_held_and_nobody_else() {
    let world = dies("consumer", "after_claim").await;
    let audit = Audit::of(&world).await;
    audit.holds(IN_FLIGHT);
    assert!(audit.unknown > 0, "whether the bytes had left could not be known: {audit}");
    world.close().await;
}

#[tokio::test]
async fn a_worker_that_dies_with_an_answer_in_hand_sends_nobody_twice() {
    let world = dies("consumer", "after_answer:50").await;
    let audit = Audit::of(&world).await;
    audit.holds(IN_FLIGHT);
    assert!(
        audit.accepted > u64::from(RECIPIENTS) - audit.unknown,
        "some of the unknown were accepted: {audit}"
    );
    world.close().await;
}

#[tokio::test]
async fn a_worker_that_dies_after_its_record_sends_nobody_twice() {
    let world = dies("consumer", "after_record:3").await;
    Audit::of(&world).await.holds(IN_FLIGHT);
    world.close().await;
}

#[tokio::test]
async fn a_producer_that_dies_before_it_publishes_leaves_nobody_behind() {
    let world = dies("producer", "before_publish").await;
    Audit::of(&world).await.holds(0);
    world.close().await;
}

#[tokio::test]
async fn a_producer_that_dies_before_its_cursor_moves_publishes_twice_and_nobody_is_sent_to_twice() {
    let world = dies("producer", "after_publish").await;
    Audit::of(&world).await.holds(0);
    world.close().await;
}
