//! Recording: fenced, repeatable, and every number adds up.

use std::time::Duration;

use campaign::{CampaignId, ClaimId, Outcome, Reason, Seq};
use store::{ClaimAnswer, ClaimRefusal, DeadClaim, RecordResult, RecordedOutcome, RequestRecord};
use uuid::Uuid;

use crate::world::{World, accepted, given_back, reason};

#[tokio::test]
async fn recording_twice_is_recording_once() {
    let world = World::new("record_twice", None).await;
    let campaign = world.campaign(5).await;
    let claim = world.granted(campaign, 1..=5).await;
    assert_eq!(world.record(campaign, &claim, &accepted()).await, 5);
    assert_eq!(world.record(campaign, &claim, &accepted()).await, 0);
    assert_eq!(world.count("select count(*) from attempt where not late").await, 5);
    assert_eq!(world.count("select count(*) from claim").await, 0);
    assert_eq!(world.row(campaign, 3).await, ("accepted".into(), 1, None));
    world.close().await;
}

#[tokio::test]
async fn what_is_recorded_again_because_its_answer_was_lost_is_not_late() {
    let world = World::new("record_again", None).await;
    let campaign = world.campaign(6).await;
    let (claim, other) = (world.granted(campaign, 1..=3).await, world.granted(campaign, 4..=6).await);
    let all = |n, claim: &store::Claim| -> Vec<RecordedOutcome> {
        let failed =
            Outcome::Retry { after: Duration::from_hours(1), counted: true, reason: reason("WA500") };
        let request = RequestRecord {
            sent_at: claim.at,
            latency: Duration::from_millis(3),
            http_status: Some(202),
            wa_id: None,
            window_closed: false,
        };
        let outcomes = [accepted(), failed, given_back()];
        let requests = [Some(request), Some(request), None];
        let rows = claim.rows.iter().zip(outcomes.into_iter().zip(requests)).take(n);
        rows.map(|(row, (outcome, request))| RecordedOutcome {
            claim: claim.id,
            seq: row.seq,
            outcome,
            request,
        })
        .collect()
    };
    for n in [1, 3] {
        let outcomes = all(n, &claim);
        let first = world.store.record(world.sender, campaign, &outcomes, &[]).await.unwrap();
        assert_eq!((first.changed, first.late), (if n == 1 { 1 } else { 2 }, 0));
        let again = world.store.record(world.sender, campaign, &outcomes, &[]).await.unwrap();
        assert_eq!(again, RecordResult::default());
    }
    // These recipients were resolved meanwhile; for two of them a request was made.
    world.look.execute("update recipient set state = 'cancelled' where seq > 3", &[]).await.unwrap();
    let late = world.store.record(world.sender, campaign, &all(3, &other), &[]).await.unwrap();
    assert_eq!(late, RecordResult { changed: 0, late: 2 });
    world.close().await;
}

#[tokio::test]
async fn an_outcome_whose_text_holds_a_nul_is_recorded_without_it() {
    let world = World::new("record_nul", None).await;
    let campaign = world.campaign(2).await;
    let (taken, refused) = (world.granted(campaign, 1..=1).await, world.granted(campaign, 2..=2).await);
    let id = Outcome::Accepted { provider_message_id: "wamid\0.1".into() };
    assert_eq!(world.record(campaign, &taken, &id).await, 1);
    let text = Reason { code: "E\x001".into(), text: "in\0 words".into() };
    assert_eq!(world.record(campaign, &refused, &Outcome::Unknown { reason: text }).await, 1);
    assert_eq!(world.count("select count(*) from attempt where provider_message_id = 'wamid.1'").await, 1);
    assert_eq!(
        world
            .count("select count(*) from attempt where (reason_code, reason_text) = ('E1', 'in words')")
            .await,
        1
    );
    world.close().await;
}

#[tokio::test]
async fn a_worker_that_wakes_up_late_records_over_nothing_newer() {
    let world = World::new("record_fence", None).await;
    let campaign = world.campaign(1).await;
    let mut old = world.granted(campaign, 1..=1).await;
    let again = Outcome::Retry { after: Duration::ZERO, counted: true, reason: reason("connect_failed") };
    world.record(campaign, &old, &again).await;
    let new = world.granted(campaign, 1..=1).await;
    // The old claim's request comes back after all: it is on record as another attempt, and changes nothing.
    old.id = ClaimId(old.id.0 + 1_000_000);
    assert_eq!(world.record(campaign, &old, &Outcome::Failed { reason: reason("WA400") }).await, 0);
    assert_eq!(world.row(campaign, 1).await, ("sending".into(), 2, Some("connect_failed".into())));
    assert_eq!(world.count("select count(*) from attempt where late and outcome = 'failed'").await, 1);
    world.record(campaign, &new, &accepted()).await;
    assert_eq!(world.row(campaign, 1).await, ("accepted".into(), 2, None));
    world.close().await;
}

