//! Outages that last: a provider away for ten minutes, RabbitMQ away or without room, Postgres without room.

use std::time::Duration;

use broker::{Publisher, Topology};
use devstack::Stack;
use nix::unistd::Pid;
use simulator::{Config, Latency};
use tokio::time::{Instant, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::audit::Audit;
use crate::rates::{Arrivals, departures};
use crate::world::{PATIENCE, Process, World};

const PROVIDER_AWAY: Duration = Duration::from_mins(10);
const RABBITMQ_AWAY: Duration = Duration::from_mins(5);
const WORKERS: u64 = 2;
/// Most requests of one worker under way, see [`SETTINGS`].
const IN_FLIGHT: u64 = 60;
/// What a process may grow by while RabbitMQ is away.
const GROWTH: u64 = 8 << 20;
const SETTINGS: &str =
    "[http]\ntimeout = \"2s\"\nconnect_timeout = \"1s\"\n[consumer]\nin_flight = 60\nbatch = 20\n";

/// A campaign under way.
struct Under {
    world: World,
    id: String,
    processes: Vec<Process>,
}

impl Under {
    /// Starts it, and waits until some are sent.
    async fn way(mut world: World, recipients: u32) -> Self {
        world.file("flowcast.toml", SETTINGS);
        let id = world.draft(recipients).await;
        let processes = ["producer", "consumer", "consumer"].map(|role| world.start(role)).into();
        world.ok(&["campaign", "start", &id]).await;
        assert!(world.ledger().wait_until(PATIENCE, |ledger| ledger.requests > 200).await);
        Self { world, id, processes }
    }

    /// Waits until the view of those who wait gives this reason.
    async fn told(&self, reason: &str) {
        let told = format!("select count(distinct reason) from report.waiting where reason = '{reason}'");
        self.world.until(&told, 1).await;
    }

    async fn ends(self, unknown_at_most: u64) {
        let Self { world, id, processes } = self;
        world.finished(&id).await;
        Audit::of(&world).await.holds(unknown_at_most);
        drop(processes);
        world.close().await;
    }
}

/// Puts a message that is no task into the sender's queue.
async fn publish_garbage(world: &World) {
    let closing = CancellationToken::new();
    let (publisher, publishing) = Publisher::start(world.broker(), closing.clone());
    let queue = Topology::new(world.scope.queue_prefix()).sender_queue(1);
    publisher.publish(&queue, vec![b"garbage".to_vec()]).await.unwrap();
    closing.cancel();
    publishing.await.unwrap();
}

fn quick() -> Config {
    Config { latency: Latency::fixed(Duration::from_millis(20)), ..Config::default() }
}

/// The memory a process holds, in bytes.
fn memory(process: Pid) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_away_for_ten_minutes_costs_nobody_and_is_not_overrun_when_it_is_back() {
    let world = World::new("provider_away", "200/s,burst=10", quick()).await;
    let proxy = world.proxy_provider().await;
    let under = Under::way(world, 8_000).await;
    proxy.refuse(true).await;
    proxy.cut();
    let until = Instant::now() + PROVIDER_AWAY;
    under.told("provider_down").await;
    sleep_until(until).await;
    let recorded =
        under.world.count("select count(*) from attempt where reason_code = 'connect_failed'").await;
    let probes = under.world.count("select sum(probes)::bigint from hold").await;
    println!("{recorded} requests found no connection in ten minutes, {probes} of them probes");
    assert!(u64::try_from(recorded - probes).unwrap() <= WORKERS * IN_FLIGHT);
    let before = departures(&under.world).await.len();
    proxy.refuse(false).await;
    under.told("throttled").await;
    under.world.finished(&under.id).await;
    assert_eq!(under.world.count("select count(*) from recipient where state = 'failed'").await, 0);
    assert_eq!(under.world.count("select count(*) from recipient where attempts > 2").await, 0);
    let after = departures(&under.world).await.split_off(before);
    let first = after[0];
    let seconds: Vec<usize> =
        (0..10).map(|n| after.iter().filter(|at| (**at - first) / 1_000_000 == n).count()).collect();
    println!("requests in each of the first ten seconds after it: {seconds:?}");
    assert_eq!(Arrivals::new("200/s,burst=10".parse().unwrap(), after).too_full(), Vec::<String>::new());
    under.ends(WORKERS * IN_FLIGHT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rabbitmq_away_for_five_minutes_is_waited_out_in_the_same_memory() {
    let mut world = World::new("rabbitmq_away", "200/s,burst=10", quick()).await;
    let proxy = world.proxy_rabbitmq().await;
    let under = Under::way(world, 8_000).await;
    proxy.refuse(true).await;
    proxy.reset();
    let until = Instant::now() + RABBITMQ_AWAY;
    under.told("queue_away").await;
    let before: Vec<u64> = under.processes.iter().map(|process| memory(process.id())).collect();
    let mut most = before.clone();
    let mut looks = interval(Duration::from_secs(1));
    while Instant::now() < until {
        looks.tick().await;
        for (most, process) in most.iter_mut().zip(&under.processes) {
            *most = (*most).max(memory(process.id()));
        }
    }
    println!(
        "memory of producer and consumers: {before:?} bytes, at most {most:?} in five minutes without RabbitMQ"
    );
    for (before, most) in before.iter().zip(&most) {
        assert!(*most < before + GROWTH, "{before} bytes grew to {most}");
    }
    proxy.refuse(false).await;
    under.ends(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resource_alarm_of_rabbitmq_is_told_and_ends_by_itself() {
    let stack = Stack::private().await.unwrap();
    let world = World::on(&stack, "alarm", "200/s,burst=10", quick()).await;
    let under = Under::way(world, 4_000).await;
    stack.rabbitmq().ctl(&["set_disk_free_limit", "1000GB"]).await.unwrap();
    under.told("queue_blocked").await;
    stack.rabbitmq().ctl(&["set_disk_free_limit", "1MB"]).await.unwrap();
    under.ends(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_outlive_the_loss_of_their_exchange_and_queue() {
    let stack = Stack::private().await.unwrap();
    let world = World::on(&stack, "no_exchange", "200/s,burst=10", quick()).await;
    let under = Under::way(world, 4_000).await;
    let dead = format!("{}.dead", under.world.scope.queue_prefix());
    let delete = format!(
        "rabbit_exchange:delete(rabbit_misc:r(<<\"/\">>, exchange, <<\"{dead}\">>), false, <<\"test\">>)."
    );
    stack.rabbitmq().ctl(&["eval", &delete]).await.unwrap();
    stack.rabbitmq().ctl(&["delete_queue", &dead]).await.unwrap();
    publish_garbage(&under.world).await;
    // RabbitMQ tries a dead letter that found no exchange again after three minutes.
    under.world.until_after("select count(*) from dead_letter", 1, Duration::from_mins(5)).await;
    under.ends(0).await;
}
