//! What is erased leaves nothing behind, and every count stays.

use std::time::Duration;

use campaign::{CampaignId, Consent, FollowUp, Msisdn, PriceList, ReceiptStatus, UserId};
use serde_json::json;
use store::{
    AnswerRow, ConsentRow, Error, InboundRow, Ingest, LeftOut, MessageKey, Person, RawBody, Rejection,
};
use uuid::Uuid;

use crate::world::{NOON, World, accepted, msisdn, origin, variables};

/// What belongs to the person, wherever it may lie: the number, the other number that WhatsApp writes, its id of the person, the
/// id of the message, the name and the answer.
const PLANTED: [&str; 6] =
    ["254712000000", "254799000009", "KE.planted-user", "wamid.1", "planted-name", "planted-answer"];

/// A campaign of two, to both of whom everything happened, the first with what is planted.
async fn everything(world: &World) -> CampaignId {
    let campaign = world.draft(0).await;
    let mut import = world.store.begin_import(campaign).await.unwrap();
    let (rows, stored) = tokio::sync::mpsc::channel(1);
    let planted = [("first_name", "planted-name")].into_iter().collect();
    rows.send(vec![(msisdn(0), planted), (msisdn(1), variables())]).await.unwrap();
    drop(rows);
    import.copy(stored).await.unwrap();
    let cell = "+254 712-000 000".into();
    let refused = vec![Rejection { line: 4, reason: "too_many_cells", column: None, cell }];
    let left_out = LeftOut { rejected: 1, ..LeftOut::default() };
    import.finish(&origin(), left_out, [refused].into_iter(), None).await.unwrap();
    world.store.start_campaign(campaign, "test").await.unwrap();
    let claim = world.granted(campaign, 1..=2).await;
    world.record(campaign, &claim, &accepted()).await;
    let ids = "update attempt set provider_message_id = 'wamid.' || seq, reason_text = 'wamid.' || seq";
    world.look.execute(ids, &[]).await.unwrap();
    let mut heard = Ingest::default();
    for seq in 1..=2_u32 {
        let about = world.about(campaign, seq.cast_signed());
        heard.receipts.push(world.receipt(campaign, seq.cast_signed(), ReceiptStatus::Read));
        heard.answers.push(AnswerRow {
            about,
            at: Some(NOON.parse().unwrap()),
            inbound_id: format!("wamid.{seq}.in"),
            answer: json!({ "says": if seq == 1 { "planted-answer" } else { "fine" } }),
            from: None,
        });
        let inbound = InboundRow { who: world.person(msisdn(seq - 1)), at: None };
        heard.inbounds.push(inbound.clone());
        heard.consents.push(ConsentRow { inbound, consent: Consent::OptedIn, is_by_provider: false });
        let body =
            format!("{{\"from\":\"{}\",\"id\":\"wamid.{seq}\"}}", msisdn(seq - 1).digits()).into_bytes();
        heard.bodies.push(RawBody { sender: world.sender, digest: Uuid::new_v4(), body: body.into() });
    }
    let mut lost = world.receipt(campaign, 1, ReceiptStatus::Failed);
    lost.about.recipient = None;
    lost.about.message_id = Some("other-254712000000".into());
    lost.follow_up = Some(FollowUp::NotDelivered);
    heard.receipts.push(lost);
    world.store.ingest(&heard).await.unwrap();
    let who = Person {
        about: MessageKey { recipient: None, ..world.about(campaign, 1) },
        from: Msisdn::from_digits(254_799_000_009),
        user: UserId::new("KE.planted-user"),
    };
    let body = br#"{"from":"254799000009"}"#.to_vec();
    let body = RawBody { sender: world.sender, digest: Uuid::new_v4(), body: body.into() };
    let mut lost = stop_to_nobody(&who);
    lost.bodies.push(body);
    lost.inbounds.push(InboundRow { who, at: None });
    world.store.ingest(&lost).await.unwrap();
    campaign
}

/// An opt-out of this person that replies to a message nobody knows.
fn stop_to_nobody(who: &Person) -> Ingest {
    let about = MessageKey { message_id: Some("of-another-system".into()), ..who.about.clone() };
    let inbound = InboundRow { who: Person { about, ..who.clone() }, at: None };
    let consent = ConsentRow { inbound, consent: Consent::OptedOut, is_by_provider: false };
    Ingest { consents: vec![consent], ..Ingest::default() }
}

/// Every table in which one of these texts stands, in any column.
async fn leftovers(world: &World, texts: &[&str]) -> Vec<String> {
    let tables = "
        select c.oid::regclass::text from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' order by 1";
    let mut found = Vec::new();
    for table in world.look.query(tables, &[]).await.unwrap() {
        let table: &str = table.get(0);
        // A row as text shows bytes in hexadecimal, so these are looked through as they are as well.
        for text in texts {
            let select = format!(
                "select count(*) from {table} t
                 where t::text like '%{text}%' or t::text like '%' || encode(convert_to('{text}', 'UTF8'), 'hex') || '%'"
            );
            if world.count(&select).await > 0 {
                found.push(format!("{text} in {table}"));
            }
        }
    }
    found
}

