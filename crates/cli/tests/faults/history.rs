//! Ten thousand past campaigns on PostgreSQL with default settings: daily commands, backups, and sending after a restore.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use devstack::Stack;
use jiff::Timestamp;
use simulator::{Config, Latency};
use tokio_postgres::{Client, NoTls};

use crate::audit::Audit;
use crate::postgres_tools::run;
use crate::world::World;

const GENERATOR: &str = include_str!("../../../../benches/reports.sql");
/// Past campaigns of three recipients each, in twelve volumes.
const HISTORY: &str = "
    do $$ begin
        for n in 1..10000 loop
            perform generate_campaign(3);
            if n % 833 = 0 then perform rotate_volume(1, '0 seconds'); end if;
        end loop;
    end $$";
/// More than 300 requests a second can reach in the gap and the minute of margin.
const RECIPIENTS: u32 = 25_000;

/// A world with 10,000 past campaigns, on PostgreSQL's default settings.
async fn world(name: &str) -> (Stack, World) {
    let stack = Stack::builder().private_installed();
    let stack = ["max_connections=100", "shared_buffers=128MB", "max_wal_size=1GB"]
        .iter()
        .fold(stack, |stack, setting| stack.postgres_setting(*setting));
    let stack = stack.start().await.unwrap();
    let latency = Latency::fixed(Duration::from_millis(20));
    let world = World::on(&stack, name, "300/s,burst=10", Config { latency, ..Config::default() }).await;
    world.look.batch_execute(GENERATOR).await.unwrap();
    world.look.batch_execute(HISTORY).await.unwrap();
    (stack, world)
}

async fn connect(world: &World) -> Client {
    let (client, connection) = tokio_postgres::connect(world.scope.database_url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// Runs `flowcast restored`, sends the rest of the campaign, and compares the provider's ledger with the rows.
async fn goes_on(world: &mut World, id: &str, gap: (&str, &str)) {
    let restored = ["restored", "--backup-at", gap.0, "--lost-at", gap.1, "--yes"];
    world.ok(&restored).await;
    let marked = world.count("select count(*) from recipient where reason_code = 'backup_restored'").await;
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["sender", "resume", "ke-main"]).await;
    world.finished(id).await;
    let ledger = world.ledger().summary();
    assert_eq!(ledger.accepted_more_than_once, 0);
    let rows = format!(
        "
        select count(*) filter (where state = 'accepted'), count(*) filter (where state = 'unknown'), count(*)
        from recipient where campaign_id = {id}"
    );
    let row = world.look.query_one(&rows, &[]).await.unwrap();
    let (accepted, unknown, all): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
    assert_eq!((accepted + unknown, unknown, all), (all, marked, i64::from(RECIPIENTS)));
    let denied = Audit::of(world).await.denied;
    assert_eq!(denied, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_works_and_a_dump_is_restored_and_sent_on() {
    let (_stack, mut world) = world("history_dump").await;
    let id = world.draft(RECIPIENTS).await;
    let number = "select msisdn::text from recipient_number where campaign_id = 5 order by 1 limit 1";
    let number: String = world.look.query_one(number, &[]).await.unwrap().get(0);
    let mut told = String::new();
    for command in [
        vec!["check-counts"],
        vec!["retention", "run", "--older-than", "9000d"],
        vec!["erase", &format!("+{number}")],
        vec!["campaign", "report", "7"],
        vec!["campaign", "archive", "7"],
        vec!["campaign", "list"],
        vec!["waiting"],
    ] {
        let began = std::time::Instant::now();
        world.ok(&command).await;
        writeln!(
            told,
            "{:>8.1} s  flowcast {}",
            began.elapsed().as_secs_f64(),
            command
                .iter()
                .filter(|word| !word.starts_with('+'))
                .take(2)
                .copied()
                .collect::<Vec<_>>()
                .join(" ")
        )
        .unwrap();
    }
    print(&told);
    let processes = [world.start("producer"), world.start("consumer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.more_arrive(300).await;
    let (file, url) = (world.file("backup", ""), world.scope.database_url().to_owned());
    let backup_at = Timestamp::now().to_string();
    run("pg_dump", &["--format=custom", "--file", &file, &url]).await;
    world.more_arrive(300).await;
    for process in processes {
        process.kill().await;
    }
    let lost_at = Timestamp::now().to_string();
    // All tables at once would take a lock each.
    let tables = "select oid::regclass::text from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
        and not relispartition";
    world.look.batch_execute("drop schema report cascade").await.unwrap();
    for row in world.look.query(tables, &[]).await.unwrap() {
        let drop = format!("drop table {} cascade", row.get::<_, &str>(0));
        world.look.batch_execute(&drop).await.unwrap();
    }
    world.look.batch_execute("drop schema public cascade; create schema public").await.unwrap();
    run("pg_restore", &["--no-owner", "--exit-on-error", "--dbname", &url, &file]).await;
    goes_on(&mut world, &id, (&backup_at, &lost_at)).await;
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_base_backup_is_restored_and_sent_on() {
    let (stack, mut world) = world("history_base").await;
    let id = world.draft(RECIPIENTS).await;
    let processes = [world.start("producer"), world.start("consumer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.more_arrive(300).await;
    let data: String = world.look.query_one("show data_directory", &[]).await.unwrap().get(0);
    let base = format!("{data}-base");
    let backup_at = Timestamp::now().to_string();
    let wal = ["--wal-method=stream", "--checkpoint=fast"];
    run("pg_basebackup", &[&["--dbname", world.scope.database_url(), "--pgdata", &base], &wal[..]].concat())
        .await;
    world.more_arrive(300).await;
    for process in processes {
        process.kill().await;
    }
    stack.postgres().kill().await.unwrap();
    let lost_at = Timestamp::now().to_string();
    run("chown", &["--recursive", &format!("--reference={data}"), &base]).await;
    assert!(Path::new(&data).exists());
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::rename(&base, &data).unwrap();
    stack.postgres().start().await.unwrap();
    world.look = connect(&world).await;
    goes_on(&mut world, &id, (&backup_at, &lost_at)).await;
    world.close().await;
}

#[expect(clippy::print_stdout, reason = "figures for the one who runs it")]
fn print(text: &str) {
    println!("{text}");
}
