//! What a consumer receives, what each acknowledgement does, and which messages are requeued.

use std::time::Duration;

use broker::{Acknowledgement, State};
use devstack::Proxy;
use lapin::uri::AMQPUri;
use tokio::time::timeout;

use crate::{PATIENCE, World, acknowledge, drain, numbers, receive, until};

#[tokio::test]
async fn acknowledged_messages_are_deleted_and_others_are_delivered_again() {
    let world = World::shared("acknowledge").await;
    let queue = world.queue(1);
    world.publisher.declare(&queue).await.unwrap();
    world.publish(&queue, 0..100).await;
    let mut consumer = world.consumer(&queue, 100);
    let deliveries = receive(&mut consumer, 100).await;
    assert!(deliveries.iter().all(|delivery| !delivery.redelivered && delivery.death.is_none()));
    // Every second message, so that no two can be acknowledged together.
    let (odd, even): (Vec<_>, Vec<_>) =
        deliveries.into_iter().partition(|delivery| crate::number(delivery) % 2 == 1);
    acknowledge(&consumer.acknowledger(), &odd, Acknowledgement::Ack);
    assert!(!consumer.close(Duration::from_millis(200)).await, "half of them are not acknowledged");
    let mut consumer = world.consumer(&queue, 100);
    let again = receive(&mut consumer, 50).await;
    assert_eq!(numbers(&again), numbers(&even));
    assert!(again.iter().all(|delivery| delivery.redelivered));
    acknowledge(&consumer.acknowledger(), &again, Acknowledgement::Ack);
    assert!(consumer.close(PATIENCE).await, "all of them are acknowledged");
    world.until_depth(&queue, 0).await;
    world.end().await;
}

#[tokio::test]
async fn a_slow_delivery_does_not_stop_the_deliveries_behind_it() {
    let world = World::shared("straggler").await;
    let queue = world.queue(1);
    world.publisher.declare(&queue).await.unwrap();
    world.publish(&queue, 0..100).await;
    let mut consumer = world.consumer(&queue, 10);
    let mut straggler = receive(&mut consumer, 10).await;
    let rest = straggler.split_off(1);
    acknowledge(&consumer.acknowledger(), &rest, Acknowledgement::Ack);
    for _ in 0..10 {
        let more = receive(&mut consumer, 9).await;
        acknowledge(&consumer.acknowledger(), &more, Acknowledgement::Ack);
    }
    acknowledge(&consumer.acknowledger(), &straggler, Acknowledgement::Ack);
    assert!(consumer.close(PATIENCE).await);
    assert_eq!(world.depth(&queue).await, 0);
    world.end().await;
}

#[tokio::test]
async fn a_dead_lettered_message_is_in_the_dead_letter_queue_with_its_reason() {
    let world = World::shared("dead").await;
    let (queue, dead) = (world.queue(1), world.config.topology().dead_queue());
    world.publisher.declare(&queue).await.unwrap();
    world.publish(&queue, 0..3).await;
    let mut consumer = world.consumer(&queue, 10);
    let deliveries = receive(&mut consumer, 3).await;
    acknowledge(&consumer.acknowledger(), &deliveries[1..2], Acknowledgement::DeadLetter);
    acknowledge(
        &consumer.acknowledger(),
        &[deliveries[0].clone(), deliveries[2].clone()],
        Acknowledgement::Ack,
    );
    assert!(consumer.close(PATIENCE).await);
    let mut undertaker = world.consumer(&dead, 10);
    let letters = receive(&mut undertaker, 1).await;
    assert_eq!(numbers(&letters), [1]);
    let death = letters[0].death.as_deref().unwrap();
    assert_eq!((death.reason.as_str(), death.queue.as_str()), ("rejected", queue.as_str()));
    assert!(death.count == 1 && death.at_s.is_some_and(|at_s| at_s > 1_700_000_000), "{death:?}");
    acknowledge(&undertaker.acknowledger(), &letters, Acknowledgement::Ack);
    assert!(undertaker.close(PATIENCE).await);
    assert_eq!((world.depth(&dead).await, world.depth(&queue).await), (0, 0));
    world.end().await;
}

#[tokio::test]
async fn a_returned_message_comes_again() {
    let world = World::shared("return").await;
    let queue = world.queue(1);
    world.publisher.declare(&queue).await.unwrap();
    world.publish(&queue, 0..5).await;
    let mut consumer = world.consumer(&queue, 5);
    // More often than the default delivery limit of RabbitMQ 4.
    for _ in 0..30 {
        let deliveries = receive(&mut consumer, 5).await;
        acknowledge(&consumer.acknowledger(), &deliveries, Acknowledgement::Requeue);
    }
    let seen = drain(&mut consumer, 5).await;
    assert_eq!(seen.len(), 5);
    world.end().await;
}

