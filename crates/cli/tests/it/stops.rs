//! Stops as a person meets them: what a command answers, and that its answer holds.

use std::time::Duration;

use simulator::{Config, Latency, Webhook};
use tokio::time::{Instant, sleep, sleep_until};

use crate::audit::Audit;
use crate::halts::{Case, Halt, Halted, WITHIN_US};
use crate::rates::{Arrivals, HEAD, RULE};
use crate::receiving::{FLOW, Receiving};
use crate::world::{PATIENCE, World};

/// Longer than several probes would take.
const SOME_PROBES: Duration = Duration::from_secs(4);

fn quick() -> Config {
    Config { latency: Latency::fixed(Duration::from_millis(20)), ..Config::default() }
}

#[tokio::test]
async fn a_sender_whose_daily_cap_is_used_up_is_not_told_to_be_open() {
    let mut world = World::new("resume_capped", "none", quick()).await;
    world.ok(&["sender", "set", "ke-main", "--daily-cap", "40,zone=Africa/Nairobi"]).await;
    let id = world.draft(100).await;
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.until("select count(*) from recipient where state = 'accepted'", 40).await;
    let (code, says) = world.fails(&["sender", "resume", "ke-main"]).await;
    assert_eq!(code, 4, "{says}");
    assert!(
        says.contains("stays stopped until") && says.contains("its daily cap of 40 recipients is used up"),
        "{says}"
    );

    let says = world.ok(&["sender", "hold", "ke-main"]).await;
    assert!(says.contains("it was stopped for daily_cap before"), "{says}");
    let says = world.ok(&["sender", "resume", "ke-main"]).await;
    assert!(says.contains("no longer stopped for operator, but its daily cap"), "{says}");
    let waits = world.ok(&["waiting"]).await;
    assert!(waits.contains("daily_cap") && waits.contains("40 recipients a day"), "{waits}");
    assert_eq!((world.depth().await, world.ledger().summary().requests), (0, 40));
    world.ok(&["sender", "set", "ke-main", "--daily-cap", "none"]).await;
    world.finished(&id).await;
    world.each_exactly_once(&id, 100).await;
    world.close().await;
}

#[tokio::test]
async fn a_sender_that_a_person_holds_is_not_opened_when_its_balance_is_back() {
    let mut world = World::new("hold_stands", "none", Config { balance: Some(30), ..quick() }).await;
    world.file("flowcast.toml", "[producer]\nprobe_pauses = [\"1s\"]\n");
    let id = world.draft(100).await;
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.until("select count(*) from hold where reason = 'low_balance' and probes >= 1", 1).await;
    let says = world.ok(&["sender", "hold", "ke-main"]).await;
    assert!(says.contains("it was stopped for low_balance before"), "{says}");
    world.provider.controls().set_balance(None);
    let waits = world.ok(&["waiting"]).await;
    assert!(waits.contains("operator") && waits.contains("stopped for low_balance before"), "{waits}");
    world.until("select count(*) from recipient where state = 'sending'", 0).await;
    let requests = world.ledger().summary().requests;
    sleep_until(Instant::now() + SOME_PROBES).await;
    assert_eq!(world.ledger().summary().requests, requests);
    assert!(world.ok(&["sender", "hold", "ke-main"]).await.contains("was held already"));
    assert!(world.ok(&["sender", "resume", "ke-main"]).await.contains("is open again"));
    world.finished(&id).await;
    world.each_exactly_once(&id, 100).await;
    world.close().await;
}

#[expect(clippy::print_stdout, reason = "what was measured")]
fn nothing_is_late(halted: &Halted) {
    println!("{halted}");
    assert_eq!(halted.late(), 0, "{halted}");
}

#[tokio::test]
async fn a_pause_is_felt_within_a_second_by_a_worker_without_a_rate_whose_provider_takes_five_seconds() {
    let latency = Duration::from_secs(5);
    let case = Case { halt: Halt::Pause, latency, rate: "none", workers: 1, recipients: 2_000 };
    nothing_is_late(&case.run().await);
}

#[tokio::test]
async fn a_pause_is_felt_within_a_second_without_notifications() {
    let latency = Duration::from_secs(5);
    let case = Case { halt: Halt::Pause, latency, rate: "none", workers: 1, recipients: 2_000 };
    nothing_is_late(&case.run_without_notifications().await);
}

