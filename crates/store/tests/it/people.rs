//! One person under several numbers and ids: what they say counts for the recipient, however WhatsApp writes them.

use campaign::{CampaignId, Consent, Msisdn, ReceiptStatus, Seq, UserId};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use store::{
    AnswerRow, ConsentRow, InboundRow, Ingest, MessageKey, Person, RecordedOutcome, RequestRecord,
    SuppressionReason,
};

use crate::world::{NOON, World, accepted};

/// Numbers as a list has them, and as WhatsApp writes the same people.
const SPELLED: [(u64, u64); 4] = [
    (525_512_345_678, 5_215_512_345_678),
    (541_123_456_789, 5_491_123_456_789),
    (5_531_996_883_193, 553_196_883_193),
    (254_712_000_801, 254_712_000_801),
];
/// Two numbers that no rule of spelling leads from one to the other.
pub(crate) const LISTED: u64 = 254_712_000_901;
pub(crate) const WRITTEN: u64 = 254_799_000_902;

pub(crate) fn number(digits: u64) -> Msisdn {
    Msisdn::from_digits(digits).unwrap()
}

pub(crate) fn noon() -> Timestamp {
    NOON.parse().unwrap()
}

pub(crate) fn user(id: &str) -> Option<UserId> {
    UserId::new(id)
}

/// A running campaign with these numbers.
pub(crate) async fn campaign(world: &World, numbers: impl IntoIterator<Item = u64>) -> CampaignId {
    let id = world.draft(0).await;
    world.import_numbers(id, numbers.into_iter().map(number)).await;
    world.store.start_campaign(id, "test").await.unwrap();
    id
}

/// Who replies to the message with this id, or to none.
pub(crate) fn replies(
    world: &World,
    message_id: Option<&str>,
    from: Option<u64>,
    id: Option<UserId>,
) -> Person {
    let about =
        MessageKey { sender: world.sender, recipient: None, message_id: message_id.map(str::to_owned) };
    Person { about, from: from.map(number), user: id }
}

pub(crate) fn stop(who: Person) -> Ingest {
    let inbound = InboundRow { who, at: Some(noon()) };
    let consent = ConsentRow { inbound: inbound.clone(), consent: Consent::OptedOut, is_by_provider: false };
    Ingest { inbounds: vec![inbound], consents: vec![consent], ..Ingest::default() }
}

/// A receipt of a message with its id, by which the message becomes known.
async fn told_of(world: &World, campaign: CampaignId, seq: i32, id: Option<UserId>) {
    let mut receipt = world.receipt(campaign, seq, ReceiptStatus::Sent);
    receipt.user = id;
    world.store.ingest(&Ingest { receipts: vec![receipt], ..Ingest::default() }).await.unwrap();
}

/// The places of a campaign that a claim of all takes.
pub(crate) async fn claimed(world: &World, campaign: CampaignId, last: i32) -> Vec<i32> {
    match world.claim(campaign, 1..=last).await {
        store::ClaimAnswer::Granted(claim) => claim.rows.iter().map(|row| row.seq.0).collect(),
        store::ClaimAnswer::Refused(_) => Vec::new(),
    }
}

