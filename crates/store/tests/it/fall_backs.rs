//! Closed windows that a provider reports: the next message is the template, and no recipient gets two messages.

use campaign::{CampaignId, Outcome, ReceiptStatus, Seq, Window};
use store::{Claim, InboundRow, Ingest, ReceiptRow, RecordedOutcome, RequestRecord};

use crate::world::{World, accepted, given_back, msisdn, reason, seeds};

const TEMPLATE: &str = "[template]\nname = \"t\"\nlanguage = \"en\"\nbody = [\"{{ first_name }}\"]\n";

/// A running campaign with a flow and a template.
async fn campaign_of(world: &World, policy: &str, recipients: u32) -> CampaignId {
    world.campaign_with(&format!("{policy}\n{TEMPLATE}"), recipients).await
}

/// The receipt of a flow that met a closed window.
async fn closed(world: &World, campaign: CampaignId, seq: i32) -> ReceiptRow {
    let mut receipt = world.receipt(campaign, seq, ReceiptStatus::Failed);
    receipt.at = Some(world.now().await);
    receipt.code = Some("131047".into());
    receipt.window_closed = true;
    receipt
}

async fn told(world: &World, receipts: Vec<ReceiptRow>) -> Vec<CampaignId> {
    world.store.ingest(&Ingest { receipts, ..Ingest::default() }).await.unwrap().to_fall_back
}

/// Records that the provider refused every message of a claim because the window is closed.
async fn refused(world: &World, campaign: CampaignId, claim: &Claim, outcome: &Outcome) {
    let outcomes: Vec<RecordedOutcome> = claim
        .rows
        .iter()
        .map(|row| RecordedOutcome {
            claim: claim.id,
            seq: row.seq,
            outcome: outcome.clone(),
            request: Some(RequestRecord {
                sent_at: claim.at,
                latency: std::time::Duration::from_millis(3),
                http_status: Some(400),
                wa_id: None,
                window_closed: true,
            }),
        })
        .collect();
    world.store.record(world.sender, campaign, &outcomes, &[claim.id]).await.unwrap();
}

fn fall_back() -> Outcome {
    Outcome::FallBack { counted: true, reason: reason("131047") }
}

#[tokio::test]
async fn an_answer_about_a_closed_window_leads_to_a_claim_for_the_template() {
    let world = World::new("fall_back_answer", None).await;
    let campaign = campaign_of(&world, "", 2).await;
    let claim = world.granted(campaign, 1..=1).await;
    assert_eq!(claim.rows[0].window, Window::Unheard);
    refused(&world, campaign, &claim, &fall_back()).await;
    assert_eq!(world.row(campaign, 1).await, ("retry".into(), 1, Some("131047".into())));
    let first = world.granted(campaign, 2..=2).await;
    let next = world.granted(campaign, 1..=1).await;
    let windows = [&next, &first].map(|claim| (claim.rows[0].attempt, claim.rows[0].window));
    assert_eq!(windows, [(2, Window::Closed), (1, Window::Unheard)]);
    world.record(campaign, &next, &accepted()).await;
    assert_eq!(world.row(campaign, 1).await, ("accepted".into(), 2, None));
    assert_eq!(world.miscounts().await, []);
    world.close().await;
}

#[tokio::test]
async fn the_next_campaign_knows_the_closed_window_until_the_person_writes_or_a_day_is_over() {
    let world = World::new("fall_back_next", None).await;
    let first = world.campaign(4).await;
    let claim = world.granted(first, 1..=4).await;
    refused(&world, first, &claim, &Outcome::Failed { reason: reason("131047") }).await;
    let age =
        "update conversation set window_closed_at = window_closed_at - interval '25 hours' where msisdn = $1";
    let number = |n: u32| i64::try_from(msisdn(n).digits()).unwrap();
    world.look.execute(age, &[&number(1)]).await.unwrap();
    let heard = |n, at| InboundRow { who: world.person(msisdn(n)), at: Some(at) };
    let now = world.now().await;
    let before = claim.at.checked_sub(jiff::SignedDuration::from_secs(5)).unwrap();
    let inbounds = vec![heard(2, now), heard(3, before)];
    world.store.ingest(&Ingest { inbounds, ..Ingest::default() }).await.unwrap();
    let second = world.campaign(4).await;
    let claim = world.granted(second, 1..=4).await;
    let windows: Vec<_> = claim.rows.iter().map(|row| (row.seq.0, row.window)).collect();
    assert_eq!(windows, [(2, Window::Unheard), (3, Window::Open)]);
    for seq in [1, 4] {
        let row = world.row(second, seq).await;
        assert_eq!(row, ("skipped".into(), 0, Some("window_closed".into())), "{seq}");
    }
    world.close().await;
}

