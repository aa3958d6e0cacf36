//! The log filter of a running role.

use std::time::Duration;

use nix::sys::signal::Signal;
use simulator::Config;
use tokio::time::{Instant, sleep};

use crate::monitoring;
use crate::world::{PATIENCE, World};

/// Waits until a line of the logs contains this.
async fn until_logged(world: &World, text: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !world.logs().contains(text) {
        assert!(Instant::now() < deadline, "'{text}' is not in {}", world.logs());
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_role_reads_its_log_filter_again_on_sighup() {
    let mut world = World::new("log_filter", "none", Config::default()).await;
    world.file("flowcast.toml", "[log]\nfilter = \"info,lapin=off\"\n");
    let consumer = monitoring::start(&mut world, "consumer").await;
    consumer.until_status("/readyz", 200).await;

    world.file("flowcast.toml", "[log]\nfilter = \"store=loud\"\n");
    consumer.process.signal(Signal::SIGHUP);
    until_logged(
        &world,
        "the log filter stays, because the configuration cannot be used: [log] filter is 'store=loud'",
    )
    .await;

    world.file("flowcast.toml", "[log]\nfilter = \"error,flowcast::logging=info\"\n");
    consumer.process.signal(Signal::SIGHUP);
    until_logged(&world, "the log filter is now").await;
    assert!(consumer.process.stop().await.success());
    assert!(!world.logs().contains("stopping: work in flight"), "{}", world.logs());
    world.close().await;
}

#[tokio::test]
async fn a_set_rust_log_takes_precedence() {
    let mut world = World::new("log_filter_set", "none", Config::default()).await;
    world.file("flowcast.toml", "[log]\nfilter = \"error\"\n");
    let consumer = world.start_with("consumer", &[("RUST_LOG", "info")]);
    until_logged(&world, "metrics and health are at").await;
    consumer.signal(Signal::SIGHUP);
    until_logged(&world, "the log filter stays, because RUST_LOG is set").await;
    assert!(consumer.stop().await.success());
    assert!(world.logs().contains("stopping: work in flight"), "{}", world.logs());
    world.close().await;
}
