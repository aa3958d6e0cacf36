//! Receipts in the metrics of a server, and the number of series in a large installation.

use simulator::{Config, Webhook};

use crate::monitoring::{self, Monitored};
use crate::receiving::{FLOW, Receiving, all_told};
use crate::world::World;

/// Senders of the large installation. Five of them share the label `_other`.
const SENDERS: u32 = 205;
/// Senders with series of their own, and `_other`.
const LABELS: usize = 201;
/// The most series of a process without a sender, and of each sender; docs/METRICS.md states them.
const CONSUMER: (usize, usize) = (500, 45);
const PRODUCER: (usize, usize) = (1_000, 45);

#[tokio::test]
async fn the_server_counts_the_receipts_that_it_stores_and_the_requests_that_it_refuses() {
    let mut world = World::new("measured_receipts", "none", Config::default()).await;
    let receiving = Receiving::start(&mut world, &[]).await;
    let address = monitoring::addresses(&world)[0];
    receiving.is_told_by(&world, Webhook::default());
    let wrong = [("authorization", "Basic Zmxvdzp3cm9uZw==")];
    assert_eq!(receiving.post_with(&wrong, b"{}").await, Some(403));
    let id = world.draft_of(FLOW, 50).await;
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.finished(&id).await;
    all_told(&world, 150).await;
    world.until("select count(*) from receipt where sent_at is not null and read_at is not null", 50).await;

    let server = Monitored { process: receiving.server, address };
    let sender = "sender=\"ke-main\"";
    let events = server.count("flowcast_webhook_events_total", &[sender, "kind=\"status\""]).await;
    assert_eq!(events, 150, "sent, delivered and read for each of 50 recipients");
    assert_eq!(server.count("flowcast_webhook_events_total", &[sender]).await, events);
    let requests = server.count("flowcast_webhook_requests_total", &[sender]).await;
    assert_eq!(requests, world.provider.controls().webhook_counts().taken);
    let commits = server.count("flowcast_webhook_commit_seconds_count", &[]).await;
    assert!((1..=requests).contains(&commits), "{commits} commits of {requests} requests");
    let refused = ["kind=\"bad_password\"", sender];
    assert_eq!(server.count("flowcast_webhook_requests_refused_total", &refused).await, 1);
    assert_eq!(server.count("flowcast_webhook_requests_refused_total", &[]).await, 1);
    for gauge in ["flowcast_webhook_requests_waiting", "flowcast_webhook_memory_bytes"] {
        assert_eq!(server.count(gauge, &[]).await, 0, "{gauge}");
    }
    assert!(server.process.stop().await.success());
    world.close().await;
}

/// More senders, and 1,000 paused campaigns, each with one recipient.
async fn enlarge(world: &World) {
    world.draft(1).await;
    let more = format!(
        "insert into sender (name, provider, base_url, account, number, api_key_ref)
         select 'sender-' || n, provider, base_url, account, number, api_key_ref from sender, generate_series(2, {SENDERS}) n;
         insert into sender_gate (sender_id) select id from sender where id > 1;
         insert into sender_feed (sender_id) select id from sender where id > 1;
         insert into claim_lock (sender_id) select id from sender where id > 1;
         insert into campaign (name, sender_id, definition, state, recipients, epoch, started_at)
         select 'campaign ' || n, 1 + n % {SENDERS}, definition, 'paused', 1, 1, now() from campaign, generate_series(1, 999) n;
         update campaign set state = 'paused', epoch = 1, started_at = now() where id = 1;
         insert into campaign_feed (campaign_id) select id from campaign where id > 1;
         insert into hold (sender_id, campaign_id, reason, caused_by) select sender_id, id, 'operator', 'test' from campaign;
         insert into recipient select (jsonb_populate_record(r, jsonb_build_object('campaign_id', c.id))).*
         from recipient r, campaign c where c.id > 1"
    );
    world.look.batch_execute(&more).await.unwrap();
    assert_eq!(world.count("select count(*) from report.campaign where recipients = 1").await, 1_000);
    for sender in 1..=SENDERS {
        world.scope.track_queue(format!("{}.sender.{sender}", world.scope.queue_prefix()));
    }
}

/// Counts the series of a process, and compares them with its limits.
async fn within(process: &Monitored, (fixed, of_sender): (usize, usize)) {
    let series = process.metrics().await;
    let of =
        |name: &str| series.keys().filter(|series| series.contains(&format!("sender=\"{name}\""))).count();
    let of_none = series.keys().filter(|series| !series.contains("sender=\"")).count();
    assert!(of_none <= fixed, "{of_none} series without a sender");
    assert!(of("ke-main") > 0 && of("ke-main") <= of_sender, "{} series of one sender", of("ke-main"));
    assert!(of("_other") > 0, "five senders share a label");
    assert!(series.len() <= fixed + LABELS * of_sender, "{} series", series.len());
}

#[tokio::test]
async fn the_number_of_series_is_bounded_with_205_senders_and_1000_campaigns() {
    let mut world = World::new("measured_series", "none", Config::default()).await;
    enlarge(&world).await;
    let (producer, consumer) =
        (monitoring::start(&mut world, "producer").await, monitoring::start(&mut world, "consumer").await);
    producer.until("flowcast_campaigns", &["state=\"paused\""], |campaigns| campaigns >= 1_000.0).await;
    producer.until("flowcast_workers", &[], |workers| workers >= f64::from(SENDERS)).await;
    let of_campaigns = producer.metrics().await;
    let named = of_campaigns.keys().filter(|series| series.starts_with("flowcast_campaign_waiting")).count();
    assert!((1..=100).contains(&named), "{named} campaigns have a series");
    within(&producer, PRODUCER).await;
    within(&consumer, CONSUMER).await;
    drop((producer, consumer));
    world.close().await;
}