#[tokio::test]
async fn what_a_dead_worker_held_becomes_unknown_until_its_own_answer_comes() {
    let world = World::new("record_dead", None).await;
    let campaign = world.campaign(4).await;
    let (dead, alive) = (world.granted(campaign, 1..=2).await, world.granted(campaign, 3..=4).await);
    assert_eq!(world.store.expire_claims(world.sender).await.unwrap(), 0);
    let ended = "update claim set lease_until = clock_timestamp() - interval '1 minute' where id = $1";
    world.look.execute(ended, &[&dead.id.0]).await.unwrap();
    assert_eq!(world.store.expire_claims(world.sender).await.unwrap(), 2);
    assert_eq!(world.row(campaign, 1).await, ("unknown".into(), 1, Some("worker_died".into())));
    assert_eq!(world.row(campaign, 3).await.0, "sending");
    assert_eq!(world.refused(campaign, 1..=2).await, ClaimRefusal::NothingDue);
    // It had only been asleep: its answer says more than its silence did.
    assert_eq!(world.record(campaign, &dead, &accepted()).await, 2);
    assert_eq!(world.row(campaign, 1).await, ("accepted".into(), 1, None));
    world.record(campaign, &alive, &accepted()).await;
    world.close().await;
}

#[tokio::test]
async fn final_outcomes_of_a_claim_that_is_unknown_in_part_are_all_recorded_once() {
    let world = World::new("record_in_part", None).await;
    let campaign = world.campaign(3).await;
    let claim = world.granted(campaign, 1..=3).await;
    let unknown = "
        with unknown as (update recipient set state = 'unknown' where seq = 2 returning campaign_id, seq)
        insert into unknown_recipient (campaign_id, seq) select * from unknown";
    world.look.execute(unknown, &[]).await.unwrap();
    assert_eq!(world.record(campaign, &claim, &accepted()).await, 3);
    assert_eq!(world.count("select count(*) from recipient where state = 'accepted'").await, 3);
    assert_eq!(world.count("select count(*) from attempt where not late").await, 3);
    assert_eq!(world.count("select count(*) from attempt").await, 3);
    assert_eq!(world.count("select count(*) from unknown_recipient").await, 0);
    world.close().await;
}

#[tokio::test]
async fn a_cancelled_campaign_leaves_no_recipient_waiting() {
    let world = World::new("record_cancel", None).await;
    let campaign = world.campaign(20).await;
    let claim = world.granted(campaign, 1..=5).await;
    assert_eq!(world.cancel(campaign).await, 15);
    let later = Outcome::Retry { after: Duration::from_mins(5), counted: true, reason: reason("WA500") };
    world.record(campaign, &claim, &later).await;
    assert_eq!(world.row(campaign, 1).await.0, "cancelled");
    assert_eq!(world.count("select count(*) from due").await, 0);
    assert!(world.store.start_campaign(campaign, "test").await.is_err());
    world.close().await;
}

