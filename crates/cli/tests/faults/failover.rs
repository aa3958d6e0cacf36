//! A standby that is behind is promoted, and takes over the address of the primary.

use std::path::Path;
use std::time::Duration;

use devstack::Stack;
use jiff::Timestamp;
use simulator::{Config, Latency};
use tokio::time::Instant;
use tokio_postgres::{Client, NoTls};

use crate::audit::Audit;
use crate::postgres_tools::run;
use crate::world::{PATIENCE, World};

const RECIPIENTS: u32 = 25_000;
const SETTINGS: &str = "[http]\ntimeout = \"2s\"\nconnect_timeout = \"1s\"\n[consumer]\nlease = \"14s\"\n";

async fn connect(world: &World) -> Client {
    let (client, connection) = tokio_postgres::connect(world.scope.database_url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Makes a standby that has everything until now, and returns its data folder and that of the primary.
async fn standby(world: &World) -> (String, String) {
    let data: String = world.look.query_one("show data_directory", &[]).await.unwrap().get(0);
    let base = format!("{data}-standby");
    let wal = ["--wal-method=stream", "--checkpoint=fast"];
    run("pg_basebackup", &[&["--dbname", world.scope.database_url(), "--pgdata", &base], &wal[..]].concat())
        .await;
    // It gets nothing from the primary any more, so it is behind from now on.
    std::fs::write(Path::new(&base).join("standby.signal"), "").unwrap();
    run("chown", &["--recursive", &format!("--reference={data}"), &base]).await;
    (base, data)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_promoted_standby_that_is_behind_sends_to_nobody_until_its_gap_is_marked() {
    let stack = Stack::private_installed().await.unwrap();
    let latency = Latency::fixed(Duration::from_millis(20));
    let config = Config { latency, ..Config::default() };
    let mut world = World::on(&stack, "fence_promoted", "300/s,burst=10", config).await;
    world.file("flowcast.toml", SETTINGS);
    let id = world.draft(RECIPIENTS).await;
    let (producer, consumer) = (world.start("producer"), world.start("consumer"));
    world.ok(&["campaign", "start", &id]).await;
    world.more_arrive(300).await;
    let backup_at = Timestamp::now().to_string();
    let (base, data) = standby(&world).await;
    world.more_arrive(300).await;
    stack.postgres().kill().await.unwrap();
    let lost_at = Timestamp::now().to_string();
    // Blocks wait in RabbitMQ, and no producer holds the sender: only the claims stand between the consumer and the provider.
    producer.kill().await;
    assert!(world.depth().await > 0);
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::rename(&base, &data).unwrap();
    stack.postgres().start().await.unwrap();
    world.look = connect(&world).await;
    let shown = world.ok(&["database", "show"]).await;
    assert!(shown.contains("the server is a standby"), "{shown}");
    let claims = "select last_value from claim_id_seq";
    let before = world.count(claims).await;
    world.look.execute("select pg_promote()", &[]).await.unwrap();

    // The consumer asks for each block, is refused, and acknowledges it.
    let deadline = Instant::now() + PATIENCE;
    while world.depth().await > 0 {
        assert!(Instant::now() < deadline, "the blocks were not acknowledged; {}", world.logs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let sent = world.ledger().summary().requests;
    assert_eq!(world.count(claims).await, before, "a claim was granted");
    let shown = world.ok(&["database", "show"]).await;
    assert!(shown.contains("another timeline") && shown.contains("00000002"), "{shown}");
    let producer = world.start("producer");
    let held = "select count(*) from hold where reason = 'database_failed_over' and ended_at is null";
    world.until(held, 1).await;
    // Claims of the lost time end by their lease, and what is in none ends after it.
    world.until("select count(*) from recipient where state = 'sending'", 0).await;
    assert_eq!(world.ledger().summary().requests, sent);

    consumer.kill().await;
    producer.kill().await;
    world.ok(&["restored", "--backup-at", &backup_at, "--lost-at", &lost_at, "--yes"]).await;
    assert!(world.ok(&["database", "show"]).await.contains("this is the confirmed database"));
    assert_eq!(world.ledger().summary().requests, sent);
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["sender", "resume", "ke-main"]).await;
    world.finished(&id).await;
    let audit = Audit::of(&world).await;
    assert_eq!((audit.doubled, audit.lost, audit.denied), (0, 0, 0), "{audit}");
    assert!(world.ledger().summary().requests > sent, "the rest of the list was not sent");
    world.close().await;
}