#[tokio::test]
async fn nothing_leaves_while_gates_cannot_be_read_and_all_goes_on_when_they_can() {
    let mut world = World::new("gates_unread", "none", quick()).await;
    let id = world.draft(6_000).await;
    let _processes = [world.start("producer"), world.start("consumer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    assert!(world.ledger().wait_until(PATIENCE, |ledger| ledger.requests > 300).await);
    // Claims and records do without the table.
    world.look.batch_execute("begin; lock table gate_change in access exclusive mode").await.unwrap();
    sleep_until(Instant::now() + Duration::from_micros(WITHIN_US) * 3 / 2).await;
    let requests = world.ledger().summary().requests;
    assert!(requests < 6_000, "all was sent before");
    sleep_until(Instant::now() + Duration::from_secs(2)).await;
    assert_eq!(world.ledger().summary().requests, requests);
    world.look.batch_execute("commit").await.unwrap();
    world.finished(&id).await;
    Audit::of(&world).await.holds(0);
    world.each_exactly_once(&id, 6_000).await;
    world.close().await;
}

#[tokio::test]
async fn a_stop_that_one_worker_finds_is_felt_within_a_second_by_the_others() {
    let latency = Duration::from_secs(5);
    let case = Case { halt: Halt::LowBalance, latency, rate: "none", workers: 2, recipients: 4_000 };
    nothing_is_late(&case.run().await);
}

#[tokio::test]
async fn a_hold_and_a_cancel_are_felt_within_a_second_with_and_without_a_rate() {
    for (halt, rate, recipients) in [(Halt::Hold, "none", 6_000), (Halt::Cancel, "100/s", 1_000)] {
        let latency = Duration::from_millis(20);
        nothing_is_late(&Case { halt, latency, rate, workers: 2, recipients }.run().await);
    }
}

/// Arrivals from this moment on, without the requests that left before it: a busy machine takes in a wave of them without a pause. The
/// requests of the next wave would leave seconds later.
fn without_those_under_way(arrivals: &[u64], from: u64) -> &[u64] {
    /// Half of the distance of two slots.
    const PAUSE_US: u64 = 25_000;
    let first = arrivals.partition_point(|at| *at < from);
    let starts = |at: &usize| *at == 0 || arrivals[*at] - arrivals[at - 1] >= PAUSE_US;
    let start = (first..arrivals.len()).find(starts).unwrap_or(arrivals.len());
    &arrivals[start..]
}

#[tokio::test]
async fn a_rate_that_is_set_while_a_sender_has_none_holds_for_what_was_claimed_before() {
    let slow = Config { latency: Latency::fixed(Duration::from_secs(3)), ..Config::default() };
    let mut world = World::new("rate_set", "none", slow).await;
    let id = world.draft(3_000).await;
    let _processes = [world.start("producer"), world.start("consumer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    let held = "select (count(*) > 1500)::int::bigint from recipient where state = 'sending'";
    world.until(held, 1).await;
    world.ok(&["sender", "set", "ke-main", "--rate", "20/s"]).await;
    let felt_us = world.ledger().now_us() + WITHIN_US;
    let arrived_since = || without_those_under_way(&world.ledger().arrivals(), felt_us).to_vec();
    let enough = async {
        while arrived_since().len() < 100 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, enough).await.expect("sending goes on");
    let after = Arrivals::new("20/s".parse().unwrap(), arrived_since());
    println!("{HEAD}\n{RULE}\n{}", after.row("2"));
    assert_eq!(after.too_full(), Vec::<String>::new());
    world.ok(&["sender", "set", "ke-main", "--rate", "none"]).await;
    world.provider.controls().set_latency(Latency::fixed(Duration::from_millis(5)));
    world.finished(&id).await;
    world.each_exactly_once(&id, 3_000).await;
    world.close().await;
}

#[tokio::test]
async fn a_rate_that_is_raised_is_used_by_workers_that_wait_for_a_slot_of_the_old_one() {
    let mut world = World::new("rate_raised", "10/h", quick()).await;
    let id = world.draft(60).await;
    let _processes = [world.start("producer"), world.start("consumer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    assert!(world.ledger().wait_until(PATIENCE, |ledger| ledger.accepted == 1).await);
    world.until("select count(*) from recipient where state = 'accepted'", 1).await;
    world.ok(&["sender", "set", "ke-main", "--rate", "80/s"]).await;
    let raised_us = world.ledger().now_us();
    world.finished(&id).await;
    let second = world.ledger().arrivals()[1];
    println!(
        "the next request arrived {} ms after the rate was raised",
        second.saturating_sub(raised_us) / 1_000
    );
    assert!(second < raised_us + 2 * WITHIN_US, "{second} {raised_us}");
    world.each_exactly_once(&id, 60).await;
    world.close().await;
}

#[tokio::test]
async fn a_receipt_of_1msg_pauses_the_campaign_whose_template_or_flow_cannot_be_sent() {
    let provider = Config { provider: simulator::Provider::OneMsg, ..quick() };
    let mut world = World::new("pause_by_receipt", "20/s", provider).await;
    let receiving = Receiving::start(&mut world, &[]).await;
    let _processes = [world.start("producer"), world.start("consumer")];
    for (code, reason) in [
        ("132015", "template_fault"),
        ("132016", "template_fault"),
        ("132068", "flow_fault"),
        ("132069", "flow_fault"),
    ] {
        let id = world.draft_of(FLOW, 1_000).await;
        receiving
            .is_told_by(&world, Webhook { failed: 1.0, failed_code: code.to_owned(), ..Webhook::default() });
        world.ok(&["campaign", "start", &id]).await;
        let held = format!(
            "select count(*) from hold where campaign_id = {id} and reason = '{reason}' and code = '{code}'"
        );
        world.until(&held, 1).await;
        let paused = format!("select count(*) from campaign where id = {id} and state = 'paused'");
        assert_eq!(world.count(&paused).await, 1, "{code}");
        world.ok(&["campaign", "cancel", &id]).await;
    }
    let stopped = "select count(*) from sender_gate where not is_open";
    assert_eq!(world.count(stopped).await, 0, "other campaigns of the sender go on");
    world.close().await;
}
