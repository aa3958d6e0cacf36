//! Volumes: when their tables are created, rotated and dropped.

use std::time::Duration;

use campaign::{CampaignId, Definition};
use store::{Error, VolumeLimits};

use crate::world::{CAMPAIGN, World, accepted};

/// Rows of `pg_class` that belong to Flowcast.
const RELATIONS: &str = "
    select count(*) from pg_class where relnamespace in ('public'::regnamespace, 'report'::regnamespace, 'pg_toast'::regnamespace)";
const OPEN: VolumeLimits = VolumeLimits { recipients: 1_000_000, age: Duration::from_hours(1) };
const FULL: VolumeLimits = VolumeLimits { recipients: 3, ..OPEN };

async fn last_volume(world: &World) -> i64 {
    world.count("select max(id) from volume where dropped_at is null").await
}

#[tokio::test]
async fn a_campaign_adds_no_table() {
    let world = World::new("volumes_relations", None).await;
    world.campaign(3).await;
    let before = world.count(RELATIONS).await;
    for _ in 0..5 {
        world.campaign(3).await;
    }
    assert_eq!(world.count(RELATIONS).await, before);
    world.close().await;
}

#[tokio::test]
async fn a_full_or_old_volume_is_rotated_and_views_read_all_volumes() {
    let world = World::new("volumes_turn", None).await;
    let first = world.campaign(3).await;
    world.store.rotate_volume(OPEN).await.unwrap();
    assert_eq!(world.draft(1).await, CampaignId(first.0 + 1));
    let (one, other) = tokio::join!(world.store.rotate_volume(FULL), world.store.rotate_volume(FULL));
    one.and(other).unwrap();
    let second = world.campaign(3).await;
    assert_eq!((second, last_volume(&world).await), (CampaignId(10_000), 2));
    let claim = world.granted(second, 1..=3).await;
    world.record(second, &claim, &accepted()).await;
    world.granted(first, 1..=3).await;
    let found = "select count(*) from report.recipient where campaign_id in (1, 10000) and state in ('accepted', 'sending')";
    assert_eq!(world.count(found).await, 6);
    assert_eq!(world.miscounts().await, []);
    world
        .look
        .execute("update campaign set created_at = now() - interval '2 hours' where id = 10000", &[])
        .await
        .unwrap();
    world.store.rotate_volume(OPEN).await.unwrap();
    assert_eq!(world.draft(1).await, CampaignId(20_000));
    world.close().await;
}

#[tokio::test]
async fn volumes_are_created_and_rotated_beside_a_reader_that_holds_its_snapshot() {
    let world = World::new("volumes_reader", None).await;
    world.campaign(3).await;
    world
        .look
        .batch_execute("begin; select from report.recipient; select from report.flow_answer")
        .await
        .unwrap();
    world.store.rotate_volume(FULL).await.unwrap();
    // As if all ids of the created volumes had been used up since the last rotation.
    world.store.create_campaign(&Definition::parse(CAMPAIGN).unwrap(), None).await.unwrap();
    world
        .look
        .batch_execute("commit; select setval('campaign_id_seq', 39999); begin; select from report.recipient")
        .await
        .unwrap();
    let far = world.campaign(3).await;
    assert_eq!((far, last_volume(&world).await), (CampaignId(40_000), 4));
    world.granted(far, 1..=3).await;
    world.look.batch_execute("rollback").await.unwrap();
    world.close().await;
}

#[tokio::test]
async fn a_rotated_volume_is_dropped_when_all_its_campaigns_are_archived() {
    let world = World::new("volumes_drop", None).await;
    let (first, second) = (world.campaign(2).await, world.campaign(2).await);
    for campaign in [first, second] {
        let claim = world.granted(campaign, 1..=2).await;
        world.record(campaign, &claim, &accepted()).await;
        assert!(world.store.finish_if_done(campaign).await.unwrap());
    }
    let rows = "select count(*) from recipient";
    world.store.archive_campaign(first, |_, _| {}).await.unwrap();
    assert_eq!((world.count(rows).await, world.store.drop_retired_volumes().await.unwrap()), (2, 0));
    world.store.rotate_volume(VolumeLimits { recipients: 1, ..OPEN }).await.unwrap();
    let later = world.campaign(2).await;
    assert_eq!(world.store.drop_retired_volumes().await.unwrap(), 0);
    world.store.archive_campaign(second, |_, _| {}).await.unwrap();
    let tables = "select count(*) from pg_class where relname like '%\\_v0'";
    assert_eq!((world.count(tables).await, world.count(rows).await), (0, 2));
    world.store.archive_campaign(first, |_, _| {}).await.unwrap();
    assert_eq!(world.store.report(first).await.unwrap().accepted, 2);
    world.granted(later, 1..=2).await;
    assert_eq!(world.miscounts().await, []);
    world.close().await;
}

#[tokio::test]
async fn rows_of_an_archived_campaign_are_deleted_in_batches_and_those_of_other_campaigns_stay() {
    let world = World::new("volumes_batches", None).await;
    let (long, neighbour) = (world.campaign(25_000).await, world.campaign(2).await);
    world.look.execute("update campaign set state = 'cancelled' where id = $1", &[&long.0]).await.unwrap();
    let mut told = Vec::new();
    world.store.archive_campaign(long, |done, of| told.push((done, of))).await.unwrap();
    assert_eq!(told, [(10_000, 25_000), (20_000, 25_000), (25_000, 25_000)]);
    for table in ["recipient", "recipient_number"] {
        assert_eq!(world.count(&format!("select count(*) from {table}")).await, 2, "{table}");
    }
    world.granted(neighbour, 1..=2).await;
    world.close().await;
}

#[tokio::test]
async fn the_database_refuses_a_number_that_is_in_a_campaign_twice() {
    let world = World::new("volumes_twice", None).await;
    let campaign = world.draft(2).await;
    let mut import = world.store.begin_import(campaign).await.unwrap();
    let (rows, stored) = tokio::sync::mpsc::channel(1);
    let batch = vec![(crate::world::msisdn(1), crate::world::variables())];
    let send = async move { rows.send(batch).await.unwrap() };
    let (copied, ()) = tokio::join!(import.copy(stored), send);
    copied.unwrap();
    let refused =
        import.finish(&crate::world::origin(), store::LeftOut::default(), std::iter::empty(), None).await;
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
    assert_eq!(world.count("select count(*) from recipient").await, 2);
    world.close().await;
}

#[tokio::test]
async fn the_planner_knows_a_campaign_that_is_imported_beside_larger_ones() {
    let world = World::new("volumes_statistics", None).await;
    world.draft(30_000).await;
    world.draft(30_000).await;
    world.look.batch_execute("analyze recipient_v0").await.unwrap();
    let small = world.draft(1_500).await;
    let explain = format!("explain (format json) select from recipient_v0 where campaign_id = {small}");
    let plan: tokio_postgres::types::Json<serde_json::Value> =
        world.look.query_one(&explain, &[]).await.unwrap().get(0);
    let expected = plan.0[0]["Plan"]["Plan Rows"].as_i64().unwrap();
    assert!((750..3_000).contains(&expected), "{expected}");
    world.close().await;
}
