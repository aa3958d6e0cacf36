//! Readers who may not see numbers see none in the ids of a provider: Meta's ids hold the number in base64.

use std::time::Duration;

use campaign::{CampaignId, Outcome, ReceiptStatus, own_codes};
use serde_json::json;
use store::{AnswerRow, Claim, Ingest, MessageKey, ReceiptRow, RecordedOutcome, RequestRecord};
use tokio_postgres::Client;

use crate::reports::reader;
use crate::world::{NOON, World, msisdn, reason};

/// How many recipients are sent to; the last of them is unknown until its receipt comes.
const SENT: i32 = 5;

/// An id as Meta makes them. The number begins at each of the places that base64 has, by turns.
fn wamid(kind: u8, seq: i32) -> String {
    let mut bytes = vec![0x1c; seq.unsigned_abs() as usize];
    bytes.extend(msisdn(seq.unsigned_abs() - 1).to_string().trim_start_matches('+').bytes());
    bytes.extend([kind, 0x15, 2]);
    format!("wamid.{}", base64(&bytes))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().chain([0, 0].iter()).take(3).fold(0, |word, byte| word << 8 | usize::from(*byte));
        for place in 0..=chunk.len() {
            text.push(char::from(LETTERS[word >> (18 - 6 * place) & 63]));
        }
    }
    text + &"=".repeat((3 - bytes.len() % 3) % 3)
}

/// The bytes of a run of base64, from one of its letters on.
fn decoded(run: &[u8]) -> Vec<u8> {
    let (mut bytes, mut word, mut bits) = (Vec::new(), 0_u32, 0);
    for letter in run {
        let six = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' | b'-' => 62,
            _ => 63,
        };
        (word, bits) = (word << 6 | u32::from(six), bits + 6);
        if bits >= 8 {
            bits -= 8;
            bytes.push((word >> bits & 255) as u8);
        }
    }
    bytes
}

/// Whether the digits stand in the text: plain, in hexadecimal, or in any run of base64 at any of its places.
fn shows(text: &str, digits: &str) -> bool {
    // The hexadecimal of a digit is a 3 and the digit.
    let hex: String = digits.chars().flat_map(|digit| ['3', digit]).collect();
    let in_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
    let runs = text.as_bytes().split(|byte| !in_base64(byte)).filter(|run| run.len() >= 8);
    let coded = || {
        runs.flat_map(|run| (0..4).map(|skip| decoded(&run[skip..])))
            .any(|bytes| bytes.windows(digits.len()).any(|window| window == digits.as_bytes()))
    };
    text.contains(digits) || text.to_lowercase().contains(&hex) || coded()
}

/// A campaign in which every view has a row with something of the provider in it.
async fn sent(world: &World) -> CampaignId {
    let campaign = world.campaign(SENT as u32 + 1).await;
    let claim = world.granted(campaign, 1..=SENT).await;
    record(world, campaign, &claim).await;
    let about = |seq| MessageKey { message_id: Some(wamid(1, seq)), ..world.about(campaign, seq) };
    let receipts = (1..=SENT).map(|seq| {
        let status = if seq == 1 { ReceiptStatus::Failed } else { ReceiptStatus::Delivered };
        ReceiptRow { about: about(seq), ..world.receipt(campaign, seq, status) }
    });
    let answers = (1..=SENT).map(|seq| AnswerRow {
        about: about(seq),
        at: Some(NOON.parse().unwrap()),
        inbound_id: wamid(2, seq),
        answer: json!({"rating": 5}),
        from: None,
    });
    let ingest = Ingest { receipts: receipts.collect(), answers: answers.collect(), ..Ingest::default() };
    world.store.ingest(&ingest).await.unwrap();
    world.store.resolve_by_receipts(campaign).await.unwrap();
    assert_eq!(
        world.count("select count(*) from resolution where provider_message_id like 'wamid.%'").await,
        1
    );
    world.store.hold_sender(world.sender, "test").await.unwrap();
    campaign
}

async fn record(world: &World, campaign: CampaignId, claim: &Claim) {
    let outcomes: Vec<RecordedOutcome> = claim
        .rows
        .iter()
        .map(|row| RecordedOutcome {
            claim: claim.id,
            seq: row.seq,
            outcome: if row.seq.0 == SENT {
                Outcome::Unknown { reason: reason("timeout") }
            } else {
                Outcome::Accepted { provider_message_id: wamid(1, row.seq.0) }
            },
            request: Some(RequestRecord {
                sent_at: claim.at,
                latency: Duration::from_millis(3),
                http_status: Some(200),
                wa_id: None,
                window_closed: false,
            }),
        })
        .collect();
    world.store.record(world.sender, campaign, &outcomes, &[claim.id]).await.unwrap();
}

/// The views and columns in which a reader finds a number of the campaign.
async fn found_by(reads: &Client, world: &World) -> Vec<String> {
    let mut found = Vec::new();
    let views = "
        select c.relname::text, a.attname::text from pg_class c join pg_attribute a on a.attrelid = c.oid
        where c.relnamespace = 'report'::regnamespace and c.relkind = 'v' and a.attnum > 0 order by 1, a.attnum";
    for row in world.look.query(views, &[]).await.unwrap() {
        let (view, column): (&str, &str) = (row.get(0), row.get(1));
        let select = format!("select \"{column}\"::text from report.{view}");
        let cells = reads.query(&select, &[]).await.unwrap();
        let cells: Vec<&str> = cells.iter().filter_map(|row| row.get(0)).collect();
        let digits = |n| msisdn(n).to_string().trim_start_matches('+').to_owned();
        if (0..=SENT as u32).map(digits).any(|digits| cells.iter().any(|cell| shows(cell, &digits))) {
            found.push(format!("{view}.{column}"));
        }
    }
    found
}

