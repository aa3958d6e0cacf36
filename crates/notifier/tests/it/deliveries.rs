//! Deliveries from the event to the receiver.

use std::collections::BTreeSet;
use std::time::Duration;

use campaign::StopReason;
use notifier::Guard;
use store::StopCause;

use crate::receiver::Receiver;
use crate::world::{World, key};

const CAUSE: StopCause<'_> =
    StopCause { reason: StopReason::LowBalance, refusal: None, by: "worker of Berta Planted" };

#[tokio::test]
async fn the_events_of_a_campaign_arrive_signed_once_and_in_order_from_two_notifiers() {
    let mut world = World::new("notifier_order").await;
    let mut receiver = Receiver::start(&[]).await;
    let secret = world.add("shop", &receiver.url()).await;
    world.notify();
    world.notify();
    let (store, id) = (world.store.clone(), world.campaign);
    store.start_campaign(id, "Berta Planted").await.unwrap();
    for _ in 0..10 {
        store.pause_campaign(id, None, &CAUSE).await.unwrap();
        store.start_campaign(id, "Berta Planted").await.unwrap();
    }
    store.cancel_campaign(id, "Berta Planted").await.unwrap();
    let requests = receiver.requests(22).await;
    world.until("select count(*) from webhook_delivery where state <> 'delivered'", 0).await;
    let kinds: Vec<String> = requests.iter().map(crate::receiver::Request::kind).collect();
    let mut expected = vec!["campaign.started"];
    expected.extend(["campaign.stopped", "campaign.resumed"].repeat(10));
    expected.push("campaign.ended");
    assert_eq!(kinds, expected);
    let ids: BTreeSet<&str> = requests.iter().map(crate::receiver::Request::id).collect();
    assert_eq!(ids.len(), 22);
    for request in &requests {
        assert!(request.is_signed_with(&secret), "{request:?}");
        assert!(!request.body.contains("Berta"), "{}", request.body);
    }
    world.close().await;
}

