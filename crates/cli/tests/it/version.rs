//! The version of the program and its commit.

use simulator::Config;

use crate::monitoring;
use crate::world::World;

#[tokio::test]
async fn the_command_the_log_and_the_metrics_name_version_and_commit() {
    let (version, commit) = (env!("CARGO_PKG_VERSION"), env!("FLOWCAST_COMMIT"));
    let mut world = World::new("version", "none", Config::default()).await;
    assert_eq!(world.ok(&["--version"]).await, format!("flowcast {version} ({commit})\n"));
    let consumer = monitoring::start(&mut world, "consumer").await;
    let labels = [format!("version=\"{version}\""), format!("commit=\"{commit}\"")];
    assert_eq!(consumer.count("flowcast_build_info", &[&labels[0], &labels[1]]).await, 1);
    let said = format!("flowcast {version} ({commit}) starts as consumer");
    assert!(world.logs().contains(&said), "{}", world.logs());
    drop(consumer);
    world.close().await;
}
