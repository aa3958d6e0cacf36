//! RabbitMQ, Postgres and providers that go away, stand still and come back, as the processes see it.

use std::time::Duration;

use simulator::{Config, Latency};
use tokio::time::{Instant, sleep, sleep_until};

use crate::audit::Audit;
use crate::world::{PATIENCE, Process, World};

pub(crate) const RECIPIENTS: u32 = 1_500;
/// How often connections break in one test.
const BREAKS: u64 = 10;
pub(crate) const WORKERS: u64 = 2;
/// Requests of one claim, and of one worker under way at once, see [`SETTINGS`].
const BATCH: u64 = 20;
pub(crate) const IN_FLIGHT: u64 = 60;
pub(crate) const SETTINGS: &str = "[http]\ntimeout = \"2s\"\nconnect_timeout = \"1s\"\n\
    [consumer]\nin_flight = 60\nbatch = 20\nlease = \"14s\"\n\
    [broker]\nheartbeat = \"1s\"\noperation_timeout = \"2s\"\n[postgres]\nwait = \"2s\"\n[producer]\noutage_pauses = [\"1s\"]\n";

pub(crate) async fn world(name: &str) -> World {
    let latency = Latency::fixed(Duration::from_millis(20));
    let world = World::new(name, "300/s,burst=10", Config { latency, ..Config::default() }).await;
    world.file("flowcast.toml", SETTINGS);
    world
}