#[tokio::test]
async fn an_erased_number_is_in_no_table_but_among_those_who_must_not_be_written_to() {
    let world = World::new("erase_number", None).await;
    let campaign = everything(&world).await;
    let found = leftovers(&world, &PLANTED).await;
    assert!(found.len() >= 14, "the search finds what is there: {found:?}");
    let before = world.store.report(campaign).await.unwrap();
    let suppress = "insert into suppression (msisdn, reason) values (254712000000, 'operator')";
    world.look.execute(suppress, &[]).await.unwrap();
    assert_eq!(world.store.erase_number(msisdn(0)).await.unwrap(), 1);
    let kept = ["254712000000 in suppression", "254799000009 in suppression"];
    assert_eq!(leftovers(&world, &PLANTED).await, kept);
    assert!(!leftovers(&world, &["254712000001"]).await.is_empty(), "the others stay");
    let after = world.store.report(campaign).await.unwrap();
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
    assert!(world.miscounts().await.is_empty());
    world.close().await;
}

#[tokio::test]
async fn an_erased_recipient_that_waits_is_skipped_and_a_recipient_that_is_sending_is_not_erased() {
    let world = World::new("erase_waiting", None).await;
    let campaign = world.campaign(2).await;
    let claim = world.granted(campaign, 1..=1).await;
    let error = world.store.erase_number(msisdn(0)).await.unwrap_err();
    assert!(matches!(error, Error::Conflict(_)) && !error.to_string().contains("254"), "{error}");
    world.record(campaign, &claim, &accepted()).await;
    world.store.erase_number(msisdn(1)).await.unwrap();
    assert_eq!(world.row(campaign, 2).await, ("skipped".into(), 0, Some("erased".into())));
    assert!(world.miscounts().await.is_empty());
    world.close().await;
}

#[tokio::test]
async fn recipients_can_be_claimed_while_an_erasure_reads_what_providers_posted() {
    let world = World::new("erase_beside_claims", None).await;
    let campaign = world.campaign(3).await;
    // The bodies cannot be read for now, so the erasure stands at that step.
    world.look.batch_execute("begin; lock table webhook_body in access exclusive mode").await.unwrap();
    let store = world.store.clone();
    let erasing = tokio::spawn(async move { store.erase_number(msisdn(0)).await });
    let (other, connection) =
        tokio_postgres::connect(world.scope.database_url(), tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let waits =
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%webhook_body%'
        and datname = current_database()";
    while other.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        assert!(!erasing.is_finished(), "the erasure did not wait for the bodies");
    }
    let claim = world.granted(campaign, 1..=3).await;
    assert_eq!(claim.rows.len(), 3);
    world.record(campaign, &claim, &accepted()).await;
    world.look.batch_execute("rollback").await.unwrap();
    assert_eq!(erasing.await.unwrap().unwrap(), 1);
    assert_eq!(world.count("select count(*) from recipient where msisdn > 0").await, 2);
    world.close().await;
}

#[tokio::test]
async fn retention_erases_recipients_of_campaigns_that_ended_long_ago_and_keeps_the_counts() {
    let world = World::new("erase_campaigns", None).await;
    let old = everything(&world).await;
    assert!(world.store.finish_if_done(old).await.unwrap());
    let month = Duration::from_hours(30 * 24);
    assert_eq!(world.store.erase_campaigns(month).await.unwrap(), []);
    let age = "update campaign set finished_at = now() - interval '31 days'";
    world.look.execute(age, &[]).await.unwrap();
    let before = world.store.report(old).await.unwrap();
    assert_eq!(world.store.erase_campaigns(month).await.unwrap(), [old]);
    assert_eq!(world.store.erase_campaigns(month).await.unwrap(), []);
    let personal = ["planted-name", "planted-answer", "\"fine\"", "Nakuru"];
    assert_eq!(leftovers(&world, &personal).await, Vec::<String>::new());
    let known = "select (select count(*) from known_user) + (select count(*) from number_alias)";
    assert_eq!(world.count(known).await, 2, "they were seen since");
    assert_eq!(world.count("select count(*) from recipient where msisdn > 0").await, 0);
    let after = world.store.report(old).await.unwrap();
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
    assert!(world.miscounts().await.is_empty());
    assert!(world.store.list_columns(old).await.is_err());
    assert!(
        world.store.resend(old, (store::ResendClass::Failed, None), ("anna", "test"), None).await.is_err()
    );
    world.close().await;
}

