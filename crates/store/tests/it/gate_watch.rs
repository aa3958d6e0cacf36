//! The watch of gates: every change is read once, in whatever order it is committed, and nothing else is listed.

use std::time::Duration;

use campaign::{CampaignId, SenderId, StopReason};
use store::{GateOf, GateState, GateWatch, StopCause};
use tokio_postgres::NoTls;

use crate::world::{World, accepted, by_operator, reason};

const PATIENCE: Duration = Duration::from_secs(10);
/// Connections whose last statement, prepared or run, was that of a watch.
const LISTENING: &str = "
    select count(*) from pg_stat_activity
    where datname = current_database() and query like '%with changed as materialized%' and pid <> pg_backend_pid()";

impl World {
    /// A watch with its connection, for which all that was before is read.
    async fn watch(&self) -> GateWatch {
        let mut watch = self.store.watch_gates();
        notified(&watch).await;
        watch.read().await.unwrap();
        watch
    }
}

/// Waits until the watch is told that there is something to read.
async fn notified(watch: &GateWatch) {
    let came = tokio::time::timeout(PATIENCE, watch.notified()).await;
    assert!(came.is_ok(), "no notification came");
}

fn gates(states: &[GateState]) -> Vec<GateOf> {
    states.iter().map(|state| state.of).collect()
}

#[tokio::test]
async fn a_change_is_notified_and_read_once_as_the_gate_stands_then() {
    let world = World::new("watch_once", Some("80/s")).await;
    let campaign = world.campaign(1).await;
    let mut watch = world.watch().await;
    assert_eq!(watch.read().await.unwrap(), []);

    let low_balance = reason("E110");
    let cause = StopCause { reason: StopReason::LowBalance, refusal: Some(&low_balance), by: "worker" };
    world.store.stop_sender(world.sender, None, &cause).await.unwrap();
    notified(&watch).await;
    let closed = Some((StopReason::LowBalance, "E110".to_owned()));
    let limit = "80/s".parse().ok();
    let of = GateOf::Sender(world.sender);
    let stopped = GateState { of, epoch: 1, closed, limit, is_paused: false };
    assert_eq!(watch.read().await.unwrap(), [stopped]);
    assert_eq!(watch.read().await.unwrap(), []);

    world.store.open_sender(world.sender, "test").await.unwrap();
    world.store.hold_campaign(campaign, "operator").await.unwrap();
    notified(&watch).await;
    let mut states = watch.read().await.unwrap();
    states.sort_by_key(|state| state.of == of);
    let [paused, opened] = states.as_slice() else { panic!("{states:?}") };
    assert_eq!((paused.of, paused.epoch), (GateOf::Campaign(campaign), 1));
    assert_eq!(paused.closed, Some((StopReason::Operator, "campaign_stopped".to_owned())));
    assert_eq!((opened.of, opened.epoch, &opened.closed), (of, 2, &None));
    // A quarter of the rate.
    let per_second = opened.limit.unwrap().per_second();
    assert!((19.0..21.0).contains(&per_second), "{per_second}");

    world.cancel(campaign).await;
    let cancelled = watch.read().await.unwrap().pop().unwrap();
    assert_eq!(cancelled.closed, Some((StopReason::Operator, "campaign_cancelled".to_owned())));
    world.close().await;
}

#[tokio::test]
async fn a_lower_rate_and_a_pause_of_the_provider_are_read() {
    let world = World::new("watch_rate", None).await;
    let mut watch = world.watch().await;
    world.store.set_rate(world.sender, "20/s".parse().ok()).await.unwrap();
    notified(&watch).await;
    let state = watch.read().await.unwrap().pop().unwrap();
    assert_eq!((state.limit, state.is_paused, state.closed), ("20/s".parse().ok(), false, None));
    world.store.slow_sender(world.sender, Duration::from_mins(1)).await.unwrap();
    notified(&watch).await;
    let state = watch.read().await.unwrap().pop().unwrap();
    let per_second = state.limit.unwrap().per_second();
    assert!((10.0..10.5).contains(&per_second) && state.is_paused, "{per_second}");
    world.close().await;
}

