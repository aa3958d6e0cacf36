//! What comes back: the same tables in the end, whatever order it comes in and however often.

use campaign::{
    CampaignId, Consent, FollowUp, Outcome, Provider, ReceiptStatus, Seq, Stop, StopReason, StopScope,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use store::{AnswerRow, ClaimAnswer, ConsentRow, InboundRow, Ingest, RawBody, ReceiptCounts, ReceiptRow};
use uuid::Uuid;

use crate::world::{NOON, World, accepted, msisdn, new_sender, reason, seeds};

/// The receipts of a campaign as text, a line a recipient.
async fn table(world: &World, campaign: CampaignId) -> Vec<String> {
    let select = "
        select concat_ws(' ', r.seq, r.sent_at, r.delivered_at, r.read_at, r.failed_at, r.code, r.follow_up,
            r.provider_message_id, p.state, a.answered_at, a.answer, a.asked_at = (
                select min(t.sent_at) from attempt t where t.campaign_id = r.campaign_id and t.seq = r.seq))
        from receipt r join recipient p using (campaign_id, seq) left join flow_answer a using (campaign_id, seq)
        where r.campaign_id = $1 order by r.seq";
    let rows = world.look.query(select, &[&campaign.0]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Everything that comes back for twenty recipients.
fn everything(world: &World, campaign: CampaignId) -> Vec<Ingest> {
    use ReceiptStatus::{Delivered, Failed, Read, Sent};
    let mut posts = Vec::new();
    for seq in 1..=20 {
        let statuses = match seq % 4 {
            0 => vec![Sent, Delivered, Read],
            1 => vec![Sent, Delivered],
            2 => vec![Sent, Failed],
            _ => vec![Read],
        };
        let receipts = statuses.into_iter().map(|status| world.receipt(campaign, seq, status));
        posts.extend(receipts.map(|receipt| Ingest { receipts: vec![receipt], ..Ingest::default() }));
        if seq % 4 == 0 {
            posts.push(Ingest { answers: vec![answer(world, campaign, seq)], ..Ingest::default() });
        }
    }
    posts
}

fn answer(world: &World, campaign: CampaignId, seq: i32) -> AnswerRow {
    AnswerRow {
        about: world.about(campaign, seq),
        at: Some(NOON.parse::<Timestamp>().unwrap() + SignedDuration::from_hours(1)),
        inbound_id: format!("wamid.in.{seq}"),
        answer: json!({"rating": seq}),
        from: None,
    }
}

/// Takes everything in after it was recorded, as it comes.
async fn tidy(world: &World) -> Vec<String> {
    let campaign = world.campaign(20).await;
    let claim = world.granted(campaign, 1..=20).await;
    world.record(campaign, &claim, &accepted()).await;
    for post in everything(world, campaign) {
        world.store.ingest(&post).await.unwrap();
    }
    table(world, campaign).await
}

#[tokio::test]
async fn shuffled_doubled_early_and_late_receipts_leave_the_tables_of_tidy_ones() {
    let world = World::new("receipts_order", None).await;
    let tidy = tidy(&world).await;
    assert_eq!(tidy.len(), 20);
    assert_eq!(tidy.iter().filter(|line| line.ends_with(" t")).count(), 5, "five answered: {tidy:?}");
    let counts = world.store.receipt_counts(CampaignId(1)).await.unwrap();
    let expected = ReceiptCounts { sent: 20, delivered: 15, read: 10, failed: 5 };
    assert_eq!(counts, expected, "what was read was delivered");
    for seed in seeds(3) {
        let mut random = fastrand::Rng::with_seed(seed);
        let campaign = world.campaign(20).await;
        let claim = world.granted(campaign, 1..=20).await;
        let mut posts = everything(&world, campaign);
        posts.extend(everything(&world, campaign));
        random.shuffle(&mut posts);
        let recorded_at = random.usize(..=posts.len());
        for (place, post) in posts.iter().enumerate() {
            if place == recorded_at {
                world.record(campaign, &claim, &accepted()).await;
            }
            world.store.ingest(post).await.unwrap();
            if random.u8(..4) == 0 {
                world.store.resolve_by_receipts(campaign).await.unwrap();
            }
        }
        if recorded_at == posts.len() {
            world.record(campaign, &claim, &accepted()).await;
        }
        world.store.resolve_by_receipts(campaign).await.unwrap();
        assert_eq!(tidy, table(&world, campaign).await, "seed {seed}");
        assert_eq!(world.count("select count(*) from receipt_to_resolve").await, 0, "seed {seed}");
    }
    world.close().await;
}

#[tokio::test]
async fn an_answer_has_its_time_whenever_the_worker_records_its_request() {
    let world = World::new("receipts_asked", None).await;
    for seed in seeds(10) {
        let mut random = fastrand::Rng::with_seed(seed);
        let campaign = world.campaign(2).await;
        let claim = world.granted(campaign, 1..=2).await;
        let mut events: Vec<u8> = (0..7).collect();
        random.shuffle(&mut events);
        for event in events {
            match event {
                0 => {
                    world.record(campaign, &claim, &accepted()).await;
                }
                1 => {
                    let ended = "update claim set lease_until = clock_timestamp() - interval '1 minute'";
                    world.look.execute(ended, &[]).await.unwrap();
                    world.store.expire_claims(world.sender).await.unwrap();
                }
                2 | 3 => {
                    let answers = vec![answer(&world, campaign, i32::from(event) - 1)];
                    world.store.ingest(&Ingest { answers, ..Ingest::default() }).await.unwrap();
                }
                4 => {
                    let receipts = vec![world.receipt(campaign, 1, ReceiptStatus::Read)];
                    world.store.ingest(&Ingest { receipts, ..Ingest::default() }).await.unwrap();
                }
                _ => {
                    world.store.resolve_by_receipts(campaign).await.unwrap();
                }
            }
        }
        world.store.resolve_by_receipts(campaign).await.unwrap();
        let told = format!(
            "select count(*) from flow_answer a where a.campaign_id = {campaign} and a.asked_at = (
                select min(t.sent_at) from attempt t where t.campaign_id = {campaign} and t.seq = a.seq)"
        );
        assert_eq!(world.count(&told).await, 2, "seed {seed}");
        assert_eq!(world.count("select count(*) from receipt_to_resolve").await, 0, "seed {seed}");
    }
    world.close().await;
}

#[tokio::test]
async fn a_batch_in_one_piece_gives_the_same_as_one_by_one() {
    let world = World::new("receipts_batch", None).await;
    let (apart, together) = (world.campaign(20).await, world.campaign(20).await);
    for post in everything(&world, apart) {
        world.store.ingest(&post).await.unwrap();
    }
    let mut batch = Ingest::default();
    for mut post in everything(&world, together) {
        batch.receipts.append(&mut post.receipts);
        batch.answers.append(&mut post.answers);
    }
    batch.receipts.extend(batch.receipts.clone());
    batch.receipts.reverse();
    world.store.ingest(&batch).await.unwrap();
    assert_eq!(table(&world, apart).await, table(&world, together).await);
    world.close().await;
}

#[tokio::test]
async fn an_early_receipt_resolves_a_recipient_that_becomes_unknown_after_it() {
    let world = World::new("receipts_early", None).await;
    let campaign = world.campaign(2).await;
    let claim = world.granted(campaign, 1..=2).await;
    let receipts = vec![world.receipt(campaign, 1, ReceiptStatus::Sent)];
    world.store.ingest(&Ingest { receipts, ..Ingest::default() }).await.unwrap();
    assert_eq!(world.store.campaigns_to_resolve_by_receipt().await.unwrap(), [campaign]);
    assert_eq!(world.store.resolve_by_receipts(campaign).await.unwrap(), 0);
    assert_eq!(world.count("select count(*) from receipt_to_resolve").await, 1);
    world.record(campaign, &claim, &Outcome::Unknown { reason: reason("timeout") }).await;
    assert_eq!(world.store.resolve_by_receipts(campaign).await.unwrap(), 1);
    assert_eq!(world.row(campaign, 1).await, ("accepted".into(), 1, None));
    assert_eq!(world.row(campaign, 2).await.0, "unknown");
    assert_eq!(world.store.campaigns_to_resolve_by_receipt().await.unwrap(), []);
    assert_eq!(world.count("select count(*) from unknown_recipient").await, 1);
    world.close().await;
}

#[tokio::test]
async fn a_receipt_with_the_providers_id_only_is_matched_when_the_message_is_on_record() {
    let world = World::new("receipts_unmatched", None).await;
    world.look.execute("update sender set provider = '1msg'", &[]).await.unwrap();
    let campaign = world.campaign(1).await;
    let claim = world.granted(campaign, 1..=1).await;
    let mut receipt = world.receipt(campaign, 1, ReceiptStatus::Read);
    receipt.about.recipient = None;
    receipt.about.message_id = Some("A1".into());
    let mut stranger = receipt.clone();
    stranger.about.message_id = Some("of another system".into());
    let mut answer = answer(&world, campaign, 1);
    answer.about = receipt.about.clone();
    let post = || Ingest {
        receipts: vec![receipt.clone(), stranger.clone()],
        answers: vec![answer.clone()],
        ..Ingest::default()
    };
    let found = world.store.ingest(&post()).await.unwrap();
    assert_eq!((found.unmatched_events, found.to_resolve.len()), (3, 0));
    assert_eq!(world.store.ingest(&post()).await.unwrap().unmatched_events, 0, "each lies there once");
    assert_eq!(world.store.match_again().await.unwrap().events, 0, "not before its time");
    world.record(campaign, &claim, &accepted()).await;
    world.look.execute("update unmatched_status set next_at = now()", &[]).await.unwrap();
    assert_eq!(world.store.match_again().await.unwrap().events, 2);
    assert_eq!(table(&world, campaign).await.len(), 1);
    assert_eq!(world.count("select count(*) from flow_answer where asked_at is not null").await, 1);
    assert_eq!(world.count("select count(*) from unmatched_status where tries = 1").await, 1);
    world.close().await;
}

/// The receipt of a message with this id of the provider, which stops its campaign.
fn stopping(world: &World, campaign: CampaignId, id: &str) -> ReceiptRow {
    let mut receipt = world.receipt(campaign, 1, ReceiptStatus::Failed);
    receipt.about.recipient = None;
    receipt.about.message_id = Some(id.into());
    receipt.code = Some("132015".into());
    receipt.follow_up = Some(FollowUp::Stop);
    receipt.stop = Some(Stop { scope: StopScope::Campaign, reason: StopReason::TemplateFault });
    receipt
}

#[tokio::test]
async fn a_receipt_with_the_providers_id_only_stops_the_campaign_of_its_message() {
    let world = World::new("receipts_stop_by_id", None).await;
    world.look.execute("update sender set provider = '1msg'", &[]).await.unwrap();
    let campaign = world.campaign(2).await;
    let (known, early) = (world.granted(campaign, 1..=1).await, world.granted(campaign, 2..=2).await);
    let sent = |id: &str| Outcome::Accepted { provider_message_id: id.to_owned() };
    world.record(campaign, &known, &sent("A1")).await;
    let receipts = ["A1", "A2", "of another system"].map(|id| stopping(&world, campaign, id)).to_vec();
    let stored = world.store.ingest(&Ingest { receipts, ..Ingest::default() }).await.unwrap();
    let found = |stops: &[store::ReportedStop]| {
        stops.iter().map(|stop| (stop.campaign, stop.why, stop.reason.code.to_string())).collect::<Vec<_>>()
    };
    let expected = [(Some(campaign), StopReason::TemplateFault, "132015".to_owned())];
    assert_eq!((found(&stored.stops).as_slice(), stored.unmatched_events), (expected.as_slice(), 2));
    world.record(campaign, &early, &sent("A2")).await;
    world.look.execute("update unmatched_status set next_at = now()", &[]).await.unwrap();
    let matched = world.store.match_again().await.unwrap();
    assert_eq!((matched.events, found(&matched.stops).as_slice()), (1, expected.as_slice()));
    world.close().await;
}

#[tokio::test]
async fn a_reply_with_the_providers_id_only_follows_the_receipt_that_carried_both() {
    let world = World::new("receipts_lookup", None).await;
    let campaign = world.campaign(1).await;
    let receipts = vec![world.receipt(campaign, 1, ReceiptStatus::Sent)];
    world.store.ingest(&Ingest { receipts, ..Ingest::default() }).await.unwrap();
    let mut answer = answer(&world, campaign, 1);
    answer.about.recipient = None;
    world.store.ingest(&Ingest { answers: vec![answer], ..Ingest::default() }).await.unwrap();
    assert_eq!(world.count("select count(*) from flow_answer where seq = 1").await, 1);
    world.close().await;
}

#[tokio::test]
async fn a_reference_of_another_senders_campaign_changes_nothing() {
    let world = World::new("receipts_foreign", None).await;
    let mut other = new_sender("other", None);
    other.provider = Provider::Meta;
    let other = world.store.add_sender(&other).await.unwrap();
    let campaign = world.campaign(1).await;
    let mut receipt = world.receipt(campaign, 1, ReceiptStatus::Read);
    receipt.about.sender = other;
    world.store.ingest(&Ingest { receipts: vec![receipt], ..Ingest::default() }).await.unwrap();
    assert_eq!(table(&world, campaign).await, Vec::<String>::new());
    let mut gone = world.receipt(campaign, 1, ReceiptStatus::Read);
    gone.about.recipient = Some((CampaignId(99), Seq(1)));
    gone.about.message_id = None;
    world.store.ingest(&Ingest { receipts: vec![gone], ..Ingest::default() }).await.unwrap();
    world.close().await;
}

#[tokio::test]
async fn a_receipt_that_says_stop_suppresses_its_recipient_and_an_old_one_does_not_again() {
    let world = World::new("receipts_stop", None).await;
    let campaign = world.campaign(2).await;
    let mut receipt = world.receipt(campaign, 2, ReceiptStatus::Failed);
    receipt.follow_up = Some(FollowUp::Suppress);
    let post = || Ingest { receipts: vec![receipt.clone()], ..Ingest::default() };
    world.store.ingest(&post()).await.unwrap();
    let stopped =
        "select count(*) from suppression where msisdn = 254712000001 and reason = 'stopped_by_user'";
    assert_eq!(world.count(stopped).await, 1);
    let later = receipt.at.unwrap() + SignedDuration::from_secs(1);
    let inbound = InboundRow { who: world.person(msisdn(1)), at: Some(later) };
    let consents = vec![ConsentRow { inbound, consent: Consent::OptedIn, is_by_provider: false }];
    world.store.ingest(&Ingest { consents, ..Ingest::default() }).await.unwrap();
    world.store.ingest(&post()).await.unwrap();
    assert_eq!(world.count(stopped).await, 0);
    world.close().await;
}

#[tokio::test]
async fn a_body_is_kept_once_and_counted_and_goes_with_its_day() {
    let world = World::new("receipts_bodies", None).await;
    let body = || RawBody { sender: world.sender, digest: Uuid::from_u128(7), body: "{}".into() };
    let post = || Ingest { bodies: vec![body(), body()], ..Ingest::default() };
    world.store.ingest(&post()).await.unwrap();
    world.store.ingest(&post()).await.unwrap();
    assert_eq!(world.count("select times::bigint from webhook_body").await, 4);
    let old = "create table webhook_body_20200101 partition of webhook_body for values from ('2020-01-01') to ('2020-01-02')";
    world.look.execute(old, &[]).await.unwrap();
    let day = std::time::Duration::from_hours(24);
    world.store.forget_webhooks(day).await.unwrap();
    let days = "select count(*) from pg_inherits where inhparent = 'webhook_body'::regclass";
    assert_eq!(world.count(days).await, 8, "today and a week");
    world.close().await;
}

#[tokio::test]
async fn two_servers_at_once_wait_for_each_other_and_lose_nothing() {
    let world = World::new("receipts_two", None).await;
    let campaign = world.campaign(200).await;
    let claim = world.granted(campaign, 1..=200).await;
    world.record(campaign, &claim, &accepted()).await;
    let server = async |seed| {
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..20 {
            let mut receipts: Vec<ReceiptRow> = (1..=200)
                .flat_map(|seq| {
                    [ReceiptStatus::Sent, ReceiptStatus::Delivered].map(|s| world.receipt(campaign, seq, s))
                })
                .collect();
            random.shuffle(&mut receipts);
            world.store.ingest(&Ingest { receipts, ..Ingest::default() }).await.unwrap();
        }
    };
    tokio::join!(server(1), server(2), server(3));
    assert_eq!(world.count("select count(delivered_at) from receipt").await, 200);
    assert!(matches!(world.claim(campaign, 1..=200).await, ClaimAnswer::Refused(_)));
    world.close().await;
}