/// How many old versions a record finds removed depends on what else the server does, so the share is measured for
/// claims alone, for which there is always room; that records can be HOT too is a matter of the indexes.
#[tokio::test]
async fn a_claim_is_a_hot_update_and_no_index_mentions_what_changes() {
    let world = World::new("record_hot", None).await;
    let campaign = world.campaign(5_000).await;
    for first in (1..5_000).step_by(200) {
        world.granted(campaign, first..=first + 199).await;
    }
    // Statistics reach the view some time after the transactions end; they are waited for, not slept for.
    let select = "select n_tup_upd, n_tup_hot_upd from pg_stat_user_tables where relname = 'recipient_v0'";
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    let (updates, hot) = loop {
        let row = world.look.query_one(select, &[]).await.unwrap();
        let (updates, hot): (i64, i64) = (row.get(0), row.get(1));
        if updates >= 5_000 {
            break (updates, hot);
        }
        assert!(tokio::time::Instant::now() < deadline, "only {updates} updates are in the statistics");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(hot * 100 >= updates * 99, "{hot} of {updates} claims were HOT updates");
    let mentions =
        "select count(*) from pg_index i left join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
         where i.indrelid = 'recipient_v0'::regclass and (i.indpred is not null or i.indexprs is not null
             or a.attname in ('state', 'claim_id', 'attempts', 'reason_code', 'changed_at'))";
    assert_eq!(world.count(mentions).await, 0);
    world.close().await;
}

/// Random claims, outcomes, pauses and stops; after each step nobody may be missing from the books.
#[tokio::test]
async fn the_books_balance_after_every_step_of_a_random_run() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let world = World::new("record_books", None).await;
    let campaign = world.campaign(300).await;
    let mut open = Vec::new();
    for _ in 0..150 {
        match random.u8(..10) {
            0..=4 => {
                let first = random.i32(1..300);
                if let ClaimAnswer::Granted(claim) = world.claim(campaign, first..=first + 20).await {
                    open.push(claim);
                }
            }
            5..=8 if !open.is_empty() => {
                let claim = open.swap_remove(random.usize(..open.len()));
                world.record(campaign, &claim, &outcome(&mut random)).await;
            }
            _ => {
                world.look.execute("update due set due_at = clock_timestamp()", &[]).await.unwrap();
            }
        }
        assert_eq!(difference(&world, campaign).await, 0, "seed {seed}");
    }
    world.close().await;
}

fn outcome(random: &mut fastrand::Rng) -> Outcome {
    let reason = reason("X");
    match random.u8(..5) {
        0 | 1 => accepted(),
        2 => Outcome::Retry { after: Duration::ZERO, counted: random.bool(), reason },
        3 => Outcome::Failed { reason },
        _ => Outcome::Unknown { reason },
    }
}

async fn difference(world: &World, campaign: CampaignId) -> i64 {
    let select =
        "select difference::bigint, uploaded::bigint from report.conservation where campaign_id = $1";
    let row = world.look.query_one(select, &[&campaign.0]).await.unwrap();
    assert_eq!(row.get::<_, i64>(1), 300);
    row.get(0)
}

#[tokio::test]
async fn recipients_of_a_dead_worker_that_never_left_are_given_back_once_and_the_others_become_unknown() {
    let world = World::new("dead_worker", None).await;
    let campaign = world.campaign(6).await;
    let cap = "update sender_gate set daily_cap = 100 where sender_id = $1";
    world.look.execute(cap, &[&world.sender.0]).await.unwrap();
    let (worker, seqs) = (Uuid::now_v7(), (1..=4).map(Seq).collect::<Vec<_>>());
    let lease = (worker, Duration::from_mins(1));
    let ClaimAnswer::Granted(claim) = world.store.claim(world.sender, campaign, &seqs, lease).await.unwrap()
    else {
        panic!("not granted");
    };
    let other = world.granted(campaign, 5..=6).await;
    let outcome = |seq, outcome| RecordedOutcome { claim: claim.id, seq: Seq(seq), outcome, request: None };
    let held = [outcome(1, given_back())];
    world.store.record(world.sender, campaign, &held, &[]).await.unwrap();
    let of_worker = async || world.store.claims_of_dead_worker(world.sender, worker).await.unwrap();
    let dead = DeadClaim { campaign, id: claim.id, sending: vec![Seq(2), Seq(3), Seq(4)] };
    assert_eq!(of_worker().await, [dead]);

    // Recipient 2 may have been sent to.
    let never_left = [outcome(3, given_back()), outcome(4, given_back())];
    for changed in [2, 0] {
        let recorded = world.store.record(world.sender, campaign, &never_left, &[]).await.unwrap();
        assert_eq!(recorded.changed, changed);
    }
    assert_eq!(world.row(campaign, 3).await.1, 0);
    assert_eq!(world.count("select count(*) from due where due_at <= clock_timestamp()").await, 3);
    assert_eq!(world.count("select day_used::bigint from sender_gate where daily_cap is not null").await, 3);
    let ended = "update claim set lease_until = clock_timestamp() - interval '1 minute' where id = $1";
    world.look.execute(ended, &[&claim.id.0]).await.unwrap();
    assert_eq!(world.store.expire_claims(world.sender).await.unwrap(), 1);
    assert_eq!(world.row(campaign, 2).await, ("unknown".into(), 1, Some("worker_died".into())));
    // The claim has ended, so nothing of it is given back any more.
    assert_eq!(of_worker().await, []);
    world.record(campaign, &other, &accepted()).await;
    world.close().await;
}
