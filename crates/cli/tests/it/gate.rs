//! The send gate: rates, limits, deadlines, retries and stops, as the provider sees them.

use std::time::Duration;

use simulator::{Config, Effect, Fault, Latency, Scope};
use tokio::time::{Instant, sleep_until};

use crate::rates::{Arrivals, HEAD, RULE, departures};
use crate::world::{PATIENCE, World};

const LATER: Duration = Duration::from_secs(1);

fn quick() -> Config {
    Config { latency: Latency::fixed(Duration::from_millis(20)), ..Config::default() }
}

/// The database clock in microseconds.
const NOW_US: &str = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint";

fn refusing(outcome: &str) -> Fault {
    let effect = Effect::Refuse { outcome: outcome.into(), retry_after_s: None, accepted: false };
    Fault { effect, scope: Scope::next(u64::MAX) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rate_holds_in_every_window_while_a_worker_is_killed() {
    let mut world = World::new("rate", "40/s", quick()).await;
    let id = world.draft(360).await;
    let _producer = world.start("producer");
    let (victim, _other) = (world.start("consumer"), world.start("consumer"));
    world.until("select count(distinct worker) from worker", 2).await;
    world.ok(&["campaign", "start", &id]).await;
    assert!(world.ledger().wait_until(PATIENCE, |ledger| ledger.requests > 120).await);
    victim.kill().await;
    world.until("select count(*) from recipient where state in ('pending', 'retry')", 0).await;
    let departures = Arrivals::new("40/s".parse().unwrap(), departures(&world).await);
    println!("{HEAD}\n{RULE}\n{}", departures.row("2"));
    assert_eq!(departures.too_full(), Vec::<String>::new());
    assert!(departures.used() > 0.5, "{}", departures.used());
    world.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rate_that_is_lowered_while_sending_is_felt_by_everybody_within_a_second() {
    let mut world = World::new("lowered", "400/s", quick()).await;
    let id = world.draft(2_000).await;
    let _processes = [world.start("producer"), world.start("consumer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    assert!(world.ledger().wait_until(PATIENCE, |ledger| ledger.requests > 300).await);
    world.ok(&["sender", "set", "ke-main", "--rate", "20/s"]).await;
    let lowered_us = u64::try_from(world.count(NOW_US).await).unwrap();
    let felt_us = lowered_us + 1_000_000;
    let after = async || {
        let departures = departures(&world).await;
        departures.into_iter().filter(|at| *at >= felt_us).collect::<Vec<u64>>()
    };
    let deadline = Instant::now() + PATIENCE;
    while after().await.last().is_none_or(|last| *last < felt_us + 5_000_000) {
        assert!(Instant::now() < deadline, "nothing is sent any more; {}", world.logs());
    }
    let after = after().await;
    let after = Arrivals::new("20/s".parse().unwrap(), after);
    println!("{HEAD}\n{RULE}\n{}", after.row("2"));
    assert_eq!(after.too_full(), Vec::<String>::new());
    assert!(after.used() > 0.5, "{}", after.used());
    world.close().await;
}

#[tokio::test]
async fn pause_and_cancel_are_felt_by_everybody_within_a_second() {
    let mut world = World::new("within_a_second", "200/s", quick()).await;
    let id = world.draft(3_000).await;
    let _processes = [world.start("producer"), world.start("consumer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    for command in ["pause", "cancel"] {
        let before = world.ledger().summary().requests;
        assert!(world.ledger().wait_until(PATIENCE, |ledger| ledger.requests > before + 100).await);
        world.ok(&["campaign", command, &id]).await;
        let a_second_later = u64::try_from(world.count(NOW_US).await).unwrap() + 1_000_000;
        world.until("select count(*) from recipient where state = 'sending'", 0).await;
        let departed = departures(&world).await;
        let late_us = departed.last().unwrap().saturating_sub(a_second_later);
        assert_eq!(late_us, 0, "{command}");
        sleep_until(Instant::now() + LATER * 2).await;
        assert_eq!(departures(&world).await, departed, "{command}");
        if command == "pause" {
            // A paused worker holds no message.
            assert_eq!(world.depth().await, 0);
            world.ok(&["campaign", "resume", &id]).await;
        }
    }
    assert_eq!(world.count("select count(*) from recipient where state in ('pending', 'retry')").await, 0);
    let ledger = world.ledger().summary();
    assert_eq!((ledger.accepted, ledger.accepted_more_than_once), (ledger.distinct_recipients, 0));
    world.close().await;
}

#[tokio::test]
async fn the_deadline_makes_the_rest_expired() {
    let mut world = World::new("deadline", "40/s", quick()).await;
    let id = world.draft_with("deadline = \"10m\"", 4_000).await;
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    // The deadline comes while it sends, however slow the machine is, and long after the last claim that knows another one.
    world.until("select (count(*) >= 40)::int::bigint from attempt where outcome = 'accepted'", 1).await;
    let soon = "update campaign set deadline_at = clock_timestamp() + interval '5 seconds'";
    world.look.execute(soon, &[]).await.unwrap();
    world.finished(&id).await;
    let expired = world.count("select count(*) from recipient where state = 'expired'").await;
    let accepted = world.count("select count(*) from recipient where state = 'accepted'").await;
    assert!(expired > 0 && expired + accepted == 4_000, "{expired} expired, {accepted} accepted");
    let late = "select count(*) from attempt join campaign on id = campaign_id where sent_at > deadline_at";
    assert_eq!(world.count(late).await, 0);
    let (code, says) = world.fails(&["campaign", "resume", &id]).await;
    assert!(code == 4 && says.contains("is finished"), "{says}");
    world.close().await;
}

#[tokio::test]
async fn wa500_is_tried_again_after_5_10_and_15_minutes_and_then_failed() {
    let config = Config { faults: vec![refusing("WA500")], ..Config::default() };
    let mut world = World::new("wa500", "none", config).await;
    let id = world.draft(3).await;
    let _producer = world.start("producer");
    let mut consumer = world.start("consumer");
    world.ok(&["campaign", "start", &id]).await;
    for (attempts, minutes) in [(1, 5), (2, 10), (3, 15)] {
        let retry = format!("select count(*) from recipient where state = 'retry' and attempts = {attempts}");
        world.until(&retry, 3).await;
        let due = format!(
            "select count(*) from due where due_at between now() + interval '{minutes} min' - interval '20 s'
                and now() + interval '{minutes} min'"
        );
        assert_eq!(world.count(&due).await, 3);
        let waits = world.ok(&["waiting"]).await;
        assert!(waits.contains("ke-main") && waits.contains("retry"), "{waits}");
        // The schedule is in Postgres: everything may be restarted meanwhile.
        consumer.kill().await;
        consumer = world.start("consumer");
        let passed = format!("update due set due_at = due_at - interval '{minutes} min', publish_at = now()");
        world.look.execute(&passed, &[]).await.unwrap();
    }
    world.until("select count(*) from recipient where state = 'failed' and reason_code = 'WA500'", 3).await;
    assert_eq!(world.ledger().summary().requests, 12);
    consumer.kill().await;
    world.close().await;
}

#[tokio::test]
async fn whoever_waits_is_told_why() {
    let mut world = World::new("waiting", "5/s", quick()).await;
    assert_eq!(world.ok(&["waiting"]).await.trim(), "no recipients are waiting");
    let id = world.draft(200).await;
    world.ok(&["campaign", "start", &id]).await;
    let reason = |reason: &str, n: i64| {
        format!("select count(*) from report.waiting where reason = '{reason}' and recipients >= {n}")
    };
    world.until(&reason("no_producer", 200), 1).await;
    let producer = world.start("producer");
    world.until(&reason("no_worker", 200), 1).await;
    let status = world.ok(&["campaign", "status", &id]).await;
    assert!(status.contains("waits: 200 for no_worker: no consumer is running"), "{status}");
    let _consumer = world.start("consumer");
    world.until(&reason("rate", 100), 1).await;
    let until =
        "select count(*) from report.waiting where until - now() between interval '20 s' and interval '40 s'";
    assert_eq!(world.count(until).await, 1);
    world.ok(&["sender", "hold", "ke-main"]).await;
    world.until(&reason("operator", 100), 1).await;
    world.ok(&["campaign", "pause", &id]).await;
    let waits: serde_json::Value = serde_json::from_str(&world.ok(&["waiting", "--json"]).await).unwrap();
    assert_eq!((&waits[0]["campaign_id"], &waits[0]["recipients"]), (&serde_json::Value::Null, &0.into()));
    assert_eq!((&waits[1]["reason"], &waits[1]["caused_by"]), (&"operator".into(), &"operator".into()));
    assert!(waits[1]["recipients"].as_i64() >= Some(100) && waits[1]["since"].is_string(), "{waits}");
    assert!(producer.stop().await.success());
    world.close().await;
}

#[tokio::test]
async fn a_maintenance_job_that_fails_is_told_until_it_succeeds() {
    let mut world = World::new("failing_job", "5/s", quick()).await;
    world.look.batch_execute("alter table idempotency rename to idempotency_elsewhere").await.unwrap();
    let _producer = world.start("producer");
    let failing = "select count(*) from report.maintenance where is_failing and failures >= 2";
    world.until(failing, 1).await;
    let told = world.ok(&["waiting"]).await;
    let (wait, job) = told.split_once('\n').unwrap();
    assert_eq!(wait, "no recipients are waiting");
    assert!(job.starts_with("the maintenance job remove_old_rows failed "), "{told}");
    assert!(job.contains(" times, at 20") && job.contains(", and never succeeded: "), "{told}");

    world.look.batch_execute("alter table idempotency_elsewhere rename to idempotency").await.unwrap();
    world.until("select count(*) from report.maintenance where is_failing", 0).await;
    assert_eq!(world.ok(&["waiting"]).await.trim(), "no recipients are waiting");
    world.close().await;
}

#[tokio::test]
async fn the_daily_cap_holds_over_all_workers_and_the_next_day_goes_on() {
    let mut world = World::new("daily_cap", "none", quick()).await;
    let said = world.ok(&["sender", "set", "ke-main", "--daily-cap", "120,zone=Africa/Nairobi"]).await;
    assert!(said.contains("today     0 of 120 recipients used, days in Africa/Nairobi"), "{said}");
    let id = world.draft(300).await;
    let _processes = [world.start("producer"), world.start("consumer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world
        .until("select count(*) from report.waiting where reason = 'daily_cap' and recipients = 180", 1)
        .await;
    assert!(world.ledger().wait_until(PATIENCE, |ledger| ledger.accepted == 120).await);
    world.until("select count(*) from recipient where state = 'accepted'", 120).await;
    let tomorrow = "update sender_gate set day = day - 1";
    world.look.execute(tomorrow, &[]).await.unwrap();
    world.until("select count(*) from recipient where state = 'accepted'", 240).await;
    world.ok(&["sender", "set", "ke-main", "--daily-cap", "none"]).await;
    world.finished(&id).await;
    world.each_exactly_once(&id, 300).await;
    world.close().await;
}

#[tokio::test]
async fn the_alert_hook_is_told_once_of_a_stop_and_once_of_its_end() {
    let mut world = World::new("alerts", "none", Config { balance: Some(50), ..quick() }).await;
    let script =
        world.file("tell.sh", "[ -e ready ] || { touch ready; exit 1; }\ncat >> told; echo >> told\n");
    let settings =
        format!("[producer]\nprobe_pauses = [\"1s\"]\n[alerts]\ncommand = [\"sh\", \"{script}\"]\n");
    world.file("flowcast.toml", settings);
    let id = world.draft(100).await;
    let _processes = [world.start("producer"), world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.until("select count(*) from alert where done_at is not null", 1).await;
    world.provider.controls().set_balance(None);
    world.finished(&id).await;
    world.until("select count(*) from alert where done_at is not null", 2).await;
    let told = std::fs::read_to_string(world.folder.path().join("told")).unwrap();
    let told: Vec<serde_json::Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!((&told[0]["event"], &told[0]["code"]), (&"sender_stopped".into(), &"E110".into()));
    assert_eq!((&told[1]["event"], &told[1]["sender"]), (&"sender_opened".into(), &"ke-main".into()));
    assert!(told[1]["ended_by"].as_str().unwrap().starts_with("worker "), "{told:?}");
    // The first call failed, and was made again.
    assert_eq!(world.count("select max(attempts)::bigint from alert").await, 2);
    world.close().await;
}