#[tokio::test]
async fn claims_and_records_list_no_change() {
    let world = World::new("watch_hot_path", Some("1000/s")).await;
    let campaign = world.campaign(20).await;
    let listed = "select count(*) from gate_change";
    let before = world.count(listed).await;
    // The short way, and the one that knows of daily caps.
    let claim = world.granted(campaign, 1..=5).await;
    world.record(campaign, &claim, &accepted()).await;
    world.look.execute("update sender_gate set daily_cap = 10", &[]).await.unwrap();
    let claim = world.granted(campaign, 6..=9).await;
    world.record(campaign, &claim, &accepted()).await;
    assert_eq!(world.count(listed).await, before);
    // The last one of the day closes the gate.
    assert_eq!(world.granted(campaign, 10..=20).await.rows.len(), 1);
    assert_eq!(world.count(listed).await, before + 1);
    world.close().await;
}

#[tokio::test]
async fn a_change_is_read_when_it_is_committed_also_after_one_that_was_begun_later() {
    let world = World::new("watch_order", None).await;
    let campaigns = [world.campaign(1).await, world.campaign(1).await, world.campaign(1).await];
    let mut watch = world.watch().await;
    let (other, connection) = tokio_postgres::connect(world.scope.database_url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    let pause = |CampaignId(id)| format!("update campaign set state = 'paused' where id = {id}");
    other.batch_execute(&format!("begin; {}", pause(campaigns[0]))).await.unwrap();
    world.store.hold_campaign(campaigns[1], "operator").await.unwrap();
    assert_eq!(gates(&watch.read().await.unwrap()), [GateOf::Campaign(campaigns[1])]);
    other.batch_execute(&format!("savepoint late; {}; commit", pause(campaigns[2]))).await.unwrap();
    let mut read = gates(&watch.read().await.unwrap());
    read.sort_by_key(|gate| format!("{gate:?}"));
    assert_eq!(read, [GateOf::Campaign(campaigns[0]), GateOf::Campaign(campaigns[2])]);
    assert_eq!(watch.read().await.unwrap(), []);
    world.close().await;
}

#[tokio::test]
async fn a_broken_connection_is_made_again_and_meanwhile_the_pool_is_asked() {
    let world = World::new("watch_broken", None).await;
    let mut watch = world.watch().await;
    assert_eq!(world.count(LISTENING).await, 1);
    let kill = LISTENING.replace("count(*)", "pg_terminate_backend(pid)");
    world.look.query(&kill, &[]).await.unwrap();
    world.store.stop_sender(world.sender, None, &by_operator()).await.unwrap();
    assert_eq!(gates(&watch.read().await.unwrap()), [GateOf::Sender(SenderId(1))]);
    // The pool's connection asks for something else, so that only the new one is found.
    world.store.now().await.unwrap();
    while world.count(LISTENING).await == 0 {
        notified(&watch).await;
    }
    while tokio::time::timeout(Duration::ZERO, watch.notified()).await.is_ok() {}
    world.store.open_sender(world.sender, "test").await.unwrap();
    notified(&watch).await;
    assert_eq!(gates(&watch.read().await.unwrap()), [GateOf::Sender(SenderId(1))]);
    world.close().await;
}

#[tokio::test]
async fn changes_of_long_ago_are_forgotten() {
    let world = World::new("watch_forgets", None).await;
    let old = "
        insert into gate_change (sender_id, changed_at)
        select 1, clock_timestamp() - interval '61 minutes' from generate_series(1, 15)";
    world.look.execute(old, &[]).await.unwrap();
    let kept =
        world.count("select count(*) from gate_change where changed_at > now() - interval '1 hour'").await;
    world.store.stop_sender(world.sender, None, &by_operator()).await.unwrap();
    assert_eq!(world.count("select count(*) from gate_change").await, kept + 1);
    world.close().await;
}
