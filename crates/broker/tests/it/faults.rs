//! A broker that is killed, that accepts no messages, and that falls silent.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use broker::{Acknowledgement, Config, DeliveryTag, Error, Publisher, State, Topology};
use devstack::Stack;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{World, acknowledge, bodies, drain, numbers, receive, until};

/// Messages of one publish.
const BATCH: u32 = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_broker_loses_no_confirmed_message_and_stale_acknowledgements_are_ignored() {
    let world = World::private("killed").await;
    confirmed_messages_survive(&world).await;
    stale_deliveries_are_void(&world).await;
    world.end().await;
}

async fn confirmed_messages_survive(world: &World) {
    let queue = world.queue(1);
    world.publisher.declare(&queue).await.unwrap();
    world.stack.rabbitmq().flush_queue_directory().await.unwrap();
    let batches = AtomicU32::new(0);
    let publish = async {
        let (mut confirmed, mut refused) = (BTreeSet::new(), 0);
        while batches.load(Ordering::Relaxed) < 200 {
            let first = (batches.load(Ordering::Relaxed) + refused) * BATCH;
            match world.publisher.publish(&queue, bodies(first..first + BATCH)).await {
                Ok(()) => {
                    confirmed.extend(first..first + BATCH);
                    batches.fetch_add(1, Ordering::Relaxed);
                }
                Err(_) => refused += 1,
            }
        }
        (confirmed, refused)
    };
    let kill = async {
        while batches.load(Ordering::Relaxed) < 50 {
            tokio::task::yield_now().await;
        }
        world.stack.rabbitmq().kill().await.unwrap();
        world.stack.rabbitmq().start().await.unwrap();
    };
    let ((confirmed, refused), ()) = tokio::join!(publish, kill);
    assert!(refused > 0, "the kill came too late to hurt");
    let mut consumer = world.consumer(&queue, 500);
    let (acknowledger, mut missing) = (consumer.acknowledger(), confirmed);
    while !missing.is_empty() {
        let deliveries = receive(&mut consumer, 1).await;
        for number in numbers(&deliveries) {
            missing.remove(&number);
        }
        acknowledge(&acknowledger, &deliveries, Acknowledgement::Ack);
    }
}

