//! The meaning of `Ok` and of each error of the publisher.

use std::time::{Duration, Instant};

use broker::{Config, Error, Publisher, QueueName, State};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{World, bodies, drain};

#[tokio::test]
async fn messages_arrive_as_they_were_published() {
    let world = World::shared("round_trip").await;
    let queue = world.queue(1);
    world.publisher.declare(&queue).await.unwrap();
    world.publish(&queue, 0..3000).await;
    world.publish(&queue, 3000..3001).await;
    world.publish(&queue, 0..0).await;
    assert_eq!(world.depth(&queue).await, 3001);
    let seen = drain(&mut world.consumer(&queue, 200), 3001).await;
    assert!(seen.values().all(|times| *times == 1));
    world.end().await;
}

#[tokio::test]
async fn publishing_without_a_queue_is_an_error_until_it_is_declared() {
    let world = World::shared("mandatory").await;
    let queue = world.queue(1);
    world.publisher.declare(&queue).await.unwrap();
    world.publish(&queue, 0..10).await;
    world.delete(&queue).await;
    let error = world.publisher.publish(&queue, bodies(0..300)).await.unwrap_err();
    assert!(matches!(error, Error::Unconfirmed { total: 300, confirmed: 0, returned: 300, .. }), "{error:?}");
    world.publisher.declare(&queue).await.unwrap();
    world.publish(&queue, 0..300).await;
    assert_eq!(world.depth(&queue).await, 300);
    world.end().await;
}

/// lapin mixes up the answers of concurrent publishers on one channel; the publisher must not.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_concurrent_publisher_gets_its_own_answer() {
    let world = World::shared("confirms").await;
    let [good, full, missing] = [1, 2, 3].map(|sender| world.queue(sender));
    world.publisher.declare(&good).await.unwrap();
    world.declare_full(&full).await;
    let mut tasks = JoinSet::new();
    for task in 0..12 {
        let publisher = world.publisher.clone();
        let queues = [good.clone(), full.clone(), good.clone(), missing.clone()];
        tasks.spawn(async move { publish_in_turns(&publisher, &queues, task).await });
    }
    let good_messages: usize = tasks.join_all().await.into_iter().sum();
    assert_eq!(world.depth(&good).await, u32::try_from(good_messages).unwrap());
    assert_eq!(world.depth(&full).await, 1);
    world.end().await;
}

/// Publishes a few messages to each queue in turn, and returns how many went to the good one.
async fn publish_in_turns(publisher: &Publisher, queues: &[QueueName; 4], task: usize) -> usize {
    let mut good_messages = 0;
    for turn in 0..100 {
        let count = 1 + (turn * 7 + task * 31) % 97;
        let bodies = vec![b"{}".to_vec(); count];
        let answer = publisher.publish(&queues[turn % 4], bodies).await;
        match (turn % 4, answer) {
            (0 | 2, Ok(())) => good_messages += count,
            (1, Err(Error::Unconfirmed { confirmed: 0, nacked, .. })) if nacked == count => {}
            (3, Err(Error::Unconfirmed { confirmed: 0, returned, .. })) if returned == count => {}
            (kind, answer) => panic!("wrong answer for {count} messages to queue {kind}: {answer:?}"),
        }
    }
    good_messages
}

#[tokio::test]
async fn counting_a_missing_queue_declares_it_and_disturbs_no_publishing() {
    let world = World::shared("depth").await;
    let [there, missing] = [1, 2].map(|sender| world.queue(sender));
    world.publisher.declare(&there).await.unwrap();
    let publishing = async {
        for number in 0..200 {
            world.publish(&there, number..number + 1).await;
        }
    };
    let counting = async {
        for _ in 0..5 {
            assert_eq!(world.depth(&missing).await, 0);
            world.publish(&missing, 0..7).await;
            assert_eq!(world.depth(&missing).await, 7);
            world.delete(&missing).await;
        }
    };
    tokio::join!(publishing, counting);
    assert_eq!(world.depth(&there).await, 200);
    world.end().await;
}

