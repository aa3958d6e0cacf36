//! A process beside tables of a later version.

use simulator::Config;

use crate::monitoring;
use crate::world::World;

#[tokio::test]
async fn a_role_starts_with_newer_tables_that_declare_it_compatible_and_with_no_others() {
    let mut world = World::new("upgrades", "none", Config::default()).await;
    let ahead = "insert into refinery_schema_history (version, name, applied_on, checksum)
        select max(version) + 1, 'of_a_later_version', now()::text, '1' from refinery_schema_history";
    world.look.batch_execute(ahead).await.unwrap();
    let consumer = monitoring::start(&mut world, "consumer").await;
    consumer.until_status("/readyz", 200).await;

    let contract =
        "update installation set schema_compatible_from = (select max(version) from refinery_schema_history)";
    world.look.batch_execute(contract).await.unwrap();
    let (code, says) = world.fails(&["consumer"]).await;
    let advice = "start the version of the program that applied the migrations, or a later one";
    assert!(says.contains("the tables are of a newer version") && says.contains(advice), "{says}");
    assert_eq!(code, 4, "{says}");
    // A process that runs is not stopped: docs/OPERATIONS.md says to stop it before.
    assert_eq!(consumer.health("/readyz").await.0, 200);
    let (_, says) = world.fails(&["migrate"]).await;
    assert!(says.contains("nothing was changed"), "{says}");
    drop(consumer);
    world.close().await;
}
