//! Which worker sends for which sender, when workers come, stop and die; and how long an urgent campaign waits.

use broker::Topology;
use simulator::Config;

use crate::world::{CAMPAIGN, PATIENCE, Process, World};

/// As a new installation has it.
const DEFAULT: &[(&str, &str)] = &[("FLOWCAST_CONSUMER_WORKERS_PER_SENDER", "1")];
/// Pairs of a living worker and a sender for which it works.
const PAIRS: &str = "select count(*) from worker where seen_at > clock_timestamp() - interval '3 seconds'";
/// Senders that exactly one living worker has.
const ALONE: &str = "select count(*) from (
    select sender_id from worker where seen_at > clock_timestamp() - interval '3 seconds'
    group by sender_id having count(*) = 1) alone";
const BUSY_WORKERS: &str =
    "select count(distinct worker) from worker where seen_at > clock_timestamp() - interval '3 seconds'";

/// Adds senders with this rate beside the first one.
async fn add_senders(world: &World, names: &[&str], (key, rate): (&str, &str)) {
    let (base_url, account) = (world.provider.base_url(), Config::default().account);
    for (name, id) in names.iter().zip(2..) {
        world
            .ok(&[
                "sender",
                "add",
                name,
                "--provider",
                "kaleyra",
                "--base-url",
                &base_url,
                "--number",
                "+919900000000",
                "--account",
                &account,
                "--api-key-env",
                key,
                "--rate",
                rate,
            ])
            .await;
        world.scope.track_queue(Topology::new(world.scope.queue_prefix()).sender_queue(id).to_string());
    }
}

#[tokio::test]
async fn each_sender_with_a_rate_has_one_worker_and_gets_another_one_when_it_stops_or_dies() {
    let mut world = World::new("assigned", "50/s", Config::default()).await;
    world.file(
        "flowcast.toml",
        "[http]\ntimeout = \"2s\"\nconnect_timeout = \"1s\"\n[consumer]\nlease = \"14s\"\n",
    );
    let names = ["ke-2", "ke-3", "ke-4", "ke-5", "ke-6", "ke-7", "ke-8", "ke-9", "ke-10", "ke-11", "ke-12"];
    add_senders(&world, &names, ("TEST_PROVIDER_KEY", "50/s")).await;
    let senders = 1 + i64::try_from(names.len()).unwrap();
    let _producer = world.start("producer");
    let mut workers: Vec<Process> = (0..3).map(|_| world.start_with("consumer", DEFAULT)).collect();
    world.until(ALONE, senders).await;
    world.until(PAIRS, senders).await;
    let campaigns: Vec<String> = {
        let mut ids = Vec::new();
        for name in ["ke-main", "ke-2", "ke-3"] {
            ids.push(world.draft_of(&CAMPAIGN.replace("\"ke-main\"", &format!("\"{name}\"")), 400).await);
        }
        ids
    };
    for id in &campaigns {
        world.ok(&["campaign", "start", id]).await;
    }
    assert!(world.ledger().wait_until(PATIENCE, |ledger| ledger.requests > 100).await);
    // One stops and hands its senders over; another one dies.
    assert!(workers.remove(0).stop().await.success(), "{}", world.logs());
    world.until(ALONE, senders).await;
    workers.remove(0).kill().await;
    for id in &campaigns {
        world.finished(id).await;
    }
    world.until(BUSY_WORKERS, 1).await;
    world.until(ALONE, senders).await;
    let ledger = world.ledger().summary();
    // The three campaigns have the same numbers.
    let twice =
        "select count(*) from (select from attempt group by campaign_id, seq having count(*) > 1) twice";
    assert_eq!(world.count(twice).await, 0);
    assert!(ledger.accepted <= 1_200, "{}", ledger.accepted);
    let unknown =
        u64::try_from(world.count("select count(*) from recipient where state = 'unknown'").await).unwrap();
    assert!(
        ledger.accepted + unknown >= 1_200 && unknown < 200,
        "{unknown} unknown, {} accepted",
        ledger.accepted
    );
    world.close().await;
}

#[tokio::test]
async fn a_worker_without_the_key_of_a_sender_leaves_the_sender_to_another_one() {
    let mut world = World::new("keyless", "50/s", Config::default()).await;
    add_senders(&world, &["ke-2", "ke-3", "ke-4", "ke-5", "ke-6", "ke-7"], ("KEY_OF_ONE_WORKER", "50/s"))
        .await;
    let _without = world.start_with("consumer", DEFAULT);
    world.until("select count(*) from live_worker where senders is not null", 1).await;
    let with = [DEFAULT, &[("KEY_OF_ONE_WORKER", "key")]].concat();
    let _with = world.start_with("consumer", &with);
    world.until(ALONE, 7).await;
    world.close().await;
}

#[tokio::test]
async fn an_urgent_campaign_waits_for_three_seconds_of_the_rate_at_most_however_many_workers_there_are() {
    let mut world = World::new("urgent", "20/s", Config::default()).await;
    let id = world.draft(2_000).await;
    let _producer = world.start("producer");
    let _workers: Vec<Process> = (0..4).map(|_| world.start_with("consumer", DEFAULT)).collect();
    world.until(PAIRS, 1).await;
    world.ok(&["campaign", "start", &id]).await;
    // Both campaigns have the same people, who get no two messages within six seconds.
    assert!(world.ledger().wait_until(PATIENCE, |ledger| ledger.requests > 160).await);
    let urgent = world.draft_of(&CAMPAIGN.replace("weight = 1", "weight = 100"), 10).await;
    world.ok(&["campaign", "start", &urgent]).await;
    let before = world.ledger().summary().requests;
    world.until(&format!("select count(*) from attempt where campaign_id = {urgent}"), 10).await;
    let first = format!("select min(sent_at) from attempt where campaign_id = {urgent}");
    let ahead = format!("select count(*) from attempt where campaign_id = {id} and sent_at < ({first})");
    let waited = world.count(&ahead).await - i64::try_from(before).unwrap();
    // One second in the queue and one that a round may be publishing, some blocks in the worker, half a second of leased slots.
    println!("{waited} messages left before the urgent ones");
    assert!(waited <= 60, "{waited} messages left before the urgent ones, at 20 a second");
    world.ok(&["campaign", "cancel", &id]).await;
    world.close().await;
}
