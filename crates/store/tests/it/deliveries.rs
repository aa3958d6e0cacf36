//! Deliveries of events to webhook endpoints: one process at a time, none lost, none recorded twice.

use std::time::Duration;

use store::{AttemptResult, DeliveryToMake, EndpointChange, Next, Store};

use crate::world::World;

const LEASE: Duration = Duration::from_mins(1);
const DAYS_5: Duration = Duration::from_hours(5 * 24);

async fn world(name: &str, endpoints: &[&str]) -> World {
    let world = World::new(name, None).await;
    for name in endpoints {
        world.store.add_endpoint(name, "https://shop.example/", None, "test").await.unwrap();
    }
    world
}

async fn ping(store: &Store, endpoint: &str) -> i64 {
    let event = store.ping_endpoint(endpoint).await.unwrap();
    store.dispatch_events().await.unwrap();
    event
}

async fn take(store: &Store) -> Option<DeliveryToMake> {
    store.take_delivery(LEASE).await.unwrap()
}

async fn record(store: &Store, made: &DeliveryToMake, next: Next) -> Option<String> {
    let result = AttemptResult {
        next,
        status: Some(200),
        latency: Duration::from_millis(7),
        answer: Some("ok"),
        problem: None,
    };
    store.record_attempt(made, &result).await.unwrap()
}

#[tokio::test]
async fn an_endpoint_gets_one_delivery_at_a_time_in_order_and_another_endpoint_does_not_wait() {
    let world = world("deliveries_order", &["shop", "crm"]).await;
    let store = &world.store;
    let events = [ping(store, "shop").await, ping(store, "shop").await, ping(store, "crm").await];
    let (one, other) = tokio::join!(take(store), take(store));
    let (mut taken, none) = ([one.unwrap(), other.unwrap()], take(store).await);
    taken.sort_by_key(|made| made.event.id);
    assert_eq!(taken.each_ref().map(|made| made.event.id), [events[0], events[2]]);
    assert!(none.is_none());
    record(store, &taken[0], Next::Delivered).await;
    assert_eq!(take(store).await.unwrap().event.id, events[1]);
    assert!(take(store).await.is_none());
    world.close().await;
}

#[tokio::test]
async fn many_processes_take_each_delivery_once() {
    let world = world("deliveries_many", &["shop", "crm", "bi"]).await;
    for endpoint in ["shop", "crm", "bi"] {
        for _ in 0..20 {
            world.store.ping_endpoint(endpoint).await.unwrap();
        }
    }
    let work = async || {
        let mut made = Vec::new();
        let mut idle = 0;
        while idle < 20 {
            world.store.dispatch_events().await.unwrap();
            match take(&world.store).await {
                Some(taken) => {
                    record(&world.store, &taken, Next::Delivered).await;
                    made.push((taken.endpoint, taken.event.id));
                    idle = 0;
                }
                None => idle += 1,
            }
        }
        made
    };
    let (a, b, c, d) = tokio::join!(work(), work(), work(), work());
    let mut made = [a, b, c, d].concat();
    assert_eq!(made.len(), 60);
    made.sort_unstable();
    made.dedup();
    assert_eq!(made.len(), 60);
    world.close().await;
}

#[tokio::test]
async fn a_delivery_whose_process_died_is_made_again_after_the_lease_and_a_late_result_changes_nothing() {
    let world = world("deliveries_died", &["shop"]).await;
    let store = &world.store;
    ping(store, "shop").await;
    let died = take(store).await.unwrap();
    assert!(take(store).await.is_none());
    world.look.batch_execute("update webhook_endpoint set leased_until = clock_timestamp()").await.unwrap();
    let again = take(store).await.unwrap();
    assert_eq!((again.event.message_id, again.attempt), (died.event.message_id, 2));
    record(store, &died, Next::Failed(DAYS_5)).await;
    assert!(take(store).await.is_none(), "the late result ended the lease of another process");
    record(store, &again, Next::Delivered).await;
    let row = store.deliveries(again.endpoint, None, 10).await.unwrap().remove(0);
    assert_eq!(
        (row.state.as_str(), row.attempts, row.status, row.answer.as_deref()),
        ("delivered", 2, Some(200), Some("ok"))
    );
    world.close().await;
}

#[tokio::test]
async fn a_retry_waits_and_lets_later_events_pass() {
    let world = world("deliveries_retry", &["shop"]).await;
    let store = &world.store;
    let (first, second) = (ping(store, "shop").await, ping(store, "shop").await);
    let made = take(store).await.unwrap();
    assert_eq!(record(store, &made, Next::Retry(LEASE)).await, None);
    assert!(store.endpoint("shop").await.unwrap().failing_since.is_some());
    let made = take(store).await.unwrap();
    assert_eq!(made.event.id, second);
    record(store, &made, Next::Delivered).await;
    assert!(take(store).await.is_none());
    assert_eq!(store.endpoint("shop").await.unwrap().failing_since, None);
    world
        .look
        .batch_execute("update webhook_delivery set next_at = now() where state = 'due'")
        .await
        .unwrap();
    assert_eq!(take(store).await.unwrap().event.id, first);
    world.close().await;
}