/// A campaign under way, with its processes behind the proxies there are.
pub(crate) async fn start(world: &mut World) -> (String, [Process; 3]) {
    let id = world.draft(RECIPIENTS).await;
    let processes = [world.start("producer"), world.start("consumer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    (id, processes)
}

#[tokio::test]
async fn rabbitmq_that_resets_its_connections_again_and_again_loses_and_doubles_nobody() {
    let mut world = world("amqp_resets").await;
    let proxy = world.proxy_rabbitmq().await;
    let (id, _processes) = start(&mut world).await;
    for _ in 0..BREAKS {
        world.more_arrive(60).await;
        proxy.reset();
    }
    world.finished(&id).await;
    Audit::of(&world).await.holds(0);
    world.each_exactly_once(&id, RECIPIENTS.into()).await;
    world.close().await;
}

#[tokio::test]
async fn a_half_open_connection_to_rabbitmq_is_noticed_and_replaced() {
    let mut world = world("amqp_half_open").await;
    let proxy = world.proxy_rabbitmq().await;
    let (id, _processes) = start(&mut world).await;
    world.more_arrive(100).await;
    proxy.black_hole(true);
    let before = proxy.connections();
    let deadline = Instant::now() + PATIENCE;
    while proxy.connections() < before + 3 {
        assert!(Instant::now() < deadline, "nobody noticed; {}", world.logs());
        sleep(Duration::from_millis(20)).await;
    }
    proxy.black_hole(false);
    world.finished(&id).await;
    Audit::of(&world).await.holds(0);
    world.close().await;
}

#[tokio::test]
async fn postgres_that_resets_its_connections_again_and_again_doubles_nobody() {
    let mut world = world("postgres_resets").await;
    let proxy = world.proxy_postgres().await;
    let (id, _processes) = start(&mut world).await;
    for _ in 0..BREAKS {
        world.more_arrive(60).await;
        proxy.reset();
    }
    world.finished(&id).await;
    // A claim whose answer was cut off is given back, unless it was made only after that was asked.
    Audit::of(&world).await.holds(WORKERS * BATCH);
    assert!(!world.logs().contains("too late"), "{}", world.logs());
    world.close().await;
}

#[tokio::test]
async fn a_postgres_connection_cut_in_the_middle_of_a_statement_doubles_nobody() {
    let mut world = world("postgres_cut").await;
    let proxy = world.proxy_postgres().await;
    let (id, _processes) = start(&mut world).await;
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..BREAKS {
        world.more_arrive(40).await;
        proxy.cut_after(random.u64(1..20_000));
    }
    world.finished(&id).await;
    Audit::of(&world).await.holds(WORKERS * BATCH);
    assert!(!world.logs().contains("too late"), "{}", world.logs());
    world.close().await;
}

#[tokio::test]
async fn nothing_leaves_while_postgres_is_away_and_all_goes_on_when_it_is_back() {
    let mut world = world("postgres_away").await;
    let proxy = world.proxy_postgres().await;
    let (id, _processes) = start(&mut world).await;
    world.more_arrive(200).await;
    proxy.refuse(true).await;
    proxy.reset();
    // What was leased leaves within a second; after that nobody has a claim.
    sleep_until(Instant::now() + Duration::from_secs(2)).await;
    let requests = world.ledger().summary().requests;
    sleep_until(Instant::now() + Duration::from_secs(2)).await;
    assert_eq!(world.ledger().summary().requests, requests);
    proxy.refuse(false).await;
    world.finished(&id).await;
    Audit::of(&world).await.holds(WORKERS * BATCH);
    world.close().await;
}

/// Waits until the view of those who wait gives this reason.
async fn told(world: &World, reason: &str) {
    let told = format!("select count(distinct reason) from report.waiting where reason = '{reason}'");
    world.until(&told, 1).await;
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_stops_its_sender_and_costs_nobody_an_attempt_more() {
    let mut world = world("provider_refuses").await;
    let proxy = world.proxy_provider().await;
    let (id, _processes) = start(&mut world).await;
    world.more_arrive(100).await;
    proxy.refuse(true).await;
    proxy.cut();
    told(&world, "provider_down").await;
    // A few probes find it away still.
    world.until("select count(*) from hold where probes >= 2", 1).await;
    proxy.refuse(false).await;
    world.finished(&id).await;
    let audit = Audit::of(&world).await;
    audit.holds(WORKERS * IN_FLIGHT);
    assert_eq!(world.count("select count(*) from recipient where state = 'failed'").await, 0);
    assert_eq!(world.count("select count(*) from recipient where attempts > 2").await, 0);
    world.close().await;
}

#[tokio::test]
async fn a_provider_that_says_nothing_makes_few_unknown_before_its_sender_stops() {
    let mut world = world("provider_silent").await;
    let proxy = world.proxy_provider().await;
    let (id, _processes) = start(&mut world).await;
    world.more_arrive(100).await;
    proxy.black_hole(true);
    told(&world, "provider_down").await;
    proxy.black_hole(false);
    world.finished(&id).await;
    // A machine that is busy for seconds looks like another outage.
    let stops = u64::try_from(world.count("select count(*) from hold").await).unwrap();
    let probes = u64::try_from(world.count("select sum(probes)::bigint from hold").await).unwrap();
    Audit::of(&world).await.holds(stops * WORKERS * IN_FLIGHT + probes);
    world.close().await;
}

#[tokio::test]
async fn rabbitmq_that_cannot_be_reached_is_told_as_what_everybody_waits_for() {
    let mut world = world("amqp_away").await;
    let proxy = world.proxy_rabbitmq().await;
    let (id, _processes) = start(&mut world).await;
    world.more_arrive(100).await;
    proxy.refuse(true).await;
    proxy.reset();
    told(&world, "queue_away").await;
    let waiting = world.ok(&["waiting"]).await;
    assert!(waiting.contains("cannot reach RabbitMQ"), "{waiting}");
    proxy.refuse(false).await;
    world.finished(&id).await;
    world.each_exactly_once(&id, RECIPIENTS.into()).await;
    assert_eq!(world.count("select count(*) from sender_feed where trouble is not null").await, 0);
    world.close().await;
}

#[tokio::test]
async fn a_slow_postgres_slows_everything_and_breaks_nothing() {
    let mut world = world("postgres_slow").await;
    let proxy = world.proxy_postgres().await;
    proxy.delay(Duration::from_millis(150));
    let (id, _processes) = start(&mut world).await;
    world.finished(&id).await;
    Audit::of(&world).await.holds(0);
    world.each_exactly_once(&id, RECIPIENTS.into()).await;
    world.close().await;
}

/// A slot may be used for 5 ms at this rate. PostgreSQL's answers become slower than the worker knows them, so the probe's slot has
/// passed when the claim is answered; the probe takes a new slot that begins later.
#[tokio::test]
async fn a_probe_leaves_although_postgres_answers_later_than_before() {
    let config = Config { balance: Some(3), ..Config::default() };
    let mut world = World::new("probe_late", "100/s", config).await;
    world.file("flowcast.toml", format!("{SETTINGS}probe_pauses = [\"1s\"]\n"));
    let proxy = world.proxy_postgres().await;
    let _processes = [world.start("producer"), world.start("consumer")];
    let id = world.draft(6).await;
    world.ok(&["campaign", "start", &id]).await;
    world.until("select count(*) from hold where reason = 'low_balance' and ended_at is null", 1).await;
    world.provider.controls().set_balance(None);
    proxy.delay(Duration::from_millis(150));
    world.finished(&id).await;
    world.each_exactly_once(&id, 6).await;
    let probes = world.count("select probes::bigint from hold").await;
    // The worker knows the new delay after ten seconds, and one probe a second fails until then.
    assert!(probes < 4, "{probes} probes");
    world.close().await;
}

#[tokio::test]
async fn a_table_locked_for_longer_than_statements_may_run_loses_no_outcome() {
    let mut world = world("postgres_locked").await;
    world.file(
        "flowcast.toml",
        SETTINGS.replace("[postgres]\n", "[postgres]\nstatement_timeout = \"500ms\"\n"),
    );
    let (id, _processes) = start(&mut world).await;
    for _ in 0..3 {
        world.more_arrive(100).await;
        let lock = "begin; lock table recipient in exclusive mode; select pg_sleep(1.5); commit";
        world.look.batch_execute(lock).await.unwrap();
    }
    world.finished(&id).await;
    assert!(world.logs().contains("is waiting"), "nobody noticed: {}", world.logs());
    Audit::of(&world).await.holds(0);
    world.each_exactly_once(&id, RECIPIENTS.into()).await;
    world.close().await;
}

#[tokio::test]
async fn one_connection_to_postgres_is_enough_for_each_process() {
    let mut world = world("postgres_pool").await;
    world.file("flowcast.toml", SETTINGS.replace("[postgres]\n", "[postgres]\nconnections = 1\n"));
    let (id, _processes) = start(&mut world).await;
    world.finished(&id).await;
    Audit::of(&world).await.holds(0);
    world.each_exactly_once(&id, RECIPIENTS.into()).await;
    world.close().await;
}