#[tokio::test]
async fn a_failed_delivery_is_repeated_with_the_same_id_and_a_new_timestamp() {
    let mut world = World::new("notifier_retry").await;
    let mut receiver = Receiver::start(&[500, 302]).await;
    let secret = world.add("shop", &receiver.url()).await;
    world.notify();
    let event = world.store.ping_endpoint("shop").await.unwrap();
    // The pauses of seconds and minutes are passed over.
    for attempts in 1..=2 {
        let select = format!(
            "select count(*) from webhook_delivery d join webhook_endpoint e on e.id = d.endpoint_id
             where attempts = {attempts} and state = 'due' and status is not null and e.leased_until = 'epoch'
                and next_at > clock_timestamp() + interval '1 second'"
        );
        world.until(&select, 1).await;
        world.look.batch_execute("update webhook_delivery set next_at = clock_timestamp()").await.unwrap();
    }
    let requests = receiver.requests(3).await;
    assert!(
        requests.iter().all(|request| request.id() == requests[0].id() && request.is_signed_with(&secret))
    );
    assert_eq!(requests[0].json()["sequence"], event);
    world.until("select count(*) from webhook_delivery where state = 'delivered' and attempts = 3", 1).await;
    // Sent again by a person.
    let endpoint = world.store.endpoint("shop").await.unwrap();
    assert!(world.store.deliver_again(endpoint.id, event).await.unwrap());
    assert_eq!(receiver.requests(4).await[3].id(), requests[0].id());
    world.until("select count(*) from webhook_delivery where state = 'delivered' and status = 200", 1).await;
    let row = world.store.deliveries(endpoint.id, None, 1).await.unwrap().remove(0);
    assert_eq!(row.answer.as_deref(), Some("said"));
    world.close().await;
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_delays_no_other_endpoint() {
    let mut world = World::new("notifier_slow").await;
    let (mut slow, mut quick) = (Receiver::start(&[0; 100]).await, Receiver::start(&[]).await);
    world.add("slow", &slow.url()).await;
    world.add("quick", &quick.url()).await;
    for _ in 0..5 {
        world.store.ping_endpoint("slow").await.unwrap();
    }
    world.notify();
    slow.requests(1).await;
    for _ in 0..20 {
        world.store.ping_endpoint("quick").await.unwrap();
    }
    quick.requests(20).await;
    let timed_out = "select count(*) from webhook_delivery where problem = 'the receiver took longer than 1 s' and state = 'due'";
    world.until(&format!("select least(count(*), 2) from ({timed_out} group by event_id) late"), 2).await;
    assert!(world.store.endpoint("slow").await.unwrap().failing_since.is_some());
    world.close().await;
}

#[tokio::test]
async fn an_endpoint_that_answers_410_is_disabled_and_gets_nothing_more() {
    let mut world = World::new("notifier_gone").await;
    let mut receiver = Receiver::start(&[410]).await;
    world.add("shop", &receiver.url()).await;
    world.store.ping_endpoint("shop").await.unwrap();
    world.store.ping_endpoint("shop").await.unwrap();
    world.notify();
    world.until("select count(*) from webhook_endpoint where disabled_reason = 'gone'", 1).await;
    world.store.start_campaign(world.campaign, "test").await.unwrap();
    world.until("select count(*) from event where position is null", 0).await;
    assert_eq!(receiver.requests(1).await.len(), 1);
    world.until("select count(*) from webhook_delivery where state = 'gone'", 1).await;
    world.close().await;
}

#[tokio::test]
async fn a_delivery_of_a_process_that_died_is_made_again_with_the_same_id() {
    let mut world = World::new("notifier_died").await;
    let mut receiver = Receiver::start(&[]).await;
    world.add("shop", &receiver.url()).await;
    world.store.ping_endpoint("shop").await.unwrap();
    // A process that took the delivery and died, whether before or after the answer: nothing is recorded.
    world.store.dispatch_events().await.unwrap();
    let taken = world.store.take_delivery(Duration::from_secs(2)).await.unwrap().unwrap();
    world.notify();
    let requests = receiver.requests(1).await;
    assert_eq!(requests[0].id(), format!("evt_{}", taken.event.message_id.simple()));
    world.until("select count(*) from webhook_delivery where state = 'delivered' and attempts = 2", 1).await;
    world.close().await;
}

#[tokio::test]
async fn a_renewed_secret_signs_together_with_the_secret_before() {
    let mut world = World::new("notifier_renewed").await;
    let mut receiver = Receiver::start(&[]).await;
    let old = world.add("shop", &receiver.url()).await;
    let renewed = world.store.renew_endpoint("shop").await.unwrap();
    let new = key().secret(renewed.id, renewed.generation).text();
    world.notify();
    world.store.ping_endpoint("shop").await.unwrap();
    let both = receiver.requests(1).await.remove(0);
    assert!(both.is_signed_with(&old) && both.is_signed_with(&new));
    let later = "update webhook_endpoint set renewed_at = renewed_at - interval '25 hours'";
    world.look.batch_execute(later).await.unwrap();
    world.store.ping_endpoint("shop").await.unwrap();
    let one = receiver.requests(2).await.remove(1);
    assert!(!one.is_signed_with(&old) && one.is_signed_with(&new));
    world.close().await;
}

#[tokio::test]
async fn an_address_that_is_not_allowed_gets_no_connection_and_the_delivery_says_why() {
    let mut world = World::new("notifier_guard").await;
    let mut receiver = Receiver::start(&[]).await;
    world.add("literal", &format!("https://127.0.0.1:{}/", receiver.port)).await;
    world.add("name", &format!("https://localhost:{}/", receiver.port)).await;
    world.add("plain", &receiver.url()).await;
    for name in ["literal", "name", "plain"] {
        world.store.ping_endpoint(name).await.unwrap();
    }
    world.notify_with(&Guard::default());
    let refused = "select count(*) from webhook_delivery where attempts = 1 and state = 'due'
        and (problem like '%not a public address%' or problem like '%plain http%')";
    world.until(refused, 3).await;
    assert_eq!(receiver.requests(0).await.len(), 0);
    world.close().await;
}
