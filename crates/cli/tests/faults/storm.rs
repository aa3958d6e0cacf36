//! Kills at random: consumers, producers, RabbitMQ and Postgres, again and again, over one long campaign.
//!
//! `FLOWCAST_STORM_SEED` repeats a storm, `FLOWCAST_STORM_KILLS` makes it longer or shorter.

use std::time::Duration;

use devstack::Stack;
use fastrand::Rng;
use simulator::{Config, Latency};
use tokio::time::{Instant, sleep_until};
use tokio_postgres::NoTls;

use crate::audit::Audit;
use crate::world::{Process, World};

const RECIPIENTS: u32 = 100_000;
const KILLS: u64 = 1_000;
/// So slow at first, and then as slow as it takes, that the campaign outlasts the storm on a busy machine too; to a provider
/// so slow that kills hit somebody.
const FIRST_RATE: &str = "60/s,burst=10";
const LATENCY: Duration = Duration::from_millis(200);
/// After so many kills the rate is chosen anew.
const STRETCH: u64 = 50;
/// Most requests of one worker under way, see [`SETTINGS`].
const IN_FLIGHT: u64 = 30;
const SETTINGS: &str = "[http]\ntimeout = \"2s\"\nconnect_timeout = \"1s\"\n\
    [consumer]\nin_flight = 30\nbatch = 10\nlease = \"14s\"\n[producer]\nlease = \"2s\"\nstalled_after = \"5s\"\n\
    [broker]\nheartbeat = \"2s\"\noperation_timeout = \"3s\"\n[postgres]\nwait = \"3s\"\n";

/// What is killed next: of a hundred kills some 84 hit a consumer, 14 a producer, and one each service.
#[derive(Clone, Copy, Debug)]
enum Victim {
    Consumer,
    Producer,
    RabbitMq,
    Postgres,
}

fn victim(random: &mut Rng) -> Victim {
    match random.u32(0..100) {
        0 => Victim::RabbitMq,
        1 => Victim::Postgres,
        2..16 => Victim::Producer,
        _ => Victim::Consumer,
    }
}

pub(crate) fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The world under the storm.
struct Storm {
    stack: Stack,
    world: World,
    consumers: Vec<Process>,
    producers: Vec<Process>,
}

impl Storm {
    /// Chooses the rate at which four fifths of those left are sent to in so much time; gives how many are left.
    async fn keep_pace(&self, time_left: Duration) -> i64 {
        let left =
            self.world.count("select count(*) from recipient where state in ('pending', 'retry')").await;
        let rate = f64::from(u32::try_from(left).unwrap()) * 0.8 / time_left.as_secs_f64();
        let rate = format!("{:.0}/s,burst=10", rate.max(1.0));
        self.world.ok(&["sender", "set", "ke-main", "--rate", &rate]).await;
        left
    }

    async fn strike(&mut self, victim: Victim, random: &mut Rng) {
        let Self { stack, world, consumers, producers } = self;
        match victim {
            Victim::Consumer => {
                consumers.swap_remove(random.usize(..consumers.len())).kill().await;
                consumers.push(world.start("consumer"));
            }
            Victim::Producer => {
                producers.swap_remove(random.usize(..producers.len())).kill().await;
                producers.push(world.start("producer"));
            }
            Victim::RabbitMq => {
                stack.rabbitmq().flush_queue_directory().await.unwrap();
                stack.rabbitmq().kill().await.unwrap();
                stack.rabbitmq().start().await.unwrap();
            }
            Victim::Postgres => {
                stack.postgres().kill().await.unwrap();
                stack.postgres().start().await.unwrap();
                let url = world.scope.database_url();
                let (look, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
                tokio::spawn(connection);
                world.look = look;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_kills_loses_nobody_and_doubles_nobody() {
    let seed = from_environment("FLOWCAST_STORM_SEED").unwrap_or_else(|| fastrand::u64(..));
    let kills = from_environment("FLOWCAST_STORM_KILLS").unwrap_or(KILLS);
    println!("seed {seed}, {kills} kills");
    let mut random = Rng::with_seed(seed);
    let stack = Stack::private().await.unwrap();
    let config = Config { latency: Latency::fixed(LATENCY), ..Config::default() };
    let mut world = World::on(&stack, "storm", FIRST_RATE, config).await;
    world.file("flowcast.toml", SETTINGS);
    let id = world.draft(RECIPIENTS).await;
    let consumers = (0..4).map(|_| world.start("consumer")).collect();
    let producers = (0..2).map(|_| world.start("producer")).collect();
    world.ok(&["campaign", "start", &id]).await;
    let mut storm = Storm { stack, world, consumers, producers };
    let unbalanced = "select count(*) from report.conservation where difference <> 0";
    let began = Instant::now();
    for kill in 1..=kills {
        sleep_until(Instant::now() + Duration::from_millis(random.u64(50..500))).await;
        storm.strike(victim(&mut random), &mut random).await;
        assert_eq!(storm.world.count(unbalanced).await, 0, "the books do not balance after kill {kill}");
        let miscounted =
            storm.world.count("select count(*) from campaign c cross join lateral miscount_of(c.id)").await;
        assert_eq!(miscounted, 0, "the reports do not say what the tables hold after kill {kill}");
        if kill % STRETCH == 0 && kill < kills {
            let each = began.elapsed() / u32::try_from(kill).unwrap();
            let left = storm.keep_pace(each * u32::try_from(kills - kill).unwrap()).await;
            println!("{kill} kills in {:.0?}, {left} recipients are left", began.elapsed());
        }
    }
    let running = storm.world.count("select count(*) from campaign where state = 'running'").await;
    storm.world.ok(&["sender", "set", "ke-main", "--rate", "none"]).await;
    storm.world.finished_after(&id, Duration::from_mins(10)).await;
    Audit::of(&storm.world).await.holds(kills * IN_FLIGHT);
    assert_eq!(running, 1, "the campaign was over before the storm");
    storm.world.close().await;
}