#[tokio::test]
async fn an_archived_campaign_has_no_rows_and_keeps_its_counts() {
    let world = World::new("archive", None).await;
    let prices = PriceList::parse("calling_code,price\n254,0.5\n", "KES".parse().unwrap()).unwrap();
    world.store.set_prices(world.sender, &prices).await.unwrap();
    let (old, other) = (everything(&world).await, world.campaign(3).await);
    assert!(matches!(world.store.archive_campaign(old, |_, _| {}).await.unwrap_err(), Error::Conflict(_)));
    assert!(world.store.finish_if_done(old).await.unwrap());
    let before = world.store.report(old).await.unwrap();
    assert!(before.cost_estimated.is_some_and(|cost| !cost.is_zero()), "{before:?}");
    world.store.archive_campaign(old, |_, _| {}).await.unwrap();
    world.store.archive_campaign(old, |_, _| {}).await.unwrap();
    for table in ["recipient", "recipient_number", "attempt", "receipt", "flow_answer"] {
        let rows = format!("select count(*) from {table} where campaign_id = {old}");
        assert_eq!(world.count(&rows).await, 0, "{table}");
    }
    let after = world.store.report(old).await.unwrap();
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
    assert!(world.miscounts().await.is_empty());
    world.granted(other, 1..=3).await;
    world.close().await;
}

/// How often something was counted for the sender of the test, by kind.
async fn counted(world: &World) -> Vec<(String, i64)> {
    let select = "select kind, n from webhook_count order by kind";
    world.look.query(select, &[]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// A receipt, an answer and a failure of recipient 1, with what is planted.
fn late(world: &World, campaign: CampaignId) -> Ingest {
    let mut failed = world.receipt(campaign, 1, ReceiptStatus::Failed);
    failed.follow_up = Some(FollowUp::Suppress);
    Ingest {
        receipts: vec![world.receipt(campaign, 1, ReceiptStatus::Read), failed],
        answers: vec![AnswerRow {
            about: world.about(campaign, 1),
            at: None,
            inbound_id: "wamid.1.late".into(),
            answer: json!({ "says": "planted-answer" }),
            from: None,
        }],
        ..Ingest::default()
    }
}

#[tokio::test]
async fn receipts_of_an_archived_campaign_are_counted_and_do_not_fail_those_of_another() {
    let world = World::new("archive_late", None).await;
    let (old, other) = (everything(&world).await, world.campaign(3).await);
    world.store.ingest(&Ingest { answers: late(&world, other).answers, ..Ingest::default() }).await.unwrap();
    assert!(world.store.finish_if_done(old).await.unwrap());
    world.store.archive_campaign(old, |_, _| {}).await.unwrap();
    let before = world.store.report(old).await.unwrap();
    let mut post = late(&world, old);
    post.receipts.extend((1..=3).map(|seq| world.receipt(other, seq, ReceiptStatus::Read)));
    let ingested = world.store.ingest(&post).await.unwrap();
    assert_eq!(ingested.to_resolve, [other]);
    assert_eq!(world.count("select count(read_at) from receipt").await, 3);
    let after = world.store.report(old).await.unwrap();
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
    let dropped = [("answer_of_archived_campaign".into(), 1), ("receipt_of_archived_campaign".into(), 2)];
    assert_eq!(counted(&world).await, dropped);
    world.close().await;
}

#[tokio::test]
async fn what_comes_late_of_an_erased_campaign_changes_no_count_and_leaves_nothing_personal() {
    let world = World::new("erase_late", None).await;
    let old = everything(&world).await;
    assert!(world.store.finish_if_done(old).await.unwrap());
    assert_eq!(world.store.erase_campaigns(Duration::ZERO).await.unwrap(), [old]);
    world
        .look
        .batch_execute(
            "truncate webhook_body, unmatched_status, conversation, known_user, number_alias, suppression",
        )
        .await
        .unwrap();
    let before = world.store.report(old).await.unwrap();
    world.store.ingest(&late(&world, old)).await.unwrap();
    assert_eq!(leftovers(&world, &PLANTED).await, Vec::<String>::new());
    let after = world.store.report(old).await.unwrap();
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
    let dropped = [("answer_of_erased_campaign".into(), 1), ("receipt_of_erased_campaign".into(), 2)];
    assert_eq!(counted(&world).await, dropped);
    world.close().await;
}

#[tokio::test]
async fn what_comes_late_of_an_erased_number_is_counted_without_anything_personal() {
    let world = World::new("erase_number_late", None).await;
    let campaign = world.campaign(2).await;
    let claim = world.granted(campaign, 1..=2).await;
    world.record(campaign, &claim, &accepted()).await;
    world.store.erase_number(msisdn(0)).await.unwrap();
    let mut post = late(&world, campaign);
    post.answers.push(AnswerRow { about: world.about(campaign, 2), ..post.answers[0].clone() });
    world.store.ingest(&post).await.unwrap();
    assert_eq!(world.count("select count(read_at) from receipt where seq = 1").await, 1);
    assert_eq!(world.count("select count(*) from flow_answer where seq = 2").await, 1);
    world.look.batch_execute("delete from flow_answer where seq = 2").await.unwrap();
    assert_eq!(leftovers(&world, &PLANTED).await, Vec::<String>::new());
    assert_eq!(counted(&world).await, [("answer_of_erased_recipient".into(), 1)]);
    world.close().await;
}
