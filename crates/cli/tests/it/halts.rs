//! How long requests still arrive at the provider after a stop: of a campaign or a sender, by a person or by a worker.

use std::fmt;
use std::time::Duration;

use simulator::{Config, Effect, Fault, Latency, Scope};
use tokio::time::{Instant, sleep};

use crate::world::{PATIENCE, Process, World};

/// What is promised (P5), in microseconds.
pub(crate) const WITHIN_US: u64 = 1_000_000;
/// Requests that must have arrived before the stop, so that it comes in the middle.
const ENOUGH: u64 = 100;
const LOOK: Duration = Duration::from_millis(5);

/// What stops the campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    Pause,
    Hold,
    Cancel,
    /// One worker gets the answer that the balance is low, and no other worker does.
    LowBalance,
}

/// Makes changes of gates be listed and not notified, as behind a connection pooler.
const NO_NOTIFICATIONS: &str = "
    do $$ begin
        execute replace(pg_get_functiondef('list_gate_change()'::regprocedure), 'pg_notify(''flowcast_gate'', '''')', '1');
    end $$";

/// One stop in the middle of a campaign.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) halt: Halt,
    pub(crate) latency: Duration,
    /// `none`, or such as `100/s`.
    pub(crate) rate: &'static str,
    pub(crate) workers: usize,
    pub(crate) recipients: u32,
}

/// What arrived after the stop had returned.
#[derive(Clone, Debug)]
pub(crate) struct Halted {
    case: Case,
    /// Requests before the stop.
    pub(crate) before: usize,
    /// Microseconds from the return of the stop to each request that arrived after it.
    pub(crate) after_us: Vec<u64>,
}

impl Halted {
    /// How many requests arrived later than is promised.
    pub(crate) fn late(&self) -> usize {
        self.after_us.iter().filter(|after| **after > WITHIN_US).count()
    }
}

impl fmt::Display for Halted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case { halt, latency, rate, workers, .. } = self.case;
        let last = Duration::from_micros(self.after_us.last().copied().unwrap_or(0));
        write!(
            f,
            "{halt:?}, latency {latency:?}, rate {rate}, {workers} workers: {} requests before, {} after, {} of them later \
             than 1 s, the last after {last:.1?}",
            self.before,
            self.after_us.len(),
            self.late()
        )
    }
}

impl Case {
    fn name(&self) -> String {
        let Self { halt, latency, rate, workers, .. } = self;
        let rate = if *rate == "none" { "free" } else { "paced" };
        format!("halt_{halt:?}_{}_{rate}_{workers}", latency.as_millis()).to_lowercase()
    }

    /// Runs it: everybody is sent to once, whoever was held back too.
    pub(crate) async fn run(self) -> Halted {
        let latency = Latency::fixed(self.latency);
        let world = World::new(&self.name(), self.rate, Config { latency, ..Config::default() }).await;
        self.run_in(world).await
    }

    /// The same, where changes of gates are not notified.
    pub(crate) async fn run_without_notifications(self) -> Halted {
        let latency = Latency::fixed(self.latency);
        let world = World::new("halt_unnoticed", self.rate, Config { latency, ..Config::default() }).await;
        world.look.batch_execute(NO_NOTIFICATIONS).await.unwrap();
        let silenced = "select count(*) from pg_proc where proname = 'list_gate_change' and prosrc not like '%pg_notify%'";
        assert_eq!(world.count(silenced).await, 1);
        self.run_in(world).await
    }

    async fn run_in(self, mut world: World) -> Halted {
        let id = world.draft(self.recipients).await;
        let _producer = world.start("producer");
        let _workers: Vec<Process> = (0..self.workers).map(|_| world.start("consumer")).collect();
        let all = i64::try_from(self.workers).unwrap();
        world.until("select count(distinct worker) from worker", all).await;
        world.ok(&["campaign", "start", &id]).await;
        let enough = world.ledger().wait_until(PATIENCE, |ledger| ledger.requests > ENOUGH).await;
        assert!(enough, "nothing is sent; {}", world.logs());
        if self.rate == "none" && self.latency > Duration::from_secs(1) {
            // Workers hold many more than have left.
            let held = "select (count(*) > 800)::int::bigint from recipient where state = 'sending'";
            world.until(held, 1).await;
        }
        self.stop(&world, &id).await;
        let stopped_us = world.ledger().now_us();
        let sending = "select count(*) from recipient where state = 'sending'";
        world.until(sending, 0).await;
        let arrivals = world.ledger().arrivals();
        let before = arrivals.partition_point(|at| *at <= stopped_us);
        let after_us = arrivals[before..].iter().map(|at| at - stopped_us).collect();
        self.goes_on(&world, &id).await;
        world.close().await;
        Halted { case: self, before, after_us }
    }

    async fn stop(&self, world: &World, id: &str) {
        match self.halt {
            Halt::Pause => drop(world.ok(&["campaign", "pause", id]).await),
            Halt::Cancel => drop(world.ok(&["campaign", "cancel", id]).await),
            Halt::Hold => drop(world.ok(&["sender", "hold", "ke-main"]).await),
            Halt::LowBalance => {
                let effect = Effect::Refuse { outcome: "E110".into(), retry_after_s: None, accepted: false };
                let once = Fault { effect, scope: Scope::next(1) };
                world.provider.controls().inject(once).unwrap();
                let stopped = "select count(*) from hold where reason = 'low_balance'";
                let deadline = Instant::now() + PATIENCE;
                while world.count(stopped).await == 0 {
                    assert!(Instant::now() < deadline, "no worker met the stop; {}", world.logs());
                    sleep(LOOK).await;
                }
            }
        }
    }

    /// Whoever was held back is due at once, has no attempt counted, and is sent to once after the stop.
    async fn goes_on(&self, world: &World, id: &str) {
        let later = "select count(*) from due where due_at > clock_timestamp()";
        assert_eq!(world.count(later).await, 0, "somebody waits for longer than the stop");
        let counted = "select count(*) from recipient where state in ('pending', 'retry') and attempts > 0";
        assert_eq!(world.count(counted).await, 0, "somebody was held back and counted");
        if self.halt == Halt::Cancel {
            let rest = "select count(*) from recipient where state not in ('accepted', 'cancelled')";
            world.until(rest, 0).await;
            let summary = world.ledger().summary();
            let accepted = world.count("select count(*) from recipient where state = 'accepted'").await;
            assert_eq!(u64::try_from(accepted).unwrap(), summary.accepted);
            assert_eq!(summary.accepted_more_than_once, 0);
            return;
        }
        world.provider.controls().set_latency(Latency::fixed(Duration::from_millis(5)));
        world.ok(&["sender", "set", "ke-main", "--rate", "none"]).await;
        if self.halt == Halt::Pause {
            world.ok(&["campaign", "resume", id]).await;
        } else {
            world.ok(&["sender", "resume", "ke-main"]).await;
        }
        world.finished(id).await;
        world.each_exactly_once(id, self.recipients.into()).await;
        assert_eq!(world.count("select count(*) from recipient where attempts <> 1").await, 0);
    }
}
