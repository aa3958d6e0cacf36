//! Who must not be written to, and who can only be written to in one way: asked at every claim.

use campaign::{CampaignId, Consent, Definition, FollowUp, ReceiptStatus, Window};
use jiff::{SignedDuration, Timestamp};
use store::{ClaimAnswer, ClaimRefusal, ConsentRow, DailyCap, InboundRow, Ingest};

use crate::world::{NOON, World, msisdn};

fn wrote(world: &World, n: u32, at: Timestamp) -> InboundRow {
    InboundRow { who: world.person(msisdn(n)), at: Some(at) }
}

fn noon() -> Timestamp {
    NOON.parse().unwrap()
}

async fn said(world: &World, n: u32, consent: Consent, at: Timestamp) {
    let consent = ConsentRow { inbound: wrote(world, n, at), consent, is_by_provider: false };
    world.store.ingest(&Ingest { consents: vec![consent], ..Ingest::default() }).await.unwrap();
}

async fn claimed(world: &World, campaign: CampaignId, seqs: std::ops::RangeInclusive<i32>) -> Vec<i32> {
    world.granted(campaign, seqs).await.rows.iter().map(|row| row.seq.0).collect()
}

#[tokio::test]
async fn suppressed_recipients_are_skipped_by_the_next_claim_and_the_counts_add_up() {
    let world = World::new("consent_claim", Some("1000/s")).await;
    let campaign = world.campaign(6).await;
    said(&world, 1, Consent::OptedOut, noon()).await;
    let by_hand = "insert into suppression (msisdn, sender_id, reason) values
        (254712000002, null, 'operator'), (254712000003, $1, 'stopped_by_user')";
    world.look.execute(by_hand, &[&world.sender.0]).await.unwrap();
    assert_eq!(claimed(&world, campaign, 1..=5).await, [1, 5]);
    assert_eq!(world.row(campaign, 2).await, ("skipped".into(), 0, Some("opted_out".into())));
    assert_eq!(world.row(campaign, 3).await, ("skipped".into(), 0, Some("suppressed".into())));
    assert_eq!(world.row(campaign, 4).await, ("skipped".into(), 0, Some("opted_out".into())));
    said(&world, 5, Consent::OptedOut, noon()).await;
    assert_eq!(world.refused(campaign, 6..=6).await, ClaimRefusal::NothingDue);
    let balance = "select difference::bigint from report.conservation";
    assert_eq!(world.count(balance).await, 0);
    assert_eq!(world.count("select skipped::bigint from report.conservation").await, 4);
    let used = "select day_used::bigint from sender_gate";
    assert_eq!(world.count(used).await, 2, "who is skipped costs no permit");
    world.close().await;
}

#[tokio::test]
async fn of_two_words_the_later_one_holds_whatever_order_they_come_in() {
    let world = World::new("consent_order", None).await;
    let later = noon() + SignedDuration::from_mins(1);
    let suppressed = "select count(*) from suppression";
    said(&world, 0, Consent::OptedOut, noon()).await;
    said(&world, 0, Consent::OptedIn, later).await;
    said(&world, 0, Consent::OptedOut, noon()).await;
    assert_eq!(world.count(suppressed).await, 0, "an old word that comes again");
    said(&world, 1, Consent::OptedIn, noon()).await;
    said(&world, 1, Consent::OptedOut, noon()).await;
    said(&world, 1, Consent::OptedIn, noon()).await;
    assert_eq!(world.count(suppressed).await, 1, "in the same second the opt-out holds");
    world.look.execute("update suppression set reason = 'operator'", &[]).await.unwrap();
    said(&world, 1, Consent::OptedIn, later).await;
    assert_eq!(world.count(suppressed).await, 1, "an operator's word is lifted by an operator");
    world.close().await;
}

#[tokio::test]
async fn a_window_known_to_be_closed_is_skipped_only_where_there_is_no_template() {
    let world = World::new("consent_window", None).await;
    let now = world.now().await;
    let long_ago = now - SignedDuration::from_hours(24);
    let inbounds = vec![wrote(&world, 0, now), wrote(&world, 1, long_ago), wrote(&world, 1, noon())];
    world.store.ingest(&Ingest { inbounds, ..Ingest::default() }).await.unwrap();
    let with_template = "name = \"t\"\nsender = \"main\"\n[template]\nname = \"t\"\nlanguage = \"en\"\n";
    let with_template =
        world.store.create_campaign(&Definition::parse(with_template).unwrap(), None).await.unwrap();
    world.import(with_template, 0..3).await;
    world.store.start_campaign(with_template, "test").await.unwrap();
    let windows: Vec<Window> =
        world.granted(with_template, 1..=3).await.rows.iter().map(|row| row.window).collect();
    assert_eq!(windows, [Window::Open, Window::Closed, Window::Unheard]);
    let flow = world.campaign(3).await;
    assert_eq!(claimed(&world, flow, 1..=3).await, [1, 3]);
    assert_eq!(world.row(flow, 2).await, ("skipped".into(), 0, Some("window_closed".into())));
    world.close().await;
}

