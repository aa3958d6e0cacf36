//! The measures for the metrics of the installation.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use campaign::Outcome;
use store::Measure;

use crate::world::{World, accepted, reason};

/// The longest time of one reading on an idle machine is below 10 ms. The test machine executes other tests meanwhile.
const SOON: Duration = Duration::from_millis(100);

/// The values by name and labels.
fn by_name(measures: Vec<Measure>) -> BTreeMap<String, f64> {
    let of = |measure: Measure| (format!("{} {}", measure.name, measure.labels.join(" ")), measure.value);
    measures.into_iter().map(of).collect()
}

async fn measure(world: &World) -> BTreeMap<String, f64> {
    let mut measures = world.store.measure_senders(&[world.sender], 100).await.unwrap();
    measures.extend(world.store.measure_database(true).await.unwrap());
    by_name(measures)
}

#[tokio::test]
async fn the_measures_show_states_claims_holds_and_unknown_recipients() {
    let world = World::new("measures", Some("80/s")).await;
    let id = world.campaign(100).await;
    let claim = world.granted(id, 1..=5).await;
    world.record(id, &world.granted(id, 6..=8).await, &accepted()).await;
    let unknown = Outcome::Unknown { reason: reason("timeout") };
    world.record(id, &world.granted(id, 9..=10).await, &unknown).await;
    let found = measure(&world).await;
    let values = |names: &[&str]| -> Vec<f64> {
        names
            .iter()
            .map(|name| *found.get(*name).unwrap_or_else(|| panic!("no {name} in {found:?}")))
            .collect()
    };
    let states = [
        "recipients main pending",
        "recipients main sending",
        "recipients main accepted",
        "recipients main unknown",
    ];
    assert_eq!(values(&states), [90.0, 5.0, 3.0, 2.0]);
    let rates = [
        "rate_allowed main",
        "rate_pace main",
        "daily_used main",
        "campaigns main running",
        "campaigns main paused",
    ];
    assert_eq!(values(&rates)[..2], [80.0, 1.0]);
    assert_eq!(values(&rates)[3..], [1.0, 0.0]);
    let open = [
        "claims_open main",
        "sending_without_claim main",
        "conservation_difference main",
        "unknown_recipients main",
    ];
    assert_eq!(values(&open), [1.0, 0.0, 0.0, 2.0]);
    let campaign = format!("campaign_waiting_recipients {id}");
    assert_eq!(values(&[&campaign, "unarchived_campaigns "]), [90.0, 1.0]);
    assert!(
        values(&["volumes ", "database_bytes ", "database_max_connections ", "database_connections "])
            .iter()
            .all(|n| *n > 0.0)
    );
    assert!(found.keys().any(|name| name.starts_with("waiting_recipients main ")), "{found:?}");
    assert!(!found.contains_key("daily_cap main"), "no cap is set");

    // A claim that disappeared without its recipients, and a counter that is wrong.
    world.look.execute("delete from claim where id = $1", &[&claim.id.0]).await.unwrap();
    world
        .look
        .execute("insert into counter_delta (campaign_id, kind, n) values ($1, 'failed', 7)", &[&id.0])
        .await
        .unwrap();
    world.look.execute(
        "insert into hold (sender_id, reason, since, caused_by) values ($1, 'payment', now() - interval '1 hour', 'test')",
        &[&world.sender.0],
    ).await.unwrap();
    let found = measure(&world).await;
    assert_eq!((found["claims_open main"], found["sending_without_claim main"]), (0.0, 5.0));
    assert_eq!(found["conservation_difference main"].to_string(), "7");
    assert!(found["hold_seconds main sender payment"] >= 3_600.0, "{found:?}");
    world.close().await;
}

#[tokio::test]
async fn with_2000_past_campaigns_the_measures_take_milliseconds() {
    let world = World::new("measures_many", None).await;
    let id = world.campaign(1_000).await;
    let past = "
        insert into campaign (name, sender_id, definition, state, recipients)
            select 'past', sender_id, definition, 'finished', 1000 from campaign, generate_series(1, 2000);
        insert into counter (campaign_id, kind, n)
            select id, kind, 100 from campaign, unnest(array['recipient', 'accepted', 'failed', 'unknown', 'delivered', 'read',
                'attempt_accepted', 'attempt_failed', 'answer', 'answered']) kind
            where state = 'finished';
        insert into hold (sender_id, campaign_id, reason, caused_by, ended_at, ended_by)
            select sender_id, id, 'operator', 'test', now(), 'test' from campaign where state = 'finished';
        analyze";
    world.look.batch_execute(past).await.unwrap();
    let _claim = world.granted(id, 1..=400).await;
    let mut fastest = Duration::MAX;
    for _ in 0..10 {
        let begun = Instant::now();
        world.store.measure_senders(&[world.sender], 100).await.unwrap();
        world.store.measure_database(false).await.unwrap();
        fastest = fastest.min(begun.elapsed());
    }
    println!("one reading of all measures: {fastest:?}");
    assert!(fastest < SOON, "{fastest:?}");
    world.close().await;
}
