//! The rate with 1 to 8 workers, of which some are killed and some come later, and whose clocks are wrong.

use std::time::Duration;

use campaign::Rate;
use simulator::{Config, Latency};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_postgres::NoTls;
use tokio_util::sync::CancellationToken;

use crate::rates::{Arrivals, HEAD, RULE};
use crate::world::{PATIENCE, Process, World};

/// How much of the rate must be used.
const USED: f64 = 0.98;
/// How long one run takes.
const RUN: Duration = Duration::from_secs(30);
/// Sets the wall clock of the process it is loaded into off.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

/// How often a commit of nobody's is timed.
const COMMIT_EVERY: Duration = Duration::from_millis(50);

/// Times commits beside those of the workers, so that a rate that was not used tells whether the disk of Postgres stood still.
struct Commits {
    watching: JoinHandle<Duration>,
    stop: CancellationToken,
}

impl Commits {
    async fn watch(world: &World) -> Self {
        let (client, connection) = tokio_postgres::connect(world.scope.database_url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute("create table timed_commit (at timestamptz)").await.unwrap();
        let stop = CancellationToken::new();
        let until = stop.clone();
        let watching = tokio::spawn(async move {
            let mut slowest = Duration::ZERO;
            let mut next = interval(COMMIT_EVERY);
            next.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while until.run_until_cancelled(next.tick()).await.is_some() {
                let asked = Instant::now();
                client.batch_execute("insert into timed_commit values (now())").await.unwrap();
                slowest = slowest.max(asked.elapsed());
            }
            slowest
        });
        Self { watching, stop }
    }

    async fn slowest(self) -> Duration {
        self.stop.cancel();
        self.watching.await.unwrap()
    }
}

/// A worker whose wall clock is five seconds off.
fn skewed(world: &mut World, n: u32) -> Process {
    let offset = if n.is_multiple_of(2) { "-5" } else { "+5" };
    world.start_with(
        "consumer",
        &[("LD_PRELOAD", FAKETIME), ("FAKETIME", offset), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")],
    )
}

async fn run(rate: Rate, workers: u32) -> (Arrivals, Duration) {
    let latency = Latency::fixed(Duration::from_millis(50));
    let name = format!("rate_{}_{workers}", rate.permits());
    let mut world = World::new(&name, &rate.to_string(), Config { latency, ..Config::default() }).await;
    let id = world.draft(rate.permits_in(RUN)).await;
    let _producer = world.start("producer");
    let mut consumers: Vec<Process> = (0..workers).map(|n| skewed(&mut world, n)).collect();
    world.until("select count(distinct worker) from worker", i64::from(workers)).await;
    let commits = Commits::watch(&world).await;
    world.ok(&["campaign", "start", &id]).await;
    assert!(world.ledger().wait_until(PATIENCE, |ledger| ledger.requests > 0).await);
    if workers > 1 {
        let start = Instant::now();
        sleep_until(start + RUN / 3).await;
        consumers.swap_remove(0).kill().await;
        sleep_until(start + RUN * 2 / 3).await;
        consumers.push(skewed(&mut world, workers));
    }
    world.until("select count(*) from recipient where state in ('pending', 'retry')", 0).await;
    assert!(world.ledger().wait_until(PATIENCE, |ledger| ledger.in_flight == 0).await);
    assert_eq!(world.ledger().summary().accepted_more_than_once, 0);
    let arrivals = Arrivals::new(rate, world.ledger().arrivals());
    let slowest_commit = commits.slowest().await;
    drop(consumers);
    world.close().await;
    (arrivals, slowest_commit)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rate_is_exact_with_one_to_eight_workers_some_killed_and_all_clocks_wrong() {
    assert!(std::path::Path::new(FAKETIME).exists(), "libfaketime is missing; run scripts/bootstrap faults");
    let mut faults = Vec::new();
    println!("{HEAD} slowest commit |\n{RULE}---|");
    for rate in ["20/s", "80/s", "1000/s,burst=20"] {
        for workers in [1, 2, 4, 8] {
            let (arrivals, slowest_commit) = run(rate.parse().unwrap(), workers).await;
            println!("{} {slowest_commit:.0?} |", arrivals.row(&workers.to_string()));
            faults.extend(arrivals.too_full());
            if arrivals.used() < USED {
                faults.push(format!(
                    "{rate} with {workers} workers: only {:.4} of it was used, the slowest commit took {slowest_commit:.0?}",
                    arrivals.used()
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
