//! A campaign end to end, its stops, its pauses, and workers that come and go.

use std::time::Duration;

use simulator::{Config, Effect, Fault, Latency, Scope};

use crate::world::{PATIENCE, World};

fn slow(time: Duration) -> Config {
    Config { latency: Latency::fixed(time), ..Config::default() }
}

#[tokio::test]
async fn two_consumers_send_each_recipient_exactly_once() {
    let mut world = World::new("two_consumers", "none", Config::default()).await;
    let id = world.draft(3_000).await;
    let processes =
        [world.start("producer"), world.start("producer"), world.start("consumer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.finished(&id).await;
    world.each_exactly_once(&id, 3_000).await;
    let workers = "select count(distinct claim_id) from attempt";
    assert!(world.count(workers).await > 1);
    for process in processes {
        assert!(process.stop().await.success(), "{}", world.logs());
    }
    assert_eq!(world.count("select count(*) from sender_feed where producer is not null").await, 0);
    world.close().await;
}

#[tokio::test]
async fn the_low_balance_stop_loses_nobody_and_costs_nobody_an_attempt() {
    let mut world =
        World::new("low_balance", "none", Config { balance: Some(400), ..Config::default() }).await;
    let id = world.draft(2_000).await;
    let _processes = [world.start("producer"), world.start("consumer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.until("select count(*) from hold where reason = 'low_balance' and ended_at is null", 1).await;
    world.until("select count(*) from recipient where state = 'sending'", 0).await;
    assert_eq!(world.count("select count(*) from recipient where state = 'accepted'").await, 400);
    assert_eq!(
        world.count("select count(*) from recipient where state = 'pending' and attempts = 0").await,
        1_600
    );
    let status = world.ok(&["campaign", "status", &id]).await;
    assert!(
        status.contains("waits: 1,600 for low_balance, since") && status.contains("stopped by worker"),
        "{status}"
    );

    world.provider.controls().set_balance(None);
    world.ok(&["sender", "resume", "ke-main"]).await;
    world.finished(&id).await;
    world.each_exactly_once(&id, 2_000).await;
    assert_eq!(world.count("select count(*) from recipient where attempts <> 1").await, 0);
    world.close().await;
}

#[tokio::test]
async fn after_a_top_up_the_sender_opens_by_itself() {
    let mut world = World::new("probe", "none", Config { balance: Some(200), ..Config::default() }).await;
    world.file("flowcast.toml", "[producer]\nprobe_pauses = [\"1s\"]\n");
    let id = world.draft(1_000).await;
    let _processes = [world.start("producer"), world.start("consumer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.until("select count(*) from hold where reason = 'low_balance' and probes >= 2", 1).await;
    world.until("select count(*) from recipient where state = 'sending'", 0).await;
    assert_eq!(world.count("select count(*) from recipient where state = 'accepted'").await, 200);
    world.provider.controls().set_balance(None);
    world.finished(&id).await;
    world.each_exactly_once(&id, 1_000).await;
    assert_eq!(world.count("select count(*) from hold where ended_by like 'worker %'").await, 1);
    assert_eq!(world.count("select count(*) from recipient where attempts <> 1").await, 0);
    world.close().await;
}

#[tokio::test]
async fn a_provider_that_says_too_fast_slows_the_sender_and_costs_nobody_an_attempt() {
    let limit = "20/s".parse().unwrap();
    let mut world =
        World::new("throttle", "200/s", Config { rate_limit: Some(limit), ..Config::default() }).await;
    let id = world.draft(150).await;
    let _processes = [world.start("producer"), world.start("consumer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.finished(&id).await;
    world.each_exactly_once(&id, 150).await;
    assert_eq!(world.count("select count(*) from recipient where attempts <> 1").await, 0);
    assert!(world.count("select count(*) from attempt where outcome = 'throttled'").await > 0);
    assert_eq!(world.count("select count(*) from sender_gate where slowed_at is not null").await, 1);
    world.close().await;
}

#[tokio::test]
async fn a_pause_stops_everything_and_resume_sends_the_rest_once() {
    let mut world = World::new("pause", "500/s", slow(Duration::from_millis(20))).await;
    let id = world.draft(1_500).await;
    let _processes = [world.start("producer"), world.start("consumer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    assert!(world.ledger().wait_until(PATIENCE, |ledger| ledger.accepted > 200).await);
    world.ok(&["campaign", "pause", &id]).await;
    world.until("select count(*) from recipient where state = 'sending'", 0).await;
    let sent = world.ledger().summary().requests;
    assert!(sent < 1_500, "all was sent before the pause");
    world.ok(&["campaign", "resume", &id]).await;
    world.finished(&id).await;
    world.each_exactly_once(&id, 1_500).await;
    let pauses = "select count(*) from hold where reason = 'operator' and ended_by = 'operator'";
    assert_eq!(world.count(pauses).await, 1);
    world.close().await;
}

#[tokio::test]
async fn a_rolling_restart_leaves_nobody_unknown() {
    let mut world = World::new("rolling", "none", slow(Duration::from_millis(200))).await;
    let id = world.draft(3_000).await;
    let _producer = world.start("producer");
    let mut consumer = world.start("consumer");
    world.ok(&["campaign", "start", &id]).await;
    for round in 1..=3 {
        assert!(world.ledger().wait_until(PATIENCE, |ledger| ledger.accepted > round * 400).await);
        let next = world.start("consumer");
        assert!(consumer.stop().await.success(), "{}", world.logs());
        consumer = next;
    }
    world.finished(&id).await;
    world.each_exactly_once(&id, 3_000).await;
    consumer.kill().await;
    world.close().await;
}

#[tokio::test]
async fn what_a_killed_worker_held_becomes_unknown_and_nobody_is_sent_to_twice() {
    let mut world = World::new("killed", "none", slow(Duration::from_millis(100))).await;
    let settings =
        "[http]\ntimeout = \"2s\"\nconnect_timeout = \"1s\"\n[consumer]\nlease = \"14s\"\nin_flight = 256\n";
    world.file("flowcast.toml", settings);
    let id = world.draft(2_000).await;
    let _producer = world.start("producer");
    let (victim, _other) = (world.start("consumer"), world.start("consumer"));
    world.ok(&["campaign", "start", &id]).await;
    assert!(world.ledger().wait_until(PATIENCE, |ledger| ledger.accepted > 300).await);
    victim.kill().await;
    world.finished(&id).await;
    let ledger = world.ledger().summary();
    assert_eq!((ledger.accepted, ledger.accepted_more_than_once), (ledger.distinct_recipients, 0));
    let unknown = world
        .count("select count(*) from recipient where state = 'unknown' and reason_code = 'worker_died'")
        .await;
    assert!(unknown <= 256, "a worker holds at most what it has under way, not {unknown}");
    // On a machine that stands still for two seconds the other worker has unknown recipients too.
    let ended = "select count(*) from recipient where state = 'accepted' or state = 'unknown'";
    assert_eq!(world.count(ended).await, 2_000);
    world.close().await;
}

#[tokio::test]
async fn refusals_end_as_their_class_says() {
    let refusal = |outcome: &str, n: u64| Fault {
        effect: Effect::Refuse { outcome: outcome.into(), retry_after_s: None, accepted: false },
        scope: Scope::next(n),
    };
    let config = Config { faults: vec![refusal("WA400", 3), refusal("WA500", 2)], ..Config::default() };
    let mut world = World::new("refusals", "none", config).await;
    let id = world.draft(100).await;
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.until("select count(*) from recipient where state = 'accepted'", 95).await;
    assert_eq!(
        world.count("select count(*) from recipient where state = 'failed' and reason_code = 'WA400'").await,
        3
    );
    // Kaleyra's own schedule: the first retry after five minutes.
    let due =
        "select count(*) from due where due_at between now() + interval '4 min' and now() + interval '5 min'";
    assert_eq!(world.count(due).await, 2);
    assert_eq!(world.count("select count(*) from recipient where state = 'retry' and attempts = 1").await, 2);
    let report = world.ok(&["campaign", "report", &id]).await;
    assert!(report.contains("WA400") && report.contains("WA500"), "{report}");
    let cancelled = world.ok(&["campaign", "cancel", &id]).await;
    assert!(cancelled.contains("2 recipients were not sent to"), "{cancelled}");
    world.close().await;
}

#[tokio::test]
async fn many_refusals_in_a_row_pause_the_campaign_and_not_the_sender() {
    let refusal = Effect::Refuse { outcome: "WA400".into(), retry_after_s: None, accepted: false };
    let fault = Fault { effect: refusal, scope: Scope::next(1_000_000) };
    let mut world = World::new("too_many", "none", Config { faults: vec![fault], ..Config::default() }).await;
    let id = world.draft(5_000).await;
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.until("select count(*) from campaign where state = 'paused'", 1).await;
    world.until("select count(*) from recipient where state = 'sending'", 0).await;
    assert!(world.count("select count(*) from recipient where state = 'failed'").await < 1_500);
    let holds = "select count(*) from hold where reason = 'too_many_refusals' and campaign_id is not null";
    assert_eq!(world.count(holds).await, 1);
    assert_eq!(world.count("select count(*) from sender_gate where is_open").await, 1);
    // The cause is mended: the rest goes out.
    world.provider.controls().clear_faults();
    world.ok(&["campaign", "resume", &id]).await;
    world.finished(&id).await;
    let failed = world.count("select count(*) from recipient where state = 'failed'").await;
    assert_eq!(world.count("select count(*) from recipient where state = 'accepted'").await, 5_000 - failed);
    world.close().await;
}

#[tokio::test]
async fn an_answer_that_never_comes_is_unknown_and_never_sent_again() {
    let fault = Fault { effect: Effect::Hang {}, scope: Scope::next(3) };
    let mut world = World::new("unknown", "none", Config { faults: vec![fault], ..Config::default() }).await;
    let settings = "[http]\ntimeout = \"2s\"\nconnect_timeout = \"1s\"\n";
    world.file("flowcast.toml", settings);
    let id = world.draft(50).await;
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.finished(&id).await;
    let unknown = "select count(*) from recipient where state = 'unknown' and reason_code = 'timeout'";
    assert_eq!(world.count(unknown).await, 3);
    assert_eq!(world.ledger().summary().requests, 50);
    world.close().await;
}

#[tokio::test]
async fn campaigns_are_listed_page_by_page_the_newest_first() {
    let world = World::new("campaign_pages", "100/s", Config::default()).await;
    let ids = [world.draft(1).await, world.draft(1).await, world.draft(1).await];
    let first_page = world.ok(&["campaign", "list", "--limit", "2"]).await;
    let listed = |page: &str| {
        ids.iter()
            .filter(|id| page.lines().any(|line| line.trim_start().starts_with(&format!("{id} "))))
            .count()
    };
    let hint = format!("flowcast campaign list --before {}", ids[1]);
    assert!(listed(&first_page) == 2 && first_page.contains(&hint), "{first_page}");
    let second_page = world.ok(&["campaign", "list", "--before", &ids[1]]).await;
    assert!(listed(&second_page) == 1 && !second_page.contains("--before"), "{second_page}");
    world.close().await;
}
