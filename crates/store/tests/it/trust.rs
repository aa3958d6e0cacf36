//! A failover that is confirmed without a person: the rule, and what a producer notes and changes.

use campaign::StopReason;
use secrecy::SecretString;
use store::{Config, DatabaseCheck, Failover, Store};

use crate::world::World;

/// Another timeline in the row of `installation` is the same as a standby that was promoted under it.
const PROMOTED: &str = "update installation set timeline = '00000000'";
/// What a producer noted on the primary a moment before.
const NOTED: &str = "
    insert into failover_note (timeline, checked_at, seen_at) values ('00000000', clock_timestamp(), clock_timestamp())
    on conflict (is_only) do update set timeline = excluded.timeline, checked_at = excluded.checked_at, seen_at = excluded.seen_at";

/// A store that trusts failovers to synchronous standbys.
async fn trusting(world: &World) -> Store {
    let config = Config::new(SecretString::from(world.scope.database_url()));
    Store::connect(&Config { failover: Failover::TrustSynchronous, ..config }).await.unwrap()
}

fn distrust(check: DatabaseCheck) -> (u64, String) {
    match check {
        DatabaseCheck::Held { held, distrust: Some(distrust) } => (held, distrust),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_promoted_standby_is_confirmed_by_the_rule_and_its_senders_are_resumed() {
    let world = World::new("trusted", Some("10/s")).await;
    let (campaign, store) = (world.campaign(10).await, trusting(&world).await);
    world.look.batch_execute(&format!("{PROMOTED}; {NOTED}")).await.unwrap();
    // A producer without the setting held the sender first.
    let held = world.store.check_database().await.unwrap();
    assert_eq!(held, DatabaseCheck::Held { held: 1, distrust: None });
    world
        .look
        .batch_execute("update sender_gate set tat = 'epoch'; update campaign_feed set cursor = 9")
        .await
        .unwrap();
    let before = world.now().await;

    let trusted = store.check_database().await.unwrap();
    assert_eq!(trusted, DatabaseCheck::Trusted { resumed: vec!["main".into()] });
    let state = store.database_state().await.unwrap();
    assert_eq!((state.is_confirmed, state.confirmed_by.as_deref()), (true, Some("trust-synchronous")));
    // The window of the rate is not used twice.
    let tat: jiff::Timestamp = world.look.query_one("select tat from sender_gate", &[]).await.unwrap().get(0);
    assert!(tat >= before);
    // What workers acknowledged before is published again.
    assert_eq!(world.count("select count(*) from campaign_feed where cursor = low_water - 1").await, 1);
    let audit = "
        select count(*) from audit
        where action = 'database.confirm' and actor_kind = 'rule' and actor = 'trust-synchronous' and outcome = 'done'
            and details ->> 'timeline_before' = '00000000' and details -> 'resumed' = '[\"main\"]'";
    assert_eq!(world.count(audit).await, 1);
    assert_eq!(store.check_database().await.unwrap(), DatabaseCheck::Confirmed);
    world.granted(campaign, 1..=1).await;
    drop(store);
    world.close().await;
}

#[tokio::test]
async fn without_a_note_of_a_synchronous_standby_and_for_any_other_difference_senders_are_held() {
    let world = World::new("not_trusted", None).await;
    let store = trusting(&world).await;
    // This server has no standby, and commits wait for none.
    assert_eq!(store.check_database().await.unwrap(), DatabaseCheck::Confirmed);
    let noted = "select count(*) from failover_note where seen_at = '-infinity' and timeline = '00000001'";
    assert_eq!(world.count(noted).await, 1);
    assert_eq!(store.failover_warning().await.unwrap(), Some("synchronous_standby_names is empty"));
    assert_eq!(world.store.failover_warning().await.unwrap(), None);

    world
        .look
        .batch_execute(&format!("{PROMOTED}; update failover_note set timeline = '00000000'"))
        .await
        .unwrap();
    let (held, reason) = distrust(store.check_database().await.unwrap());
    assert!(held == 1 && reason.contains("did not wait for a synchronous standby"), "{held} {reason}");
    world.look.batch_execute(&format!("{NOTED}; update installation set table_id = 1")).await.unwrap();
    let (_, reason) = distrust(store.check_database().await.unwrap());
    assert!(reason.contains("more differs than the timeline"), "{reason}");
    // Tables of before migration 50 are no reason to send.
    world.look.batch_execute("drop table failover_note").await.unwrap();
    let (_, reason) = distrust(store.check_database().await.unwrap());
    assert!(reason.contains("run 'flowcast migrate'"), "{reason}");
    let stops = world.store.holds().await.unwrap();
    assert_eq!((stops.len(), stops[0].reason), (1, StopReason::DatabaseFailedOver));
    drop(store);
    world.close().await;
}