#[tokio::test]
async fn an_endpoint_is_disabled_when_it_is_gone_or_has_failed_for_five_days() {
    let world = world("deliveries_disabled", &["shop"]).await;
    let store = &world.store;
    let ping_and_record = async |next| {
        ping(store, "shop").await;
        let made = take(store).await.unwrap();
        record(store, &made, next).await
    };
    assert_eq!(ping_and_record(Next::Failed(DAYS_5)).await, None);
    let older = "update webhook_endpoint set failing_since = failing_since - interval '5 days'";
    world.look.batch_execute(older).await.unwrap();
    assert_eq!(ping_and_record(Next::Retry(Duration::ZERO)).await, None);
    let made = take(store).await.unwrap();
    assert_eq!(record(store, &made, Next::Failed(DAYS_5)).await.as_deref(), Some("failing"));
    let endpoint = store.endpoint("shop").await.unwrap();
    assert_eq!(endpoint.disabled_reason.as_deref(), Some("failing"));
    assert!(store.ping_endpoint("shop").await.unwrap_err().to_string().contains("is disabled"));
    // Events meanwhile are not delivered, until they are recovered.
    let since = endpoint.created_at;
    world.campaign(1).await;
    store.dispatch_events().await.unwrap();
    assert_eq!(store.endpoint("shop").await.unwrap().due, 0);
    let enable = EndpointChange { is_enabled: Some(true), ..EndpointChange::default() };
    let enabled = store.change_endpoint("shop", &enable).await.unwrap();
    assert_eq!((enabled.disabled_at, enabled.failing_since), (None, None));
    // Two failed pings, the list, and the start.
    assert_eq!(store.recover_deliveries(endpoint.id, since).await.unwrap().events, 4);
    for _ in 0..4 {
        let made = take(store).await.unwrap();
        assert_eq!(made.attempt, 1);
        record(store, &made, Next::Delivered).await;
    }
    assert_eq!(store.recover_deliveries(endpoint.id, since).await.unwrap().events, 0);
    assert_eq!(ping_and_record(Next::Gone).await.as_deref(), Some("gone"));
    world.close().await;
}

#[tokio::test]
async fn a_delivered_event_can_be_sent_again_and_a_ping_of_another_endpoint_cannot() {
    let world = world("deliveries_again", &["shop", "crm"]).await;
    let store = &world.store;
    let event = ping(store, "shop").await;
    let made = take(store).await.unwrap();
    record(store, &made, Next::Delivered).await;
    assert!(store.deliver_again(made.endpoint, event).await.unwrap());
    let again = take(store).await.unwrap();
    assert_eq!((again.event.message_id, again.attempt), (made.event.message_id, 1));
    record(store, &again, Next::Delivered).await;
    let crm = store.endpoint("crm").await.unwrap();
    assert!(!store.deliver_again(crm.id, event).await.unwrap());
    assert!(!store.deliver_again(crm.id, 999).await.unwrap());
    assert_eq!(store.deliveries(made.endpoint, Some(event), 10).await.unwrap().len(), 0);
    store.remove_endpoint("shop").await.unwrap();
    assert!(
        store.endpoint("shop").await.unwrap_err().to_string().contains("there is no webhook endpoint 'shop'")
    );
    world.close().await;
}

#[tokio::test]
async fn kinds_are_limited_by_endpoint_and_a_renewed_secret_is_of_a_new_generation() {
    let world = world("deliveries_kinds", &[]).await;
    let store = &world.store;
    let kinds = ["campaign.started".to_owned()];
    let added = store.add_endpoint("shop", "https://shop.example/", Some(&kinds), "anna").await.unwrap();
    assert_eq!((added.generation, added.created_by.as_str()), (1, "anna"));
    let error = store.add_endpoint("SHOP", "https://shop.example/", None, "anna").await.unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    world.campaign(1).await;
    store.dispatch_events().await.unwrap();
    assert_eq!(store.renew_endpoint("shop").await.unwrap().generation, 2);
    let made = take(store).await.unwrap();
    assert_eq!((made.event.kind.as_str(), made.generation, made.is_renewed), ("campaign.started", 2, true));
    record(store, &made, Next::Delivered).await;
    world
        .look
        .batch_execute("update webhook_endpoint set renewed_at = renewed_at - interval '25 hours'")
        .await
        .unwrap();
    let all =
        EndpointChange { events: Some(None), url: Some("https://b.example/"), ..EndpointChange::default() };
    assert_eq!(store.change_endpoint("shop", &all).await.unwrap().events, None);
    ping(store, "shop").await;
    let made = take(store).await.unwrap();
    assert_eq!((made.is_renewed, made.url.as_str()), (false, "https://b.example/"));
    world.close().await;
}
