//! Kills of workers with and without a departure journal, and how many recipients each leaves `unknown`.
//!
//! `FLOWCAST_STORM_SEED` repeats a storm, `FLOWCAST_STORM_KILLS` makes it longer or shorter.

use std::time::Duration;

use devstack::Stack;
use fastrand::Rng;
use simulator::{Config, Latency};
use tokio::time::{Instant, sleep_until};

use crate::audit::Audit;
use crate::storm::from_environment;
use crate::world::World;

const RECIPIENTS: u32 = 60_000;
const KILLS: u64 = 100;
const LATENCY: Duration = Duration::from_millis(200);
const WORKERS: usize = 3;
/// Most claimed recipients of a worker, and its most open requests.
const IN_FLIGHT: u64 = 150;
const REQUESTS: u64 = 10;
const SETTINGS: &str = "[http]\ntimeout = \"2s\"\nconnect_timeout = \"1s\"\n\
    [consumer]\nin_flight = 150\nbatch = 50\nrequests = 10\nlease = \"14s\"\n[producer]\nlease = \"2s\"\nstalled_after = \"5s\"\n";
const RETURNED: &str =
    "select count(*) from recipient where state = 'retry' and reason_code = 'worker_stopping'";

/// Kills workers at random, then cancels the campaign. No recipient may be lost or sent to twice. Returns how many recipients are
/// `unknown`.
#[expect(clippy::print_stdout, reason = "the figures are what the test is for")]
async fn storm(stack: &Stack, journal: Option<&str>, kills: u64, random: &mut Rng) -> u64 {
    let name = if journal.is_some() { "journal_storm" } else { "no_journal_storm" };
    let config = Config { latency: Latency::fixed(LATENCY), ..Config::default() };
    let mut world = World::on(stack, name, "none", config).await;
    let journal = journal.map(|directory| format!("journal = \"{directory}\"\n")).unwrap_or_default();
    world.file("flowcast.toml", SETTINGS.replace("[producer]", &format!("{journal}[producer]")));
    let id = world.draft(RECIPIENTS).await;
    let _producer = world.start("producer");
    let mut workers: Vec<_> = (0..WORKERS).map(|_| world.start("consumer")).collect();
    world.ok(&["campaign", "start", &id]).await;
    world.more_arrive(100).await;
    for kill in 1..=kills {
        sleep_until(Instant::now() + Duration::from_millis(random.u64(100..600))).await;
        workers.swap_remove(random.usize(..workers.len())).kill().await;
        workers.push(world.start("consumer"));
        let unbalanced = "select count(*) from report.conservation where difference <> 0";
        assert_eq!(world.count(unbalanced).await, 0, "the books do not balance after kill {kill}");
    }
    let waiting = world.count("select count(*) from recipient where state = 'pending'").await;
    assert!(waiting > 0, "the campaign was over before the storm");
    println!("{name}: {} recipients are given back at the end", world.count(RETURNED).await);
    world.ok(&["campaign", "cancel", &id]).await;
    world.until("select count(*) from recipient where state in ('pending', 'sending', 'retry')", 0).await;
    world.until("select count(*) from claim", 0).await;
    for worker in workers {
        assert!(worker.stop().await.success(), "{}", world.logs());
    }
    let audit = Audit::of(&world).await;
    println!("{name}: {:.1} unknown recipients for each of {kills} kills", per(audit.unknown, kills));
    // Requests on the wire, and as many answers that are not recorded.
    audit.holds(kills * if journal.is_empty() { IN_FLIGHT } else { 2 * REQUESTS });
    world.close().await;
    audit.unknown
}

fn per(recipients: u64, kills: u64) -> f64 {
    let float = |n| f64::from(u32::try_from(n).unwrap());
    float(recipients) / float(kills)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_workers_with_a_journal_leave_fewer_recipients_unknown_and_double_nobody() {
    let seed = from_environment("FLOWCAST_STORM_SEED").unwrap_or_else(|| fastrand::u64(..));
    let kills = from_environment("FLOWCAST_STORM_KILLS").unwrap_or(KILLS);
    println!("seed {seed}, {kills} kills with and without a journal");
    let mut random = Rng::with_seed(seed);
    let stack = Stack::private().await.unwrap();
    let with = storm(&stack, Some("journal"), kills, &mut random).await;
    let without = storm(&stack, None, kills, &mut random).await;
    assert!(with < without, "{with} with a journal, {without} without");
}
