//! Several addresses: a node that is silent or lost is left for another.

use std::time::Duration;

use broker::{Addresses, Order, Publisher, State};
use devstack::{Proxy, Stack};
use url::Url;

use crate::{World, until};

/// Two ways to one broker, and the list of their addresses.
async fn two_ways(world: &World) -> (Proxy, Proxy, Addresses) {
    let mut url = Url::parse(world.scope.amqp_url()).unwrap();
    let target = (url.host_str().unwrap(), url.port().unwrap_or(5672));
    let target = tokio::net::lookup_host(target).await.unwrap().next().unwrap();
    let (first, second) = (Proxy::start(target).await.unwrap(), Proxy::start(target).await.unwrap());
    let list = [&first, &second].map(|proxy| {
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(proxy.addr().port())).unwrap();
        url.to_string()
    });
    (first, second, list.join(",").into())
}

#[tokio::test]
async fn an_address_that_does_not_answer_is_left_after_its_own_limit() {
    let mut world = World::new(Stack::start().await.unwrap(), "black_hole").await;
    let (silent, answering, addresses) = two_ways(&world).await;
    silent.black_hole(true);
    world.config.url = addresses;
    world.config.order = Order::Listed;
    world.config.address_timeout = Duration::from_millis(500);
    // Longer than the test waits.
    world.config.connect_timeout = Duration::from_mins(10);
    let (publisher, _task) = Publisher::start(world.config.clone(), world.stop.clone());
    until(publisher.state(), State::Up).await;
    assert_eq!((silent.connections(), answering.connections()), (1, 1));
    world.end().await;
}

#[tokio::test]
async fn after_a_lost_connection_another_address_is_used() {
    let mut world = World::new(Stack::start().await.unwrap(), "lost_node").await;
    let (first, second, addresses) = two_ways(&world).await;
    world.config.url = addresses;
    world.config.order = Order::Listed;
    let (publisher, _task) = Publisher::start(world.config.clone(), world.stop.clone());
    until(publisher.state(), State::Up).await;
    assert_eq!((first.connections(), second.connections()), (1, 0));
    // It accepts connections all the time.
    first.cut();
    until(publisher.state(), State::Down).await;
    until(publisher.state(), State::Up).await;
    assert_eq!((first.connections(), second.connections()), (1, 1));
    // Another connection of the process knows it too.
    let (other, _task) = Publisher::start(world.config.clone(), world.stop.clone());
    until(other.state(), State::Up).await;
    assert_eq!((first.connections(), second.connections()), (1, 2));
    world.end().await;
}
