//! A backup that is restored in another cluster: nothing is sent from it until a person confirms the database.

use devstack::Stack;
use simulator::Config;
use tokio_postgres::{Client, NoTls};

use crate::postgres_tools::run;
use crate::world::World;

const RECIPIENTS: u32 = 120;
/// Stops because of the database, in force.
const HELD: &str = "select count(*) from hold where reason = 'database_failed_over' and ended_at is null";

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Restores the backup in a cluster of its own, to which the world goes over.
async fn restore_elsewhere(world: &mut World, backup: &str) -> Stack {
    let another = Stack::builder().private_installed().amqp_url(world.scope.amqp_url());
    let another = another.start().await.unwrap();
    let scope = another.scope("fence_restored").await.unwrap();
    for queue in ["sender.1", "dead"] {
        scope.track_queue(format!("{}.{queue}", scope.queue_prefix()));
    }
    scope.track_exchange(format!("{}.dead", scope.queue_prefix()));
    let lost = std::mem::replace(&mut world.scope, scope);
    let url = world.scope.database_url().to_owned();
    world.look = connect(&url).await;
    // A dump contains no roles.
    let roles = "create role flowcast_report nologin; create role flowcast_report_numbers nologin";
    world.look.batch_execute(roles).await.unwrap();
    run("pg_restore", &["--no-owner", "--exit-on-error", "--dbname", &url, backup]).await;
    lost.close().await.unwrap();
    another
}

/// Commands that would send are refused, and all that people look at says why.
async fn all_tell(world: &World, id: &str) {
    let (code, refused) = world.fails(&["sender", "resume", "ke-main"]).await;
    assert!(code == 4 && refused.contains("'flowcast database confirm'"), "{code} {refused}");
    let (code, refused) = world.fails(&["check-config"]).await;
    assert!(code == 4 && refused.contains("nothing is sent"), "{code} {refused}");
    let (code, refused) =
        world.fails(&["sender", "test", "ke-main", "--campaign", id, "--to", "+254712000001"]).await;
    assert!(code == 4 && refused.contains("nothing is sent"), "{code} {refused}");
    for command in [&["waiting"][..], &["sender", "show", "ke-main"], &["database", "show"]] {
        let shown = world.ok(command).await;
        assert!(shown.contains("database_failed_over") || shown.contains("held senders: ke-main"), "{shown}");
    }
    let metrics = world.ok(&["metrics"]).await;
    for series in [
        "flowcast_database_confirmed 0",
        "flowcast_hold_seconds{sender=\"ke-main\",scope=\"sender\",reason=\"database_failed_over\"}",
    ] {
        assert!(metrics.contains(series), "{metrics}");
    }
}

#[tokio::test]
async fn a_dump_restored_in_another_cluster_sends_nothing_until_it_is_confirmed_and_resumed() {
    let mut world = World::new("fence_dump", "200/s,burst=10", Config::default()).await;
    let id = world.draft(RECIPIENTS).await;
    let processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.more_arrive(20).await;
    world.ok(&["sender", "hold", "ke-main"]).await;
    for process in processes {
        process.stop().await;
    }
    world.ok(&["sender", "resume", "ke-main"]).await;
    let backup = world.file("backup", "");
    run("pg_dump", &["--format=custom", "--file", &backup, world.scope.database_url()]).await;

    let _another = restore_elsewhere(&mut world, &backup).await;
    let sent = world.ledger().summary().requests;

    // The migration of the same version confirms nothing.
    world.ok(&["migrate"]).await;
    let shown = world.ok(&["database", "show"]).await;
    for difference in [
        "another PostgreSQL cluster",
        "the tables were restored from a dump",
        "confirmed by flowcast migrate",
    ] {
        assert!(shown.contains(difference), "{shown}");
    }
    let _processes = [world.start("consumer"), world.start("producer")];
    world.until(HELD, 1).await;
    all_tell(&world, &id).await;

    // The consumer knows nothing of the time before, and says so.
    world.until("select count(*) from live_worker where recorded_again_at is not null", 1).await;
    assert!(world.ok(&["database", "show"]).await.contains("recipients that were missing"));
    let confirmed = world.ok(&["database", "confirm", "--by", "anna"]).await;
    assert!(
        confirmed.contains("the database is confirmed\nheld senders: ke-main; resume each"),
        "{confirmed}"
    );
    assert!(world.ok(&["database", "show"]).await.contains("confirmed by anna"));
    let audit = "select count(*) from audit where action = 'database.confirm' and outcome = 'done' and details ->> 'by' = 'anna'";
    assert_eq!(world.count(audit).await, 1);
    assert_eq!((world.count(HELD).await, world.ledger().summary().requests), (1, sent));
    let resumed = world.ok(&["database", "confirm", "--resume"]).await;
    assert!(resumed.contains("confirmed database already\nresumed senders: ke-main"), "{resumed}");
    world.finished(&id).await;
    world.each_exactly_once(&id, RECIPIENTS.into()).await;
    world.close().await;
}