#[test]
fn the_search_finds_a_number_in_plain_hexadecimal_and_base64_at_any_place() {
    let digits = "254712000001";
    for text in ["+254712000001", "wa 323534373132303030303031", "323534373132303030303031AB"] {
        assert!(shows(text, digits), "{text}");
    }
    for before in 0..7 {
        let coded = base64(format!("{}{digits}x", "a".repeat(before)).as_bytes());
        assert!(shows(&format!("wamid.{coded}"), digits), "{coded}");
        assert!(shows(&format!("{}{coded}", "A".repeat(before)), digits), "{coded} behind {before} letters");
    }
    assert!(!shows("254*******01 h:323534373132303030303032", digits));
}

#[tokio::test]
async fn no_column_of_any_view_shows_a_number_to_readers_who_may_not_see_it() {
    let world = World::new("report_leaks", None).await;
    sent(&world).await;
    let reads = reader(&world, "flowcast_report", "masked").await;
    assert_eq!(found_by(&reads, &world).await, Vec::<String>::new());
    let reads = reader(&world, "flowcast_report_numbers", "numbers").await;
    let expected = [
        "attempt.provider_message_id",
        "flow_answer.inbound_id",
        "recipient.number",
        "recipient.provider_message_id",
        "resolution.provider_message_id",
    ];
    assert_eq!(found_by(&reads, &world).await, expected);
    drop(reads);
    world.close().await;
}

#[tokio::test]
async fn hashed_ids_join_the_views_and_differ_between_databases() {
    let world = World::new("report_joins", None).await;
    let other = World::new("report_other_key", None).await;
    let select = "
        select min(r.provider_message_id) from report.recipient r
        join report.attempt a using (campaign_id, seq, provider_message_id)
        where provider_message_id ~ '^h:[0-9a-f]{32}$' having count(*) = 4";
    let mut ids = Vec::new();
    for world in [&world, &other] {
        sent(world).await;
        let reads = reader(world, "flowcast_report", "joins").await;
        ids.push(reads.query_one(select, &[]).await.unwrap().get::<_, String>(0));
        let resolved = "select count(*) from report.resolution s join report.recipient r using (campaign_id, seq, provider_message_id)";
        assert_eq!(reads.query_one(resolved, &[]).await.unwrap().get::<_, i64>(0), 1);
    }
    assert_ne!(ids[0], ids[1]);
    world.close().await;
    other.close().await;
}

#[tokio::test]
async fn a_message_is_looked_up_by_its_id_or_hash_by_readers_who_see_numbers_only() {
    let world = World::new("report_find", None).await;
    let campaign = sent(&world).await;
    let masked = reader(&world, "flowcast_report", "masked").await;
    let numbers = reader(&world, "flowcast_report_numbers", "numbers").await;
    let find = "select campaign_id, seq from report.find_message($1, $2)";
    let hash = "select provider_message_id from report.attempt where seq = 3";
    let hash: String = masked.query_one(hash, &[]).await.unwrap().get(0);
    for (id, within) in [(wamid(1, 3), None), (wamid(1, 3), Some(campaign.0)), (hash, Some(campaign.0))] {
        let row = numbers.query_one(find, &[&id, &within]).await.unwrap();
        assert_eq!((row.get::<_, i64>(0), row.get::<_, i32>(1)), (campaign.0, 3), "{id} {within:?}");
    }
    assert!(numbers.query(find, &[&"wamid.none", &Some(campaign.0)]).await.unwrap().is_empty());
    let denied = masked.query(find, &[&wamid(1, 3), &None::<i64>]).await.unwrap_err();
    assert_eq!(denied.code().map(tokio_postgres::error::SqlState::code), Some("42501"));
    assert!(masked.query("select report_key from installation", &[]).await.is_err());
    drop((masked, numbers));
    world.close().await;
}

#[tokio::test]
async fn one_campaign_of_a_view_with_ids_is_read_by_index() {
    let world = World::new("report_plans", None).await;
    let campaign = sent(&world).await;
    world.campaign(3).await;
    world
        .look
        .batch_execute("set jit = off; set enable_seqscan = off; set role flowcast_report")
        .await
        .unwrap();
    for view in ["recipient", "attempt", "flow_answer", "resolution"] {
        let explain =
            format!("explain select * from report.{view} where campaign_id = {campaign} and seq = 2");
        let plan = world.look.query(&explain, &[]).await.unwrap();
        let plan: Vec<&str> = plan.iter().map(|row| row.get(0)).collect();
        // Other campaigns are left out by the plan, or when the statement begins.
        assert!(plan[0].contains("Index") && !plan[0].contains("_c2"), "{view}: {}", plan[0]);
        assert!(!plan.iter().any(|line| line.contains(&format!("Seq Scan on {view}"))), "{view}: {plan:?}");
    }
    world.close().await;
}

#[tokio::test]
async fn every_code_of_our_own_has_the_same_text_in_reports_as_in_rust() {
    let world = World::new("report_codes", None).await;
    for (code, text) in own_codes() {
        let row = world.look.query_one("select reason_words($1)", &[&code]).await.unwrap();
        assert_eq!(row.get::<_, Option<&str>>(0), Some(text), "{code}");
    }
    world.close().await;
}