pub(crate) async fn suppressed(world: &World) -> Vec<i64> {
    let rows = world.look.query("select msisdn from suppression order by 1", &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn unmatched(world: &World) -> (i64, i64) {
    let select = "select coalesce(sum(unmatched), 0)::bigint, coalesce(sum(waiting), 0)::bigint from report.unmatched_opt_out";
    let row = world.look.query_one(select, &[]).await.unwrap();
    (row.get(0), row.get(1))
}

#[tokio::test]
async fn an_opt_out_that_replies_to_our_message_suppresses_its_recipient_whatever_number_whatsapp_writes() {
    let world = World::new("people_context", None).await;
    let first = campaign(&world, SPELLED.map(|(listed, _)| listed).into_iter().chain([LISTED])).await;
    for seq in 1..=5 {
        told_of(&world, first, seq, None).await;
    }
    let written = SPELLED.map(|(_, written)| written).into_iter().chain([WRITTEN]);
    for (place, from) in (1..).zip(written.clone()) {
        let context = format!("wamid.{place}");
        let post = stop(replies(&world, Some(&context), Some(from), None));
        assert!(world.store.ingest(&post).await.unwrap().unmatched_opt_outs.is_empty());
    }
    let listed = suppressed(&world).await;
    for digits in SPELLED.iter().flat_map(|(one, other)| [*one, *other]).chain([LISTED, WRITTEN]) {
        assert!(listed.contains(&digits.cast_signed()), "{digits} may be written to: {listed:?}");
    }
    // The next campaign has the list's numbers, and one after it those that WhatsApp writes.
    let second = campaign(&world, SPELLED.map(|(listed, _)| listed).into_iter().chain([LISTED])).await;
    assert_eq!(claimed(&world, second, 5).await, Vec::<i32>::new());
    let third = campaign(&world, written).await;
    assert_eq!(claimed(&world, third, 5).await, Vec::<i32>::new());
    world.close().await;
}

#[tokio::test]
async fn an_opt_out_without_a_message_counts_for_every_spelling_and_an_opt_in_lifts_all_of_them() {
    let world = World::new("people_spelling", None).await;
    for (_, written) in SPELLED {
        world.store.ingest(&stop(replies(&world, None, Some(written), None))).await.unwrap();
    }
    let next = campaign(&world, SPELLED.map(|(listed, _)| listed)).await;
    assert_eq!(claimed(&world, next, 4).await, Vec::<i32>::new());
    for (listed, _) in SPELLED {
        let who = replies(&world, None, Some(listed), None);
        let inbound = InboundRow { who, at: Some(noon() + SignedDuration::from_mins(1)) };
        let consents = vec![ConsentRow { inbound, consent: Consent::OptedIn, is_by_provider: false }];
        world.store.ingest(&Ingest { consents, ..Ingest::default() }).await.unwrap();
    }
    assert_eq!(suppressed(&world).await, Vec::<i64>::new());
    world.close().await;
}

#[tokio::test]
async fn an_operator_suppresses_and_lifts_a_person_under_every_spelling() {
    let world = World::new("people_operator", None).await;
    let listed = SPELLED.map(|(listed, _)| number(listed));
    let added = world.store.suppress(listed.into_iter(), None, SuppressionReason::Operator).await.unwrap();
    assert_eq!(added, 4, "numbers that were named");
    let next = campaign(&world, SPELLED.map(|(_, written)| written)).await;
    assert_eq!(claimed(&world, next, 4).await, Vec::<i32>::new());
    for (_, written) in SPELLED {
        assert!(world.store.unsuppress(number(written), None).await.unwrap());
    }
    assert_eq!(suppressed(&world).await, Vec::<i64>::new());
    world.close().await;
}

#[tokio::test]
async fn a_reply_opens_the_window_of_the_recipient_whose_message_it_answers() {
    let world = World::new("people_window", None).await;
    let first = campaign(&world, SPELLED.map(|(listed, _)| listed).into_iter().chain([LISTED])).await;
    let now = world.now().await;
    let written = SPELLED.map(|(_, written)| written).into_iter().chain([WRITTEN]);
    for (place, from) in (1..).zip(written) {
        told_of(&world, first, place, None).await;
        let who = replies(&world, Some(&format!("wamid.{place}")), Some(from), None);
        let inbounds = vec![InboundRow { who, at: Some(now) }];
        world.store.ingest(&Ingest { inbounds, ..Ingest::default() }).await.unwrap();
    }
    let second = campaign(&world, SPELLED.map(|(listed, _)| listed).into_iter().chain([LISTED])).await;
    let claim = world.granted(second, 1..=5).await;
    let open = claim.rows.iter().filter(|row| row.window == campaign::Window::Open).count();
    assert_eq!(open, 5);
    world.close().await;
}

#[tokio::test]
async fn an_opt_out_that_comes_before_its_message_is_on_record_is_carried_out_when_it_is() {
    let world = World::new("people_early", None).await;
    let first = campaign(&world, [LISTED, SPELLED[0].0]).await;
    let early = [
        stop(replies(&world, Some("wamid.1"), Some(WRITTEN), None)),
        stop(replies(&world, Some("wamid.2"), None, user("MX.77"))),
    ];
    for post in early {
        let ingested = world.store.ingest(&post).await.unwrap();
        let n = ingested.unmatched_opt_outs.values().sum::<i64>();
        assert_eq!(n, i64::from(post.consents[0].inbound.who.from.is_none()), "counted and told");
    }
    assert_eq!(suppressed(&world).await, [WRITTEN.cast_signed()]);
    assert_eq!(unmatched(&world).await, (1, 2), "one under its id and one with its message");
    for seq in 1..=2 {
        told_of(&world, first, seq, None).await;
    }
    world.look.execute("update unmatched_status set next_at = now()", &[]).await.unwrap();
    assert_eq!(world.store.match_again().await.unwrap().events, 3, "two consents and one window");
    let second = campaign(&world, [LISTED, SPELLED[0].0, SPELLED[0].1]).await;
    assert_eq!(claimed(&world, second, 3).await, Vec::<i32>::new());
    assert_eq!(world.count("select count(*) from unmatched_status").await, 0);
    assert_eq!(unmatched(&world).await, (1, 0));
    let window =
        "select count(*) from conversation where msisdn = 525512345678 and last_inbound_at is not null";
    assert_eq!(world.count(window).await, 1);
    world.close().await;
}

#[tokio::test]
async fn an_opt_out_by_an_id_alone_is_matched_by_message_or_by_the_stored_id() {
    let world = World::new("people_ids", None).await;
    let first = campaign(&world, [254_712_000_801, 254_712_000_802, 254_712_000_803]).await;
    told_of(&world, first, 1, None).await;
    told_of(&world, first, 2, user("KE.2")).await;
    told_of(&world, first, 3, None).await;
    // By the message, by the id that a receipt brought, and by the id that a reply with a number brought.
    world.store.ingest(&stop(replies(&world, Some("wamid.1"), None, user("KE.1")))).await.unwrap();
    world.store.ingest(&stop(replies(&world, None, None, user("KE.2")))).await.unwrap();
    let who = replies(&world, None, Some(254_712_000_803), user("KE.3"));
    let inbounds = vec![InboundRow { who, at: Some(noon()) }];
    world.store.ingest(&Ingest { inbounds, ..Ingest::default() }).await.unwrap();
    let ingested = world.store.ingest(&stop(replies(&world, None, None, user("KE.3")))).await.unwrap();
    assert!(ingested.unmatched_opt_outs.is_empty());
    assert_eq!(suppressed(&world).await, [254_712_000_801, 254_712_000_802, 254_712_000_803]);
    assert_eq!(unmatched(&world).await, (0, 0));
    world.close().await;
}

#[tokio::test]
async fn an_opt_out_by_an_id_that_is_not_known_is_counted_and_carried_out_when_it_is() {
    let world = World::new("people_waiting", None).await;
    let ingested = world.store.ingest(&stop(replies(&world, None, None, user("KE.9")))).await.unwrap();
    assert_eq!(ingested.unmatched_opt_outs.values().sum::<i64>(), 1);
    world.store.ingest(&stop(replies(&world, None, None, None))).await.unwrap();
    assert_eq!(unmatched(&world).await, (2, 1), "of one without an id nothing can be kept");
    let first = campaign(&world, [254_712_000_801]).await;
    told_of(&world, first, 1, user("KE.9")).await;
    assert_eq!(suppressed(&world).await, [254_712_000_801]);
    assert_eq!(unmatched(&world).await, (2, 0));
    world.close().await;
}

#[tokio::test]
async fn the_number_that_an_answer_to_a_request_says_is_an_alias_of_the_recipients() {
    let world = World::new("people_answer", None).await;
    let first = campaign(&world, [LISTED]).await;
    let claim = world.granted(first, 1..=1).await;
    // Somebody suppressed the other number before anybody knew.
    world.store.suppress([number(WRITTEN)].into_iter(), None, SuppressionReason::Operator).await.unwrap();
    let outcome = RecordedOutcome {
        claim: claim.id,
        seq: Seq(1),
        outcome: accepted(),
        request: Some(RequestRecord {
            sent_at: claim.at,
            latency: std::time::Duration::from_millis(3),
            http_status: Some(200),
            wa_id: Some(number(WRITTEN)),
            window_closed: false,
        }),
    };
    world.store.record(world.sender, first, &[outcome], &[claim.id]).await.unwrap();
    assert_eq!(world.row(first, 1).await.0, "accepted");
    assert_eq!(suppressed(&world).await, [LISTED.cast_signed(), WRITTEN.cast_signed()]);
    assert!(world.store.unsuppress(number(LISTED), None).await.unwrap());
    assert_eq!(suppressed(&world).await, Vec::<i64>::new());
    world.store.ingest(&stop(replies(&world, None, Some(WRITTEN), None))).await.unwrap();
    let second = campaign(&world, [LISTED]).await;
    assert_eq!(claimed(&world, second, 1).await, Vec::<i32>::new());
    world.close().await;
}

#[tokio::test]
async fn an_answer_from_another_number_than_the_recipients_is_flagged() {
    let world = World::new("people_answers", None).await;
    let first = campaign(&world, [LISTED, SPELLED[0].0, SPELLED[1].0, 254_712_000_804]).await;
    told_of(&world, first, 1, None).await;
    let answer = |seq: i32, message_id: Option<&str>, from: Option<u64>| AnswerRow {
        about: MessageKey {
            sender: world.sender,
            recipient: Some((first, Seq(seq))),
            message_id: message_id.map(str::to_owned),
        },
        at: Some(noon()),
        inbound_id: format!("in.{seq}.{}", from.unwrap_or(0)),
        answer: json!({"rating": 5}),
        from: from.map(number),
    };
    let answers = vec![
        // A reply to the message itself, the other spelling, no number, and another number with the recipient's token.
        answer(1, Some("wamid.1"), Some(WRITTEN)),
        answer(2, None, Some(SPELLED[0].1)),
        answer(3, None, None),
        answer(4, None, Some(254_712_000_999)),
        answer(4, None, Some(254_712_000_804)),
    ];
    world.store.ingest(&Ingest { answers, ..Ingest::default() }).await.unwrap();
    let flagged = "select inbound_id from report.flow_answer where from_other_number";
    let flagged: Vec<String> =
        world.look.query(flagged, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(flagged, ["in.4.254712000999"]);
    world.close().await;
}

#[tokio::test]
async fn two_servers_that_learn_the_same_people_at_once_lose_no_opt_out() {
    let world = World::new("people_two", None).await;
    let first = campaign(&world, 254_712_010_000..254_712_010_050).await;
    let known: Vec<_> = (1..=50).collect();
    for seq in &known {
        told_of(&world, first, *seq, None).await;
    }
    let server = async || {
        let mut order = known.clone();
        fastrand::shuffle(&mut order);
        for seqs in order.chunks(10) {
            let mut batch = Ingest::default();
            for seq in seqs {
                let from = 254_799_010_000 + u64::try_from(*seq).unwrap();
                let who =
                    replies(&world, Some(&format!("wamid.{seq}")), Some(from), user(&format!("KE.{seq}")));
                let post = stop(who);
                batch.inbounds.extend(post.inbounds);
                batch.consents.extend(post.consents);
            }
            world.store.ingest(&batch).await.unwrap();
        }
    };
    tokio::join!(server(), server(), server());
    assert_eq!(suppressed(&world).await.len(), 100, "under both numbers each");
    assert_eq!(world.count("select count(*) from number_alias where is_spread").await, 50);
    assert_eq!(world.count("select count(*) from known_user where msisdn is not null").await, 50);
    world.close().await;
}

#[tokio::test]
async fn the_migrations_rule_of_spelling_is_the_programs() {
    let world = World::new("people_rule", None).await;
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    let heads = [52, 521, 54, 549, 55, 225, 22501, 22505, 22507, 229, 22901, 49, 254];
    let numbers: Vec<i64> = (0..20_000)
        .filter_map(|_| {
            let rest: String = (0..random.usize(7..12)).map(|_| random.digit(10)).collect();
            format!("{}{rest}", heads[random.usize(..heads.len())]).parse().ok()
        })
        .filter(|digits| *digits < 1_000_000_000_000_000)
        .collect();
    let select = "select n, other_spelling(n) from unnest($1::bigint[]) n";
    for row in world.look.query(select, &[&numbers]).await.unwrap() {
        let (n, other): (i64, Option<i64>) = (row.get(0), row.get(1));
        let spelled = number(n.cast_unsigned()).spellings().nth(1).map(|other| other.digits().cast_signed());
        assert_eq!(other, spelled, "{n}, seed {seed}");
    }
    world.close().await;
}
