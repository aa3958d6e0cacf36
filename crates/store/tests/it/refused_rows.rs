//! Rows that the database refuses: counted, and no other row is lost with them.

use campaign::{CampaignId, Consent, ReceiptStatus};
use jiff::Timestamp;
use serde_json::json;
use store::{AnswerRow, ConsentRow, InboundRow, Ingest, NoticeRow, RawBody};
use uuid::Uuid;

use crate::world::{NOON, World, accepted, msisdn};

/// Lets the database refuse every receipt of recipient 13.
async fn refuse_receipts_of_13(world: &World) {
    let trigger = "
        create function refuse() returns trigger language plpgsql as $$
        begin
            raise exception 'refused' using errcode = '23514', detail = 'planted-detail';
        end $$;
        create trigger refuse before insert on receipt for each row when (new.seq = 13) execute function refuse()";
    world.look.batch_execute(trigger).await.unwrap();
}

fn answer(world: &World, campaign: CampaignId, seq: i32, says: &str) -> AnswerRow {
    AnswerRow {
        about: world.about(campaign, seq),
        at: Some(NOON.parse().unwrap()),
        inbound_id: format!("in.{seq}"),
        answer: json!({ "says": says }),
        from: None,
    }
}

fn notice(world: &World, name: &str) -> NoticeRow {
    NoticeRow {
        sender: world.sender,
        about: "template",
        name: name.into(),
        language: None,
        status: "paused".into(),
        is_bad: true,
        at: Some(NOON.parse().unwrap()),
    }
}

#[tokio::test]
async fn a_row_that_the_database_refuses_is_counted_and_every_other_row_of_its_post_is_stored() {
    let world = World::new("refused_rows", None).await;
    let campaign = world.campaign(20).await;
    refuse_receipts_of_13(&world).await;
    let at = Some(NOON.parse::<Timestamp>().unwrap());
    let inbounds: Vec<InboundRow> =
        (0..20).map(|n| InboundRow { who: world.person(msisdn(n)), at }).collect();
    let consent = |inbound: &InboundRow| ConsentRow {
        inbound: inbound.clone(),
        consent: Consent::OptedOut,
        is_by_provider: false,
    };
    // No database column takes the sign NUL.
    let says = |seq| if seq == 7 || seq == 8 { "nul \0" } else { "fine" };
    let post = Ingest {
        bodies: vec![RawBody { sender: world.sender, digest: Uuid::from_u128(1), body: "{}".into() }],
        receipts: (1..=20).map(|seq| world.receipt(campaign, seq, ReceiptStatus::Read)).collect(),
        answers: (1..=20).map(|seq| answer(&world, campaign, seq, says(seq))).collect(),
        consents: inbounds.iter().map(consent).collect(),
        inbounds,
        notices: vec![notice(&world, "one"), notice(&world, "two\0"), notice(&world, "three")],
        ..Ingest::default()
    };
    let error = world.store.ingest(&post).await.unwrap_err();
    assert!(error.is_of_a_row() && !error.to_string().contains("planted-detail"), "{error}");
    assert_eq!(world.count("select count(*) from webhook_body").await, 0, "all or nothing");
    let ingested = world.store.ingest_apart(&post).await.unwrap();
    assert_eq!((ingested.refused, ingested.new_notices.len()), (4, 2));
    for (select, stored) in [
        ("select count(*) from webhook_body", 1),
        ("select count(*) from receipt", 19),
        ("select count(*) from flow_answer", 18),
        ("select count(last_inbound_at) from conversation", 20),
        ("select count(*) from suppression", 20),
        ("select count(*) from provider_notice", 2),
        ("select n from webhook_count where kind = 'refused_receipt'", 1),
        ("select n from webhook_count where kind = 'refused_answer'", 2),
        ("select n from webhook_count where kind = 'refused_notice'", 1),
    ] {
        assert_eq!(world.count(select).await, stored, "{select}");
    }
    let again = world.store.ingest_apart(&post).await.unwrap();
    assert_eq!((again.refused, again.new_notices.len()), (4, 0));
    assert_eq!(world.count("select count(*) from receipt").await, 19);
    world.close().await;
}

#[tokio::test]
async fn an_event_that_the_database_refuses_when_it_is_matched_later_keeps_no_other_from_it() {
    let world = World::new("refused_unmatched", None).await;
    let campaign = world.campaign(14).await;
    let mut early = Ingest::default();
    for seq in [12, 13, 14] {
        let mut receipt = world.receipt(campaign, seq, ReceiptStatus::Read);
        receipt.about.recipient = None;
        early.receipts.push(receipt);
    }
    assert_eq!(world.store.ingest(&early).await.unwrap().unmatched_events, 3);
    refuse_receipts_of_13(&world).await;
    let known = "insert into sent_message (sender_id, message_hash, campaign_id, seq, provider_message_id)
        select 1, message_hash('wamid.' || seq), 1, seq, 'wamid.' || seq from generate_series(12, 14) seq";
    world.look.execute(known, &[]).await.unwrap();
    world.look.execute("update unmatched_status set next_at = now()", &[]).await.unwrap();
    assert_eq!(world.store.match_again().await.unwrap().events, 3);
    assert_eq!(world.count("select sum(seq) from receipt").await, 12 + 14);
    assert_eq!(world.count("select count(*) from unmatched_status").await, 0);
    assert_eq!(world.count("select n from webhook_count where kind = 'refused_receipt'").await, 1);
    world.close().await;
}

#[tokio::test]
async fn a_missing_table_for_posts_of_today_is_a_temporary_error() {
    let world = World::new("refused_no_day", None).await;
    let campaign = world.campaign(1).await;
    let claim = world.granted(campaign, 1..=1).await;
    world.record(campaign, &claim, &accepted()).await;
    let detach = "do $$ declare t regclass; begin
        for t in select inhrelid::regclass from pg_inherits where inhparent = 'webhook_body'::regclass loop
            execute format('alter table webhook_body detach partition %s', t);
        end loop;
    end $$";
    world.look.batch_execute(detach).await.unwrap();
    let body = RawBody { sender: world.sender, digest: Uuid::from_u128(1), body: "{}".into() };
    let receipts = vec![world.receipt(campaign, 1, ReceiptStatus::Read)];
    let post = Ingest { bodies: vec![body], receipts, ..Ingest::default() };
    for error in
        [world.store.ingest(&post).await.unwrap_err(), world.store.ingest_apart(&post).await.unwrap_err()]
    {
        assert!(error.is_transient() && !error.is_of_a_row(), "{error}");
    }
    assert_eq!(world.count("select count(*) from receipt").await, 0, "it may be posted again");
    world.close().await;
}