#[tokio::test]
async fn a_paused_consumer_holds_nothing() {
    let world = World::shared("pause").await;
    let queue = world.queue(1);
    world.publisher.declare(&queue).await.unwrap();
    world.publish(&queue, 0..60).await;
    let mut consumer = world.consumer(&queue, 50);
    let acknowledger = consumer.acknowledger();
    let handed_out = receive(&mut consumer, 20).await;
    acknowledge(&acknowledger, &handed_out[..10], Acknowledgement::Ack);
    consumer.pause().await;
    assert_eq!(*consumer.state().borrow(), State::Paused);
    world.until_depth(&queue, 50).await;
    // Too late: these messages are back in the queue.
    acknowledge(&acknowledger, &handed_out[10..], Acknowledgement::Ack);
    let mut none = Vec::new();
    assert!(
        timeout(Duration::from_millis(300), consumer.recv_many(&mut none, 10)).await.is_err(),
        "{none:?}"
    );
    assert_eq!(world.depth(&queue).await, 50);
    consumer.pause().await;
    consumer.resume();
    let seen = drain(&mut consumer, 50).await;
    assert!(seen.values().all(|times| *times == 1) && !seen.contains_key(&0));
    assert!(consumer.close(PATIENCE).await);
    assert_eq!(world.depth(&queue).await, 0);
    world.end().await;
}

#[tokio::test]
async fn a_consumer_whose_queue_is_deleted_declares_it_and_goes_on() {
    let world = World::shared("deleted").await;
    let queue = world.queue(1);
    world.publisher.declare(&queue).await.unwrap();
    world.publish(&queue, 0..20).await;
    let mut consumer = world.consumer(&queue, 10);
    let lost = receive(&mut consumer, 5).await;
    world.delete(&queue).await;
    until(consumer.state(), State::Down).await;
    // The consumer declares the queue; before that no queue exists to publish to.
    until(consumer.state(), State::Up).await;
    world.publish(&queue, 100..150).await;
    acknowledge(&consumer.acknowledger(), &lost, Acknowledgement::Ack);
    let seen = drain(&mut consumer, 50).await;
    assert!(seen.iter().all(|(number, times)| *number >= 100 && *times == 1), "{seen:?}");
    world.end().await;
}

#[tokio::test]
async fn a_shutdown_requeues_what_was_not_received_and_waits_for_the_rest() {
    let world = World::shared("drain").await;
    let queue = world.queue(1);
    world.publisher.declare(&queue).await.unwrap();
    world.publish(&queue, 0..100).await;
    let mut consumer = world.consumer(&queue, 50);
    let handed_out = receive(&mut consumer, 30).await;
    let acknowledger = consumer.acknowledger();
    let stop = world.stop.child_token();
    let mut other = broker::Consumer::start(&world.connection(), queue.clone(), 10, &stop);
    let others = receive(&mut other, 10).await;
    stop.cancel();
    assert_eq!(timeout(PATIENCE, other.recv_many(&mut Vec::new(), 10)).await, Ok(0), "it is shut down");
    acknowledge(&other.acknowledger(), &others[..4], Acknowledgement::Requeue);
    acknowledge(&other.acknowledger(), &others[4..], Acknowledgement::Ack);
    assert!(other.close(PATIENCE).await);
    // The first consumer holds 50, of which 20 were not received.
    world.until_depth(&queue, 44).await;
    let close = tokio::spawn(consumer.close(PATIENCE));
    world.until_depth(&queue, 64).await;
    assert!(!close.is_finished(), "30 of them are being worked on");
    acknowledge(&acknowledger, &handed_out, Acknowledgement::Ack);
    assert!(close.await.unwrap());
    assert_eq!(world.depth(&queue).await, 64);
    world.end().await;
}

#[tokio::test]
async fn consumers_share_one_connection_and_one_that_fails_does_not_disturb_the_others() {
    let mut world = World::shared("one_connection").await;
    let uri: AMQPUri = world.scope.amqp_url().parse().unwrap();
    let target = (uri.authority.host.clone(), uri.authority.port);
    let target = tokio::net::lookup_host(target).await.unwrap().next().unwrap();
    let proxy = Proxy::start(target).await.unwrap();
    let address = format!("{}:{}", uri.authority.host, uri.authority.port);
    world.config.url = world.scope.amqp_url().replace(&address, &proxy.addr().to_string()).into();
    let connection = world.connection();
    let queues = [world.queue(1), world.queue(2)];
    let mut consumers = Vec::new();
    for queue in &queues {
        world.publisher.declare(queue).await.unwrap();
        world.publish(queue, 0..10).await;
        consumers.push(broker::Consumer::start(&connection, queue.clone(), 10, &world.stop));
    }
    let mut held = Vec::new();
    for consumer in &mut consumers {
        held.push(receive(consumer, 10).await);
    }
    assert_eq!(proxy.connections(), 1);
    // A queue is deleted: its consumer declares it again, on the same connection, while the other one keeps its deliveries.
    world.delete(&queues[0]).await;
    until(consumers[0].state(), State::Down).await;
    until(consumers[0].state(), State::Up).await;
    world.publish(&queues[0], 10..15).await;
    assert_eq!(numbers(&receive(&mut consumers[0], 5).await), (10..15).collect::<Vec<_>>());
    assert_eq!(proxy.connections(), 1);
    // The connection is lost: both get what they had not acknowledged, on one new connection.
    proxy.reset();
    assert_eq!(receive(&mut consumers[0], 5).await.len(), 5);
    assert_eq!(numbers(&receive(&mut consumers[1], 10).await), numbers(&held[1]));
    assert_eq!(proxy.connections(), 2);
    drop(consumers);
    world.end().await;
}