#[tokio::test]
async fn a_receipt_about_a_closed_window_makes_the_recipient_due_for_the_template_once() {
    let world = World::new("fall_back_receipt", None).await;
    let campaign = campaign_of(&world, "", 2).await;
    let claim = world.granted(campaign, 1..=2).await;
    world.record(campaign, &claim, &accepted()).await;
    let sent = world.receipt(campaign, 1, ReceiptStatus::Sent);
    let failed = closed(&world, campaign, 1).await;
    assert_eq!(told(&world, vec![sent.clone(), failed.clone()]).await, [campaign]);
    assert_eq!(world.store.fall_back(campaign).await.unwrap(), 1);
    assert_eq!(world.row(campaign, 1).await, ("retry".into(), 1, Some("template_next".into())));
    // The receipts of the flow come again before the template leaves, and after it.
    told(&world, vec![sent.clone(), failed.clone()]).await;
    assert_eq!(world.store.fall_back(campaign).await.unwrap(), 0);
    assert_eq!(world.store.resolve_by_receipts(campaign).await.unwrap(), 0);
    assert_eq!(world.row(campaign, 1).await.0, "retry");
    // The template misses its slot, and the recipient waits again.
    let missed = world.granted(campaign, 1..=2).await;
    world.record(campaign, &missed, &given_back()).await;
    told(&world, vec![sent.clone(), failed.clone()]).await;
    assert_eq!(world.store.fall_back(campaign).await.unwrap(), 0);
    assert_eq!(world.store.resolve_by_receipts(campaign).await.unwrap(), 0);
    assert_eq!(world.row(campaign, 1).await.0, "retry");
    let next = world.granted(campaign, 1..=2).await;
    let windows: Vec<_> = next.rows.iter().map(|row| (row.seq.0, row.attempt, row.window)).collect();
    assert_eq!(windows, [(1, 2, Window::Closed)]);
    let of_template = "select count(*) from receipt where failed_at is not null";
    told(&world, vec![failed.clone()]).await;
    assert_eq!(world.store.fall_back(campaign).await.unwrap(), 0);
    world.record(campaign, &next, &accepted()).await;
    assert_eq!(world.count(of_template).await, 0, "the template did not fail");
    told(&world, vec![sent, failed.clone()]).await;
    assert_eq!(world.count(of_template).await, 0, "the template did not fail");
    world.look.execute("update template_fallback set look_at = now()", &[]).await.unwrap();
    assert_eq!(world.store.campaigns_to_fall_back().await.unwrap(), [campaign]);
    assert_eq!(world.store.fall_back(campaign).await.unwrap(), 0);
    assert_eq!(world.row(campaign, 1).await, ("accepted".into(), 2, None));
    assert_eq!(world.count("select count(*) from template_fallback").await, 0);
    let by = ("test", "test");
    let undelivered = (store::ResendClass::Undelivered, None);
    assert_eq!(world.store.resend(campaign, undelivered, by, None).await.unwrap(), 0, "it may be delivered");
    assert_eq!(world.store.resend_counts(campaign).await.unwrap(), []);
    assert_eq!(world.miscounts().await, []);
    // A failure of the template itself is stored.
    let other = store::ReceiptRow { window_closed: false, code: Some("131026".into()), ..failed };
    told(&world, vec![other]).await;
    assert_eq!(world.count(of_template).await, 1);
    world.close().await;
}