#[tokio::test]
async fn a_queue_with_other_arguments_is_reported_and_can_be_used() {
    let world = World::shared("mismatch").await;
    let queue = world.queue(2);
    world.declare_full(&queue).await;
    let error = world.publisher.declare(&queue).await.unwrap_err();
    assert!(matches!(&error, Error::Mismatch { queue: named, .. } if *named == queue), "{error:?}");
    assert_eq!(world.depth(&queue).await, 1);
    drain(&mut world.consumer(&queue, 10), 1).await;
    world.until_depth(&queue, 0).await;
    world.publish(&queue, 1..2).await;
    world.end().await;
}

#[tokio::test]
async fn a_shutdown_finishes_what_has_begun_and_refuses_the_rest() {
    let world = World::shared("shutdown").await;
    let queue = world.queue(1);
    world.publisher.declare(&queue).await.unwrap();
    let stop = CancellationToken::new();
    let (publisher, task) = Publisher::start(world.config.clone(), stop.clone());
    publisher.declare(&queue).await.unwrap();
    let begun = {
        let (publisher, queue) = (publisher.clone(), queue.clone());
        tokio::spawn(async move { publisher.publish(&queue, bodies(0..50_000)).await })
    };
    while world.depth(&queue).await == 0 {}
    stop.cancel();
    task.await.unwrap();
    begun.await.unwrap().unwrap();
    assert!(matches!(publisher.publish(&queue, bodies(0..1)).await, Err(Error::ShutDown)));
    assert!(matches!(publisher.depth(&queue).await, Err(Error::ShutDown)));
    assert_eq!(world.depth(&queue).await, 50_000);
    world.end().await;
}

#[tokio::test]
async fn a_publisher_that_starts_is_not_down_before_its_first_attempt() {
    let world = World::shared("starts").await;
    let (publisher, _task) = Publisher::start(world.config.clone(), world.stop.clone());
    let mut state = publisher.state();
    assert_eq!(*state.borrow_and_update(), State::Connecting);
    state.changed().await.unwrap();
    assert_eq!(*state.borrow_and_update(), State::Up);
    world.end().await;
}

#[tokio::test]
async fn a_refused_queue_does_not_keep_others_from_a_connection() {
    let world = World::shared("refused_queue").await;
    let [refused, other] = [1, 2].map(|sender| world.queue(sender));
    let locked = world.scope.lock_queue(refused.as_str()).await.unwrap();
    // Both are known before there is a connection, so they are declared when it is made.
    let (publisher, _task) = Publisher::start(world.config.clone(), world.stop.clone());
    let (no, yes) = tokio::join!(publisher.declare(&refused), publisher.declare(&other));
    assert!(no.is_err());
    yes.unwrap();
    publisher.publish(&other, bodies(0..10)).await.unwrap();
    locked.unlock().await.unwrap();
    publisher.declare(&refused).await.unwrap();
    publisher.publish(&refused, bodies(0..10)).await.unwrap();
    assert_eq!((world.depth(&refused).await, world.depth(&other).await), (10, 10));
    world.end().await;
}

#[tokio::test]
async fn without_a_broker_every_caller_is_refused_within_the_operation_timeout() {
    // A port that was free a moment ago; nothing listens on it.
    let port = devstack::free_port().unwrap();
    let mut config = Config::new(format!("amqp://guest:hunter2@127.0.0.1:{port}").into());
    config.operation_timeout = Duration::from_secs(1);
    let queue = config.topology().sender_queue(1);
    let (publisher, _task) = Publisher::start(config, CancellationToken::new());
    let mut state = publisher.state();
    assert_eq!(*state.borrow_and_update(), State::Connecting);
    state.changed().await.unwrap();
    assert_eq!(*state.borrow_and_update(), State::Down);
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..200 {
        let (publisher, queue) = (publisher.clone(), queue.clone());
        callers.spawn(async move { publisher.publish(&queue, bodies(0..10)).await });
    }
    let errors: Vec<Error> = callers.join_all().await.into_iter().map(Result::unwrap_err).collect();
    assert!(begun.elapsed() < Duration::from_secs(3), "took {:?}", begun.elapsed());
    assert!(
        errors.iter().all(|error| matches!(error, Error::Unavailable { .. } | Error::Unreachable { .. }))
    );
    assert!(errors.iter().all(|error| !format!("{error} {error:?}").contains("hunter2")));
    let refusal = publisher.depth(&queue).await.unwrap_err();
    assert!(
        matches!(&refusal, Error::Unreachable { source: Some(source), .. } if source.is_io_error()),
        "{refusal:?}"
    );
}
