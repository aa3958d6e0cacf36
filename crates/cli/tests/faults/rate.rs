//! The rate with 1 to 8 workers, of which some are killed and some come later, and whose clocks are wrong.

use std::time::Duration;

use campaign::Rate;
use simulator::{Config, Latency};
use tokio::time::{Instant, sleep_until};

use crate::rates::{Arrivals, HEAD};
use crate::world::{PATIENCE, Process, World};

/// How much of the rate must be used.
const USED: f64 = 0.98;
/// How long one run takes.
const RUN: Duration = Duration::from_secs(30);
/// Sets the wall clock of the process it is loaded into off.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

/// A worker whose wall clock is five seconds off.
fn skewed(world: &mut World, n: u32) -> Process {
    let offset = if n.is_multiple_of(2) { "-5" } else { "+5" };
    world.start_with(
        "consumer",
        &[("LD_PRELOAD", FAKETIME), ("FAKETIME", offset), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")],
    )
}

async fn run(rate: Rate, workers: u32) -> Arrivals {
    let latency = Latency::fixed(Duration::from_millis(50));
    let name = format!("rate_{}_{workers}", rate.permits());
    let mut world = World::new(&name, &rate.to_string(), Config { latency, ..Config::default() }).await;
    let id = world.draft(rate.permits_in(RUN)).await;
    let _producer = world.start("producer");
    let mut consumers: Vec<Process> = (0..workers).map(|n| skewed(&mut world, n)).collect();
    world.until("select count(distinct worker) from worker", i64::from(workers)).await;
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
    drop(consumers);
    world.close().await;
    arrivals
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rate_is_exact_with_one_to_eight_workers_some_killed_and_all_clocks_wrong() {
    assert!(std::path::Path::new(FAKETIME).exists(), "libfaketime is missing; run scripts/bootstrap faults");
    let mut faults = Vec::new();
    println!("{HEAD}");
    for rate in ["20/s", "80/s", "1000/s,burst=20"] {
        for workers in [1, 2, 4, 8] {
            let arrivals = run(rate.parse().unwrap(), workers).await;
            println!("{}", arrivals.row(&workers.to_string()));
            faults.extend(arrivals.too_full());
            if arrivals.used() < USED {
                faults.push(format!(
                    "{rate} with {workers} workers: only {:.4} of it was used",
                    arrivals.used()
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