#[tokio::test]
async fn a_receipt_about_a_closed_window_waits_for_the_record_of_its_message() {
    let world = World::new("fall_back_early", None).await;
    let campaign = campaign_of(&world, "", 3).await;
    let claim = world.granted(campaign, 1..=3).await;
    let receipts = vec![
        closed(&world, campaign, 1).await,
        closed(&world, campaign, 2).await,
        closed(&world, campaign, 3).await,
    ];
    told(&world, receipts).await;
    assert_eq!(world.store.fall_back(campaign).await.unwrap(), 0);
    assert_eq!(world.count("select count(*) from template_fallback").await, 3);
    let outcome = |seq: i32, outcome| RecordedOutcome {
        claim: claim.id,
        seq: Seq(seq),
        outcome,
        request: Some(RequestRecord {
            sent_at: claim.at,
            latency: std::time::Duration::from_millis(3),
            http_status: None,
            wa_id: None,
            window_closed: false,
        }),
    };
    let unknown = || Outcome::Unknown { reason: reason("timeout") };
    let outcomes = [outcome(1, accepted()), outcome(2, unknown()), outcome(3, unknown())];
    world.store.record(world.sender, campaign, &outcomes, &[claim.id]).await.unwrap();
    // The third one fails by its receipt before the list is looked at again.
    world.look.execute("delete from receipt_to_resolve where seq = 2", &[]).await.unwrap();
    assert_eq!(world.store.resolve_by_receipts(campaign).await.unwrap(), 1);
    assert_eq!(world.row(campaign, 3).await, ("failed".into(), 1, Some("131047".into())));
    assert_eq!(world.store.fall_back(campaign).await.unwrap(), 3);
    for seq in 1..=3 {
        assert_eq!(
            world.row(campaign, seq).await,
            ("retry".into(), 1, Some("template_next".into())),
            "{seq}"
        );
    }
    for empty in ["template_fallback", "unknown_recipient", "receipt_to_resolve"] {
        assert_eq!(world.count(&format!("select count(*) from {empty}")).await, 0, "{empty}");
    }
    assert_eq!(world.granted(campaign, 1..=3).await.rows.len(), 3);
    assert_eq!(world.miscounts().await, []);
    world.close().await;
}

#[tokio::test]
async fn no_template_is_sent_where_a_second_message_could_arrive_or_none_is_allowed() {
    let world = World::new("fall_back_not", None).await;
    let without = world.campaign(1).await;
    let last = campaign_of(&world, "max_attempts = 1", 1).await;
    let cancelled = campaign_of(&world, "", 1).await;
    let delivered = campaign_of(&world, "", 1).await;
    let resent = campaign_of(&world, "", 1).await;
    for campaign in [without, last, cancelled, delivered, resent] {
        let claim = world.granted(campaign, 1..=1).await;
        let is_resent = campaign == resent;
        let outcome = if is_resent { Outcome::Unknown { reason: reason("timeout") } } else { accepted() };
        world.record(campaign, &claim, &outcome).await;
    }
    let resend = campaign::Resolution::Resend;
    let now = (None, std::time::Duration::ZERO);
    world.store.resolve_by_operator(resent, resend, ("anna", "test"), now).await.unwrap();
    let again = world.granted(resent, 1..=1).await;
    world.record(resent, &again, &accepted()).await;
    world.cancel(cancelled).await;
    told(&world, vec![world.receipt(delivered, 1, ReceiptStatus::Delivered)]).await;
    for campaign in [without, last, cancelled, delivered, resent] {
        told(&world, vec![closed(&world, campaign, 1).await]).await;
        assert_eq!(world.store.fall_back(campaign).await.unwrap(), 0, "{campaign}");
        assert_eq!(world.row(campaign, 1).await.0, "accepted", "{campaign}");
    }
    assert_eq!(world.count("select count(*) from template_fallback").await, 0);
    world.close().await;
}

#[tokio::test]
async fn a_finished_campaign_runs_again_for_its_templates() {
    let world = World::new("fall_back_finished", None).await;
    let campaign = campaign_of(&world, "", 1).await;
    let claim = world.granted(campaign, 1..=1).await;
    world.record(campaign, &claim, &accepted()).await;
    let finish = "update campaign set state = 'finished', finished_at = now()";
    world.look.execute(finish, &[]).await.unwrap();
    told(&world, vec![closed(&world, campaign, 1).await]).await;
    assert_eq!(world.store.fall_back(campaign).await.unwrap(), 1);
    assert_eq!(world.count("select count(*) from campaign where state = 'running'").await, 1);
    assert_eq!(world.granted(campaign, 1..=1).await.rows[0].window, Window::Closed);
    world.close().await;
}

