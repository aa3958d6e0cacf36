//! The tables for the posts of each day: whoever reads for long holds up no post, and no table of a coming day.

use std::time::Duration;

use campaign::ReceiptStatus;
use store::{Ingest, RawBody};
use tokio::time::timeout;
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use crate::world::World;

/// What should happen at once has happened by then, on a slow machine too.
const AT_ONCE: Duration = Duration::from_secs(20);
const DAY: Duration = Duration::from_hours(24);
const DAYS: &str = "select count(*) from pg_inherits where inhparent = 'webhook_body'::regclass";

/// The name of the last table there is.
const LAST: &str = "
    select max(inhrelid::regclass::text) from pg_inherits where inhparent = 'webhook_body'::regclass";

async fn connect(world: &World) -> Client {
    let (client, connection) = tokio_postgres::connect(world.scope.database_url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A reader that looked at every post and keeps its snapshot, as `pg_dump` does.
async fn reader(world: &World) -> Client {
    let client = connect(world).await;
    let look = "begin isolation level repeatable read; select count(*) from webhook_body";
    client.batch_execute(look).await.unwrap();
    client
}

async fn drop_last_day(world: &World) {
    let last: String = world.look.query_one(LAST, &[]).await.unwrap().get(0);
    world.look.batch_execute(&format!("drop table {last}")).await.unwrap();
}

fn post(world: &World, digest: u128) -> Ingest {
    let body = RawBody { sender: world.sender, digest: Uuid::from_u128(digest), body: "{}".into() };
    Ingest { bodies: vec![body], ..Ingest::default() }
}

#[tokio::test]
async fn a_reader_with_a_long_snapshot_holds_up_neither_posts_nor_the_tables_of_coming_days() {
    let world = World::new("days_reader", None).await;
    let campaign = world.campaign(1).await;
    let old = "create table webhook_body_20200101 partition of webhook_body for values from ('2020-01-01') to ('2020-01-02')";
    world.look.batch_execute(old).await.unwrap();
    drop_last_day(&world).await;
    let reader = reader(&world).await;
    let forgetting = tokio::spawn({
        let store = world.store.clone();
        async move { store.forget_webhooks(DAY).await }
    });
    let waits =
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%detach%'
        and datname = current_database()";
    let is_waiting = async {
        while world.count(waits).await == 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(AT_ONCE, is_waiting).await.expect("the old table is dropped after the reader");
    for digest in 0..10 {
        let mut post = post(&world, digest);
        post.receipts.push(world.receipt(campaign, 1, ReceiptStatus::Read));
        timeout(AT_ONCE, world.store.ingest(&post)).await.expect("a post waits for the reader").unwrap();
    }
    let made =
        timeout(AT_ONCE, world.store.make_webhook_days()).await.expect("a new table waits for the reader");
    assert!(made.unwrap());
    let stuck = "select count(*) from pg_locks where relation = 'webhook_body'::regclass and not granted";
    assert_eq!(world.count(stuck).await, 0);
    assert!(!forgetting.is_finished());
    reader.batch_execute("commit").await.unwrap();
    timeout(AT_ONCE, forgetting).await.expect("nobody reads any more").unwrap().unwrap();
    assert_eq!(world.count("select count(*) from pg_class where relname = 'webhook_body_20200101'").await, 0);
    assert_eq!(world.count(DAYS).await, 8);
    world.close().await;
}

#[tokio::test]
async fn an_old_table_whose_dropping_broke_off_is_dropped_the_next_time() {
    let world = World::new("days_broken_off", None).await;
    for day in ["2020-01-01", "2020-01-02"] {
        let name = day.replace('-', "");
        let make = format!(
            "create table webhook_body_{name} partition of webhook_body for values from ('{day}') to (date '{day}' + 1)"
        );
        world.look.batch_execute(&make).await.unwrap();
    }
    // One was detached and not dropped, of the other the detaching itself broke off.
    world
        .look
        .batch_execute("alter table webhook_body detach partition webhook_body_20200101")
        .await
        .unwrap();
    let reader = reader(&world).await;
    let broken = connect(&world).await;
    let detach = "alter table webhook_body detach partition webhook_body_20200102 concurrently";
    broken.batch_execute("set lock_timeout = '1ms'").await.unwrap();
    assert!(broken.batch_execute(detach).await.is_err());
    assert_eq!(world.count("select count(*) from pg_inherits where inhdetachpending").await, 1);
    reader.batch_execute("commit").await.unwrap();
    world.store.forget_webhooks(DAY).await.unwrap();
    assert_eq!(
        world
            .count("select count(*) from pg_class where relname like 'webhook_body_2020%' and relkind = 'r'")
            .await,
        0
    );
    world.close().await;
}

#[tokio::test]
async fn tables_that_cannot_be_created_now_are_created_later_and_reported_when_it_is_urgent() {
    let world = World::new("days_locked", None).await;
    drop_last_day(&world).await;
    let holder = connect(&world).await;
    // As VACUUM or another ALTER TABLE holds it; posts do not mind.
    holder.batch_execute("begin; lock table webhook_body in share update exclusive mode").await.unwrap();
    assert!(!world.store.make_webhook_days().await.unwrap(), "there are six days left");
    world.store.ingest(&post(&world, 1)).await.unwrap();
    holder.batch_execute("commit").await.unwrap();
    assert!(world.store.make_webhook_days().await.unwrap());
    world
        .look
        .batch_execute(
            "do $$ declare t regclass; begin
        for t in select inhrelid::regclass from pg_inherits where inhparent = 'webhook_body'::regclass loop
            execute format('drop table %s', t);
        end loop;
    end $$",
        )
        .await
        .unwrap();
    holder.batch_execute("begin; lock table webhook_body in share update exclusive mode").await.unwrap();
    let error = world.store.make_webhook_days().await.unwrap_err();
    assert!(error.to_string().contains("cannot create the tables for posts of today"), "{error}");
    holder.batch_execute("commit").await.unwrap();
    let (one, two) = tokio::join!(world.store.make_webhook_days(), world.store.make_webhook_days());
    one.and(two).unwrap();
    world.store.make_webhook_days().await.unwrap();
    assert_eq!(world.count(DAYS).await, 8);
    world.close().await;
}
