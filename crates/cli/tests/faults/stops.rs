//! The low-balance stop under a whole herd of workers, and what may happen while it lasts.

use std::time::Duration;

use devstack::Stack;
use simulator::{Config, Latency};
use tokio::time::{Instant, sleep_until};

use crate::world::{Process, World};

const RECIPIENTS: u32 = 20_000;
const WORKERS: u64 = 8;
/// Accepted before the balance is used up.
const BALANCE: u64 = 7_000;
/// The least that RabbitMQ takes; it looks once a minute.
const CONSUMER_TIMEOUT: Duration = Duration::from_secs(61);

/// Requests that may be under way when the stop is committed.
fn bound() -> u64 {
    WORKERS * u64::from(consumer::Config::default().requests)
}

/// Eight workers whose sender has just been stopped in the middle of a campaign.
struct Herd {
    stack: Stack,
    world: World,
    id: String,
    _producer: Process,
    workers: Vec<Process>,
    /// How many requests came after the first refused one.
    late_requests: u64,
}

impl Herd {
    async fn stopped() -> Self {
        let line = format!("consumer_timeout = {}", CONSUMER_TIMEOUT.as_millis());
        let stack = Stack::builder().private().rabbitmq_config(line).start().await.unwrap();
        let latency = Latency::fixed(Duration::from_millis(20));
        let config = Config { balance: Some(BALANCE), latency, ..Config::default() };
        let mut world = World::on(&stack, "stop", "none", config).await;
        world.file("flowcast.toml", "[producer]\nprobe_pauses = [\"2s\"]\n");
        let id = world.draft(RECIPIENTS).await;
        let producer = world.start("producer");
        let workers = (0..WORKERS).map(|_| world.start("consumer")).collect();
        world.until("select count(distinct worker) from worker", 8).await;
        world.ok(&["campaign", "start", &id]).await;
        world.until("select count(*) from hold where reason = 'low_balance'", 1).await;
        world.until("select count(*) from recipient where state = 'sending'", 0).await;
        let refused = world.ledger().summary().refused.get("E110").copied().unwrap_or(0);
        let probes = u64::try_from(world.count("select sum(probes)::bigint from hold").await).unwrap();
        let late_requests = refused - probes - 1;
        let waiting = i64::from(RECIPIENTS) - i64::try_from(BALANCE).unwrap();
        let untouched = "select count(*) from recipient where state in ('pending', 'retry') and attempts = 0";
        world.until(untouched, waiting).await;
        Self { stack, world, id, _producer: producer, workers, late_requests }
    }

    /// After a top-up everybody is sent to, once, by itself.
    async fn goes_on(self) -> String {
        let Self { world, id, workers, late_requests, .. } = self;
        assert!(late_requests <= bound());
        world.provider.controls().set_balance(None);
        world.finished(&id).await;
        world.each_exactly_once(&id, RECIPIENTS.into()).await;
        assert_eq!(world.count("select count(*) from recipient where attempts <> 1").await, 0);
        assert_eq!(world.count("select count(*) from hold where ended_by like 'worker %'").await, 1);
        drop(workers);
        world.close().await;
        format!(
            "{late_requests} requests after the first E110 (at most {} were under way); each of {RECIPIENTS} accepted once",
            bound()
        )
    }
}

/// Messages that RabbitMQ delivered more than once, in all quorum queues.
async fn redelivered(stack: &Stack) -> String {
    let counters = stack.rabbitmq().ctl(&["eval", "rabbit_global_counters:overview()."]).await.unwrap();
    let lines = counters.lines().filter(|line| line.contains("redelivered"));
    lines.map(str::trim).collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn low_balance_stops_eight_workers_and_everybody_is_sent_to_after_a_top_up() {
    println!("{}", Herd::stopped().await.goes_on().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn low_balance_and_every_worker_is_killed_during_the_stop() {
    let mut herd = Herd::stopped().await;
    for worker in herd.workers.drain(..) {
        worker.kill().await;
    }
    herd.workers.extend((0..WORKERS).map(|_| herd.world.start("consumer")));
    println!("{}", herd.goes_on().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn low_balance_and_rabbitmq_is_killed_during_the_stop() {
    let herd = Herd::stopped().await;
    let rabbitmq = herd.stack.rabbitmq();
    rabbitmq.flush_queue_directory().await.unwrap();
    rabbitmq.kill().await.unwrap();
    rabbitmq.start().await.unwrap();
    println!("{}", herd.goes_on().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn low_balance_for_longer_than_the_consumer_timeout() {
    let herd = Herd::stopped().await;
    let before = redelivered(&herd.stack).await;
    sleep_until(Instant::now() + CONSUMER_TIMEOUT * 2 + Duration::from_secs(10)).await;
    assert_eq!(redelivered(&herd.stack).await, before);
    let logs = herd.world.logs();
    assert!(!logs.contains("PRECONDITION_FAILED"), "a worker sat on a message: {logs}");
    println!("{}", herd.goes_on().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_stops_of_the_same_messages_lose_nobody_to_the_delivery_limit() {
    let stack = Stack::private().await.unwrap();
    println!("{}", stack.describe());
    let mut world =
        World::on(&stack, "fifty", "none", Config { balance: Some(0), ..Config::default() }).await;
    let id = world.draft(300).await;
    let _processes = [world.start("producer"), world.start("consumer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    for stops in 1..=50 {
        world.until("select count(*) from hold where reason = 'low_balance'", stops).await;
        world.until("select count(*) from recipient where state = 'sending'", 0).await;
        world.ok(&["sender", "resume", "ke-main"]).await;
    }
    world.until("select count(*) from hold where reason = 'low_balance'", 51).await;
    world.provider.controls().set_balance(None);
    world.ok(&["sender", "resume", "ke-main"]).await;
    world.finished(&id).await;
    world.each_exactly_once(&id, 300).await;
    assert_eq!(world.count("select count(*) from recipient where attempts <> 1").await, 0);
    let queues = stack.rabbitmq().ctl(&["list_queues", "name", "messages", "--quiet"]).await.unwrap();
    assert!(
        queues.lines().filter(|line| line.contains("dead")).all(|line| line.ends_with("\t0")),
        "{queues}"
    );
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_pause_holds_no_message_and_redelivers_none() {
    let stack = Stack::private().await.unwrap();
    let mut world = World::on(&stack, "long_pause", "100/s", Config::default()).await;
    let id = world.draft(2_000).await;
    let _processes = [world.start("producer"), world.start("consumer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.until("select count(*) from recipient where state = 'accepted' and seq <= 100", 100).await;
    world.ok(&["campaign", "pause", &id]).await;
    world.until("select count(*) from recipient where state = 'sending'", 0).await;
    while world.depth().await > 0 {
        tokio::task::yield_now().await;
    }
    let (before, requests) = (redelivered(&stack).await, world.ledger().summary().requests);
    sleep_until(Instant::now() + Duration::from_secs(30)).await;
    assert_eq!(redelivered(&stack).await, before);
    assert_eq!((world.depth().await, world.ledger().summary().requests), (0, requests));
    world.ok(&["campaign", "resume", &id]).await;
    world.finished(&id).await;
    world.each_exactly_once(&id, 2_000).await;
    world.close().await;
}