async fn stale_deliveries_are_void(world: &World) {
    let queue = world.queue(2);
    world.publisher.declare(&queue).await.unwrap();
    world.stack.rabbitmq().flush_queue_directory().await.unwrap();
    world.publish(&queue, 0..100).await;
    let mut consumer = world.consumer(&queue, 60);
    let acknowledger = consumer.acknowledger();
    // 50 more are in the consumer, not received.
    let stale = receive(&mut consumer, 10).await;
    world.until_depth(&queue, 40).await;
    world.stack.rabbitmq().kill().await.unwrap();
    until(consumer.state(), State::Down).await;
    acknowledge(&acknowledger, &stale[..5], Acknowledgement::Ack);
    let mut none = Vec::new();
    let early = tokio::time::timeout(Duration::from_millis(200), consumer.recv_many(&mut none, 10)).await;
    assert!(early.is_err(), "{} stale deliveries were handed out", none.len());
    world.stack.rabbitmq().start().await.unwrap();
    let fresh = receive(&mut consumer, 60).await;
    acknowledge(&acknowledger, &stale[5..], Acknowledgement::DeadLetter);
    let tags: HashSet<DeliveryTag> = fresh.iter().map(|delivery| delivery.tag).collect();
    assert!(stale.iter().all(|delivery| !tags.contains(&delivery.tag)));
    acknowledge(&acknowledger, &fresh, Acknowledgement::Ack);
    let rest = receive(&mut consumer, 40).await;
    acknowledge(&acknowledger, &rest, Acknowledgement::Ack);
    let mut all = numbers(&fresh);
    all.extend(numbers(&rest));
    all.sort_unstable();
    assert_eq!(all, (0..100).collect::<Vec<u32>>(), "each came once after the restart");
    assert!(consumer.close(Duration::from_secs(10)).await);
    until(world.publisher.state(), State::Up).await;
    assert_eq!(world.depth(&queue).await, 0);
    assert_eq!(world.depth(&world.config.topology().dead_queue()).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_takes_nothing_or_is_silent_blocks_no_caller() {
    let world = World::private("silent").await;
    an_alarm_stops_publishing_only(&world).await;
    silence_is_noticed_and_leaves_no_threads(&world).await;
    world.end().await;
}

async fn an_alarm_stops_publishing_only(world: &World) {
    let queue = world.queue(1);
    world.publisher.declare(&queue).await.unwrap();
    world.publish(&queue, 0..100).await;
    let mut consumer = world.consumer(&queue, 10);
    let held = receive(&mut consumer, 10).await;
    world.stack.rabbitmq().ctl(&["set_disk_free_limit", "1000GB"]).await.unwrap();
    // The first ones may find the broker not blocked yet, or notice the alarm while they publish.
    for _ in 0..3 {
        let begun = Instant::now();
        let answer = world.publisher.publish(&queue, bodies(1000..1001)).await;
        assert!(begun.elapsed() < world.config.operation_timeout * 2, "took {:?}", begun.elapsed());
        if matches!(answer, Err(Error::Blocked)) {
            break;
        }
    }
    until(world.publisher.state(), State::Blocked).await;
    let begun = Instant::now();
    assert!(matches!(world.publisher.publish(&queue, bodies(1000..1001)).await, Err(Error::Blocked)));
    assert!(matches!(world.publisher.depth(&queue).await, Err(Error::Blocked)));
    assert!(begun.elapsed() < world.config.operation_timeout * 2, "took {:?}", begun.elapsed());
    acknowledge(&consumer.acknowledger(), &held, Acknowledgement::Ack);
    let mut seen = numbers(&held);
    seen.extend(drain(&mut consumer, 90).await.into_keys());
    assert_eq!(seen, (0..100).collect::<Vec<u32>>(), "consuming and acknowledging go on");
    assert!(consumer.close(Duration::from_secs(10)).await);
    world.stack.rabbitmq().ctl(&["set_disk_free_limit", "1MB"]).await.unwrap();
    until(world.publisher.state(), State::Up).await;
    publish_at_last(world, 2000).await;
}

async fn silence_is_noticed_and_leaves_no_threads(world: &World) {
    let queue = world.queue(2);
    world.publisher.declare(&queue).await.unwrap();
    world.publish(&queue, 0..10).await;
    let mut consumer = world.consumer(&queue, 10);
    let held = receive(&mut consumer, 10).await;
    let threads = lapin_threads();
    world.stack.rabbitmq().freeze().await.unwrap();
    let begun = Instant::now();
    let error = world.publisher.publish(&queue, bodies(10..20)).await.unwrap_err();
    assert!(begun.elapsed() < world.config.operation_timeout * 2, "took {:?}: {error}", begun.elapsed());
    until(world.publisher.state(), State::Down).await;
    until(consumer.state(), State::Down).await;
    // By then each of them has made a few attempts, all of which the frozen broker let connect.
    let deadline = Instant::now() + Duration::from_secs(12);
    while Instant::now() < deadline {
        assert!(world.publisher.publish(&queue, bodies(10..20)).await.is_err());
    }
    assert!(lapin_threads() <= threads + 1, "{} threads, {threads} before", lapin_threads());
    world.stack.rabbitmq().thaw().await.unwrap();
    acknowledge(&consumer.acknowledger(), &held, Acknowledgement::Ack);
    let again = receive(&mut consumer, 10).await;
    assert_eq!(numbers(&again), (0..10).collect::<Vec<u32>>());
    acknowledge(&consumer.acknowledger(), &again, Acknowledgement::Ack);
    publish_at_last(world, 2000).await;
}

/// Publishes when the publisher has its connection again.
async fn publish_at_last(world: &World, first: u32) {
    let begun = Instant::now();
    while let Err(error) = world.publisher.publish(&world.queue(1), bodies(first..first + 1)).await {
        assert!(begun.elapsed() < Duration::from_secs(40), "still {error}");
    }
}

/// Threads of this process that belong to connections.
fn lapin_threads() -> usize {
    let names = fs::read_dir("/proc/self/task").unwrap().flatten();
    names
        .filter(|task| {
            fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.starts_with("lapin"))
        })
        .count()
}

/// The error of a private broker with a user and a virtual host without access, when these replace parts of the
/// address.
async fn refused(url: &str, change: impl Fn(&mut Url)) -> Error {
    let mut url = Url::parse(url).unwrap();
    change(&mut url);
    let mut config = Config::new(url.as_str().into());
    config.operation_timeout = Duration::from_secs(3);
    config.prefix = "trefused".into();
    let stop = CancellationToken::new();
    let (publisher, task) = Publisher::start(config, stop.clone());
    let mut state = publisher.state();
    let queue = Topology::new("trefused").dead_queue();
    let refusal = tokio::select! {
        down = state.wait_for(|state| *state == State::Down) => {
            drop(down.unwrap());
            publisher.last_failure()
        }
        answer = publisher.depth(&queue) => answer.unwrap_err(),
    };
    stop.cancel();
    task.await.unwrap();
    assert!(!format!("{refusal} {refusal:?}").contains("hunter2"), "{refusal}");
    refusal
}

#[tokio::test]
async fn a_broker_that_refuses_is_reported_in_its_own_words_with_what_to_do() {
    let stack = Stack::private_installed().await.unwrap();
    let ctl = async |arguments: &[&str]| drop(stack.rabbitmq().ctl(arguments).await.unwrap());
    ctl(&["add_vhost", "closed"]).await;
    ctl(&["add_user", "nobody", "hunter2"]).await;
    ctl(&["add_user", "reader", "hunter2"]).await;
    ctl(&["set_permissions", "reader", "^$", "^$", ".*"]).await;
    let log_in = |name: &'static str, vhost: &'static str| {
        move |url: &mut Url| {
            url.set_username(name).unwrap();
            url.set_password(Some("hunter2")).unwrap();
            url.set_path(vhost);
        }
    };
    for (name, vhost, says, help) in [
        (
            "guest",
            "",
            "refused to connect: 403 ACCESS_REFUSED - Login was refused",
            "check user and password in AMQP_URL",
        ),
        ("reader", "missing", "530 NOT_ALLOWED - vhost missing not found", "rabbitmqctl add_vhost"),
        (
            "nobody",
            "/",
            "530 NOT_ALLOWED - access to vhost '/' refused for user 'nobody'",
            "rabbitmqctl set_permissions",
        ),
        (
            "reader",
            "closed",
            "530 NOT_ALLOWED - access to vhost 'closed' refused",
            "rabbitmqctl set_permissions",
        ),
        ("reader", "/", "403 ACCESS_REFUSED", "rabbitmqctl set_permissions"),
    ] {
        let refusal = refused(stack.amqp_url(), log_in(name, vhost)).await;
        let told = refusal.to_string();
        assert!(matches!(refusal, Error::Refused { .. }), "{told}");
        assert!(told.contains(says) && told.contains(help), "{name} {vhost}: {told}");
    }
}
