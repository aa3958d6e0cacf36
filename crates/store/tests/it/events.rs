//! Events: written with the change that they tell of, once, in order, and without personal data.

use std::time::Duration;

use campaign::StopReason;
use store::{Error, EventRow, StopCause};

use crate::world::{World, msisdn};

const CAUSE: StopCause<'_> =
    StopCause { reason: StopReason::LowBalance, refusal: None, by: "worker of Berta Planted" };

async fn events(world: &World) -> Vec<(i64, EventRow)> {
    while world.store.dispatch_events().await.unwrap() > 0 {}
    world.store.events(0, 1_000).await.unwrap()
}

async fn kinds(world: &World) -> Vec<String> {
    events(world).await.into_iter().map(|(_, event)| event.kind).collect()
}

async fn last(world: &World) -> EventRow {
    events(world).await.pop().unwrap().1
}

#[tokio::test]
async fn each_change_of_a_campaign_is_one_event_in_order() {
    let world = World::new("events_campaign", None).await;
    let store = &world.store;
    let id = world.campaign(3).await;
    store.hold_campaign(id, "Berta Planted").await.unwrap();
    store.hold_campaign(id, "Berta Planted").await.unwrap();
    store.start_campaign(id, "Berta Planted").await.unwrap();
    assert!(store.pause_campaign(id, None, &CAUSE).await.unwrap());
    store.start_campaign(id, "Berta Planted").await.unwrap();
    world.cancel(id).await;
    let expected = [
        "list.imported",
        "campaign.started",
        "campaign.paused",
        "campaign.resumed",
        "campaign.stopped",
        "campaign.resumed",
        "campaign.ended",
    ];
    assert_eq!(kinds(&world).await, expected);
    let positions = events(&world).await;
    assert_eq!(store.events(positions[3].0, 2).await.unwrap(), positions[4..6]);
    let events: Vec<EventRow> = positions.into_iter().map(|(_, event)| event).collect();
    assert!(events.iter().all(|event| event.campaign == Some(id) && event.sender.as_deref() == Some("main")));
    assert_eq!(events[0].data["imported"], 3);
    assert_eq!(events[4].data["reason"], "low_balance");
    // Nothing of recipients, persons and texts of providers.
    let all =
        events.iter().map(|event| format!("{} {}", event.data, event.sender.as_deref().unwrap_or_default()));
    let all: String = all.collect();
    for planted in ["Berta", "Anna", &msisdn(0).digits().to_string(), "list.csv"] {
        assert!(!all.contains(planted), "{planted} in {all}");
    }
    world.close().await;
}

#[tokio::test]
async fn a_finished_campaign_is_one_event_and_a_change_that_fails_is_none() {
    let world = World::new("events_finished", None).await;
    let id = world.campaign(2).await;
    let before = kinds(&world).await.len();
    let change = world.store.begin_change().await.unwrap();
    change.store().hold_campaign(id, "test").await.unwrap();
    drop(change);
    assert_eq!(kinds(&world).await.len(), before);
    world.look.batch_execute("update recipient set state = 'expired'; delete from due").await.unwrap();
    assert!(world.store.finish_if_done(id).await.unwrap());
    assert!(!world.store.finish_if_done(id).await.unwrap());
    assert_eq!(kinds(&world).await[before..], ["campaign.finished"]);
    world.close().await;
}

#[tokio::test]
async fn a_stop_of_a_sender_that_another_stop_replaces_is_not_an_opening() {
    let world = World::new("events_sender", None).await;
    let (store, sender) = (&world.store, world.sender);
    assert!(store.stop_sender(sender, None, &CAUSE).await.unwrap());
    assert!(!store.stop_sender(sender, None, &CAUSE).await.unwrap());
    store.hold_sender(sender, "Berta Planted").await.unwrap();
    assert_eq!(kinds(&world).await, ["sender.stopped", "sender.stopped"]);
    store.open_sender(sender, "Berta Planted").await.unwrap();
    assert_eq!(kinds(&world).await, ["sender.stopped", "sender.stopped", "sender.opened"]);
    let event = last(&world).await;
    assert_eq!(
        (event.data["sender"].as_str(), event.data["reason"].as_str()),
        (Some("main"), Some("operator"))
    );
    assert!(!event.data.to_string().contains("Berta"));
    world.close().await;
}

