//! Ended campaigns keep nobody waiting, in whatever instant a worker gives somebody back.

use std::time::Duration;

use campaign::{CampaignId, Outcome};
use tokio_postgres::NoTls;

use crate::world::{World, reason};

fn later() -> Outcome {
    Outcome::Retry { after: Duration::from_mins(5), counted: true, reason: reason("WA500") }
}

/// Waits until a statement of this test waits for a lock.
async fn somebody_waits_for_a_lock(world: &World) {
    let waiting = "
        select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while world.count(waiting).await == 0 {
        assert!(tokio::time::Instant::now() < deadline, "nobody waits for a lock");
        tokio::task::yield_now().await;
    }
}

/// Nobody waits, and the books balance.
async fn nobody_is_left(world: &World, campaign: CampaignId) {
    assert_eq!(world.count("select count(*) from due").await, 0);
    let open = "select count(*) from recipient where state in ('pending', 'sending', 'retry')";
    assert_eq!(world.count(open).await, 0);
    let unbalanced = "select count(*) from report.conservation where difference <> 0";
    assert_eq!(world.count(unbalanced).await, 0);
    assert_eq!(world.store.ended_campaigns_with_due().await.unwrap(), [], "{campaign}");
}

#[tokio::test]
async fn an_outcome_recorded_during_the_cancellation_leaves_no_recipient_waiting() {
    let world = World::new("ending_race", None).await;
    let campaign = world.campaign(5).await;
    let claim = world.granted(campaign, 1..=3).await;
    let (gate, connection) = tokio_postgres::connect(world.scope.database_url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    // The recording has begun, and with it what it sees, when the campaign is cancelled.
    gate.batch_execute("begin; select from recipient where seq = 1 for update").await.unwrap();
    let cancel = async {
        somebody_waits_for_a_lock(&world).await;
        assert_eq!(world.cancel(campaign).await, 2);
        gate.batch_execute("commit").await.unwrap();
    };
    let outcome = later();
    let (recorded, ()) = tokio::join!(world.record(campaign, &claim, &outcome), cancel);
    assert_eq!(recorded, 3);
    assert_eq!(world.row(campaign, 1).await.0, "retry", "the recording did not see the old state");

    assert_eq!(world.store.ended_campaigns_with_due().await.unwrap(), [campaign]);
    assert_eq!(world.store.end_stragglers(campaign).await.unwrap(), 3);
    assert_eq!(world.row(campaign, 1).await, ("cancelled".into(), 1, Some("campaign_cancelled".into())));
    nobody_is_left(&world, campaign).await;
    drop(gate);
    world.close().await;
}

/// A campaign that has finished, with a worker that slept and now says that its recipients were refused for now.
async fn woken_up(world: &World) -> CampaignId {
    let campaign = world.campaign_with("deadline = \"48h\"", 2).await;
    let claim = world.granted(campaign, 1..=2).await;
    world.look.execute("update claim set lease_until = now() - interval '1 hour'", &[]).await.unwrap();
    assert_eq!(world.store.expire_claims(world.sender).await.unwrap(), 2);
    assert!(world.store.finish_if_done(campaign).await.unwrap());
    assert_eq!(world.record(campaign, &claim, &later()).await, 2);
    campaign
}

#[tokio::test]
async fn a_finished_campaign_runs_again_for_those_a_worker_gives_back_late() {
    let world = World::new("ending_late", None).await;
    let campaign = woken_up(&world).await;
    assert_eq!(world.store.end_stragglers(campaign).await.unwrap(), 0);
    let row = world.store.campaign(campaign).await.unwrap();
    assert_eq!((row.state.word(), row.epoch), ("running", 2));
    assert_eq!(world.row(campaign, 1).await.0, "retry");
    world.close().await;
}

#[tokio::test]
async fn those_a_worker_gives_back_after_the_deadline_are_expired() {
    let world = World::new("ending_expired", None).await;
    let campaign = woken_up(&world).await;
    world.look.execute("update campaign set deadline_at = now()", &[]).await.unwrap();
    assert_eq!(world.store.end_stragglers(campaign).await.unwrap(), 2);
    assert_eq!(world.row(campaign, 1).await, ("expired".into(), 1, Some("deadline".into())));
    assert_eq!(world.store.campaign(campaign).await.unwrap().state.word(), "finished");
    nobody_is_left(&world, campaign).await;
    world.close().await;
}

#[tokio::test]
async fn a_cancellation_whose_process_died_is_finished() {
    let world = World::new("ending_died", None).await;
    let campaign = world.campaign(5).await;
    world.store.cancel_campaign(campaign, "test").await.unwrap();
    assert_eq!(world.store.campaigns_to_cancel().await.unwrap(), [campaign]);
    assert_eq!(world.store.continue_cancellation(campaign).await.unwrap(), 5);
    assert_eq!(world.store.campaigns_to_cancel().await.unwrap(), []);
    nobody_is_left(&world, campaign).await;
    // No campaign that runs is touched, and missing rows are passed over.
    let running = world.campaign(1).await;
    assert_eq!(world.store.continue_cancellation(running).await.unwrap(), 0);
    assert_eq!(world.row(running, 1).await.0, "pending");
    world.store.cancel_campaign(running, "test").await.unwrap();
    world.look.execute("delete from recipient where campaign_id = $1", &[&running.0]).await.unwrap();
    assert_eq!(world.store.continue_cancellation(running).await.unwrap(), 0);
    assert_eq!(world.store.campaigns_to_cancel().await.unwrap(), []);
    world.close().await;
}