#[tokio::test]
async fn a_recipient_with_too_many_messages_is_claimed_with_the_time_that_is_left() {
    let world = World::new("consent_quiet", None).await;
    let told = world.campaign(2).await;
    let now = world.now().await;
    let mut receipts = Vec::new();
    for (seq, hours_ago) in [(1, 1), (1, 3), (2, 25)] {
        let mut receipt = world.receipt(told, seq, ReceiptStatus::Failed);
        receipt.at = Some(now - SignedDuration::from_hours(hours_ago));
        receipt.follow_up = Some(FollowUp::Wait);
        receipts.push(receipt);
    }
    for receipt in receipts {
        world.store.ingest(&Ingest { receipts: vec![receipt], ..Ingest::default() }).await.unwrap();
    }
    let campaign = world.campaign(3).await;
    let rows = world.granted(campaign, 1..=3).await.rows;
    let quiet: Vec<_> = rows.iter().map(|row| row.quiet_for).collect();
    let left = quiet[0].unwrap().as_secs_f64() / 3600.0;
    assert!((22.9..=23.0).contains(&left), "of two reports the later one holds: {left} h");
    assert_eq!(quiet[1..], [None, None], "the day is over; never refused");
    world.close().await;
}

#[tokio::test]
async fn a_claim_that_may_take_one_is_asked_again_when_that_one_was_skipped() {
    let world = World::new("consent_cap", None).await;
    let campaign = world.campaign(3).await;
    let cap = DailyCap { recipients: 1, zone: "UTC".into() };
    world.store.set_daily_cap(world.sender, Some(&cap)).await.unwrap();
    said(&world, 0, Consent::OptedOut, noon()).await;
    assert!(matches!(world.refused(campaign, 1..=3).await, ClaimRefusal::Wait(_)));
    assert_eq!(claimed(&world, campaign, 1..=3).await, [2]);
    world.close().await;
}

#[tokio::test]
async fn a_recipient_that_opts_out_before_a_retry_is_not_sent_to_again() {
    let world = World::new("consent_retry", None).await;
    let campaign = world.campaign(1).await;
    let claim = world.granted(campaign, 1..=1).await;
    let again = campaign::Outcome::Retry {
        after: std::time::Duration::ZERO,
        counted: true,
        reason: crate::world::reason("WA500"),
    };
    world.record(campaign, &claim, &again).await;
    said(&world, 0, Consent::OptedOut, noon()).await;
    assert!(matches!(world.claim(campaign, 1..=1).await, ClaimAnswer::Refused(ClaimRefusal::NothingDue)));
    assert_eq!(world.row(campaign, 1).await, ("skipped".into(), 1, Some("opted_out".into())));
    assert_eq!(world.count("select count(*) from due").await, 0);
    assert!(world.store.finish_if_done(campaign).await.unwrap());
    world.close().await;
}

#[tokio::test]
async fn a_claim_looks_a_million_suppressions_up_by_their_key() {
    let world = World::new("consent_plan", None).await;
    let campaign = world.campaign(400).await;
    let many = "insert into suppression (msisdn, reason) select 300000000000 + n, 'operator' from generate_series(1, 1000000) n";
    world.look.execute(many, &[]).await.unwrap();
    world.look.execute("analyze suppression", &[]).await.unwrap();
    let scans = "select seq_scan::bigint from pg_stat_user_tables where relname = 'suppression'";
    let before = world.count(scans).await;
    let begun = std::time::Instant::now();
    assert_eq!(claimed(&world, campaign, 1..=400).await.len(), 400);
    let took = begun.elapsed();
    world.look.execute("select pg_stat_clear_snapshot()", &[]).await.unwrap();
    assert_eq!(world.count(scans).await, before);
    assert!(took < std::time::Duration::from_millis(500), "{took:?}");
    world.close().await;
}