#[tokio::test]
async fn receipts_that_arrive_during_a_fall_back_do_not_deadlock_with_it() {
    const N: i32 = 300;
    let world = World::new("fall_back_locks", None).await;
    let campaign = campaign_of(&world, "", 300).await;
    let claim = world.granted(campaign, 1..=N).await;
    world.record(campaign, &claim, &accepted()).await;
    let mut receipts = Vec::new();
    for seq in 1..=N {
        receipts.push(world.receipt(campaign, seq, ReceiptStatus::Sent));
        receipts.push(closed(&world, campaign, seq).await);
    }
    let post = |backwards: bool| {
        let mut receipts = receipts.clone();
        if backwards {
            receipts.reverse();
        }
        let store = &world.store;
        async move {
            for _ in 0..15 {
                store.ingest(&Ingest { receipts: receipts.clone(), ..Ingest::default() }).await.unwrap();
            }
        }
    };
    let is_posted = std::cell::Cell::new(false);
    let posts = async {
        tokio::join!(post(false), post(true));
        is_posted.set(true);
    };
    let decide = async {
        let mut decided = 0;
        while !is_posted.get() {
            decided += world.store.fall_back(campaign).await.unwrap();
            world.store.resolve_by_receipts(campaign).await.unwrap();
        }
        decided + world.store.fall_back(campaign).await.unwrap()
    };
    let ((), decided) = tokio::join!(posts, decide);
    assert_eq!(decided, 300);
    assert_eq!(world.count("select count(*) from recipient where state = 'retry'").await, i64::from(N));
    assert_eq!(world.miscounts().await, []);
    world.close().await;
}

/// The receipts of flow and template in any order, some twice, while the recipients are recorded at any moment.
#[tokio::test]
async fn in_any_order_of_receipts_and_records_every_recipient_gets_one_template() {
    const N: i32 = 12;
    for seed in seeds(3) {
        let mut random = fastrand::Rng::with_seed(seed);
        let world = World::new(&format!("fall_back_order_{}", seed % 1000), None).await;
        let campaign = campaign_of(&world, "", 12).await;
        let claim = world.granted(campaign, 1..=N).await;
        let mut steps: Vec<(bool, i32)> =
            (1..=N).flat_map(|seq| [(false, seq), (true, seq), (true, seq)]).collect();
        random.shuffle(&mut steps);
        for (is_receipt, seq) in steps {
            if is_receipt {
                let sent = world.receipt(campaign, seq, ReceiptStatus::Sent);
                let mut receipts = vec![closed(&world, campaign, seq).await];
                if random.bool() {
                    receipts.push(sent);
                }
                told(&world, receipts).await;
            } else {
                let row = claim.rows.iter().find(|row| row.seq.0 == seq).unwrap();
                let outcome = RecordedOutcome {
                    claim: claim.id,
                    seq: row.seq,
                    outcome: accepted(),
                    request: Some(RequestRecord {
                        sent_at: claim.at,
                        latency: std::time::Duration::from_millis(3),
                        http_status: Some(200),
                        wa_id: None,
                        window_closed: false,
                    }),
                };
                world.store.record(world.sender, campaign, &[outcome], &[]).await.unwrap();
            }
            if random.bool() {
                world.store.resolve_by_receipts(campaign).await.unwrap();
                world.store.fall_back(campaign).await.unwrap();
            }
        }
        let look = "update template_fallback set look_at = clock_timestamp()";
        let mut templates = 0;
        for _ in 0..3 {
            world.look.execute(look, &[]).await.unwrap();
            world.store.fall_back(campaign).await.unwrap();
            if world.count("select count(*) from recipient where state = 'retry'").await > 0 {
                let next = world.granted(campaign, 1..=N).await;
                assert!(next.rows.iter().all(|row| row.window == Window::Closed), "seed {seed}");
                templates += next.rows.len();
                world.record(campaign, &next, &accepted()).await;
            }
        }
        assert_eq!(templates, 12, "seed {seed}");
        assert_eq!(
            world.count("select count(*) from recipient where state = 'accepted' and attempts = 2").await,
            12,
            "seed {seed}"
        );
        assert_eq!(world.miscounts().await, [], "seed {seed}");
        world.close().await;
    }
}