#[tokio::test]
async fn answers_are_told_as_counts_once_per_pause_by_any_number_of_processes() {
    let world = World::new("events_answers", None).await;
    let id = world.campaign(1).await;
    let before = kinds(&world).await.len();
    let (hour, none) = (Duration::from_hours(1), Duration::ZERO);
    assert_eq!(world.store.tell_answers(none).await.unwrap(), 0);
    let counted = async |n: i64| {
        let insert = "insert into counter (campaign_id, kind, n) values ($1, 'answer', $2)
            on conflict (campaign_id, kind) do update set n = excluded.n";
        world.look.execute(insert, &[&id.0, &n]).await.unwrap();
    };
    counted(7).await;
    let (one, other) = tokio::join!(world.store.tell_answers(hour), world.store.tell_answers(hour));
    assert_eq!(one.unwrap() + other.unwrap(), 1);
    counted(9).await;
    assert_eq!(world.store.tell_answers(hour).await.unwrap(), 0);
    assert_eq!(world.store.tell_answers(none).await.unwrap(), 1);
    let event = last(&world).await;
    assert_eq!((&event.data["new"], &event.data["total"]), (&2.into(), &9.into()));
    // Erased answers are no new answers.
    counted(3).await;
    assert_eq!(world.store.tell_answers(none).await.unwrap(), 0);
    counted(4).await;
    assert_eq!(world.store.tell_answers(none).await.unwrap(), 1);
    assert_eq!(kinds(&world).await[before..], ["answers.received"; 3]);
    world.close().await;
}

#[tokio::test]
async fn the_notes_of_claims_and_records_write_no_event_and_no_endpoint() {
    let world = World::new("events_hot_path", None).await;
    let id = world.campaign(3).await;
    let before = kinds(&world).await.len();
    let claim = world.granted(id, 1..=3).await;
    world.record(id, &claim, &crate::world::accepted()).await;
    assert_eq!(kinds(&world).await.len(), before);
    let select = "
        select count(*) from pg_trigger t join pg_proc p on p.oid = t.tgfoid
        where p.proname like 'tell\\_%' and t.tgrelid::regclass::text not in ('campaign', 'hold', 'import')";
    assert_eq!(world.look.query_one(select, &[]).await.unwrap().get::<_, i64>(0), 0);
    world.close().await;
}

#[tokio::test]
async fn old_events_are_removed_with_their_deliveries() {
    let world = World::new("events_old", None).await;
    world.store.add_endpoint("shop", "https://shop.example/", None, "test").await.unwrap();
    world.campaign(1).await;
    assert_eq!(world.store.dispatch_events().await.unwrap(), 2);
    let old = "update event set at = at - interval '31 days' where kind = 'list.imported'";
    world.look.batch_execute(old).await.unwrap();
    assert_eq!(world.store.forget_events().await.unwrap(), 1);
    assert_eq!(world.store.forget_events().await.unwrap(), 0);
    assert_eq!(kinds(&world).await, ["campaign.started"]);
    let endpoint = world.store.endpoint("SHOP").await.unwrap();
    assert_eq!(world.store.deliveries(endpoint.id, None, 10).await.unwrap().len(), 1);
    world.close().await;
}

#[tokio::test]
async fn an_event_that_commits_after_a_later_number_was_dispatched_is_dispatched_too() {
    let mut world = World::new("events_late", None).await;
    world.store.add_endpoint("shop", "https://shop.example/", None, "test").await.unwrap();
    let insert = "insert into event (kind, data) values ('test.ping', '{}')";
    let early = world.look.transaction().await.unwrap();
    early.batch_execute(insert).await.unwrap();
    world.store.add_endpoint("crm", "https://crm.example/", None, "test").await.unwrap();
    world.store.ping_endpoint("shop").await.unwrap();
    assert_eq!(world.store.dispatch_events().await.unwrap(), 1);
    let before = world.store.events(0, 10).await.unwrap();
    assert!(before.is_empty(), "a ping is for one endpoint: {before:?}");
    early.commit().await.unwrap();
    assert_eq!(world.store.dispatch_events().await.unwrap(), 1);
    let ping: i64 = world
        .look
        .query_one("select position from event where endpoint_id is not null", &[])
        .await
        .unwrap()
        .get(0);
    let after = world.store.events(ping, 10).await.unwrap();
    assert!(
        matches!(&after[..], [(_, event)] if event.id == 1),
        "a reader that read up to the later number: {after:?}"
    );
    assert_eq!(world.store.dispatch_events().await.unwrap(), 0);
    // The endpoint that was added after the event does not get it; the ping is for one endpoint only.
    assert_eq!(world.store.endpoint("shop").await.unwrap().due, 2);
    assert_eq!(world.store.endpoint("crm").await.unwrap().due, 0);
    world.close().await;
}

#[tokio::test]
async fn an_unknown_campaign_has_no_refused_list_and_an_unknown_kind_is_refused() {
    let world = World::new("events_refused", None).await;
    let id = world.draft(1).await;
    world.store.tell_refused_list(campaign::CampaignId(99), "bad-list").await.unwrap();
    assert_eq!(kinds(&world).await, ["list.imported"]);
    world.store.tell_refused_list(id, "bad-list").await.unwrap();
    assert_eq!(last(&world).await.data["problem"], "bad-list");
    let error = world.store.add_endpoint("shop", "https://a/", Some(&[]), "test").await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error}");
    world.close().await;
}
