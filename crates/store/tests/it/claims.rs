//! Claims: exclusive and gated.

use std::collections::BTreeSet;
use std::time::Duration;

use campaign::{Outcome, Probing, Seq, Stop, StopReason, StopScope};
use store::{Claim, ClaimAnswer, ClaimRefusal, DailyCap, Opened, StopCause};

use crate::world::{LEASE, World, accepted, by_operator, reason};

/// How long something may take that takes a moment.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_row_is_claimed_once_however_many_ask_for_it() {
    let world = World::new("claim_once", None).await;
    let campaign = world.campaign(400).await;
    let claims = (0..8).map(|_| world.claim(campaign, 1..=400));
    let claims = futures::future::join_all(claims).await;
    let mut claimed = Vec::new();
    for claim in claims {
        if let ClaimAnswer::Granted(claim) = claim {
            claimed.extend(claim.rows.iter().map(|row| row.seq));
        }
    }
    assert_eq!(claimed.len(), 400);
    assert_eq!(claimed.into_iter().collect::<BTreeSet<_>>().len(), 400);
    assert_eq!(world.refused(campaign, 1..=400).await, ClaimRefusal::NothingDue);
    world.close().await;
}

#[tokio::test]
async fn claims_of_a_sender_take_turns_before_they_look() {
    let world = World::new("turns", None).await;
    let campaign = world.campaign(1).await;
    world.look.batch_execute("begin; select from claim_lock for update").await.unwrap();
    let let_it = async {
        let waits = "
            select count(*) from pg_locks l left join pg_database d on d.oid = l.database
            where (d.datname = current_database() or d.oid is null) and not l.granted
                and l.pid in (select pid from pg_stat_activity where query like '%claim_lock%')";
        let waiting = async {
            while world.count(waits).await == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("no claim waits for its turn");
        // What happens while it waits is seen: it looks afterwards.
        world.look.execute("update sender_gate set is_open = false", &[]).await.unwrap();
        world.look.batch_execute("commit").await.unwrap();
    };
    let (refused, ()) = tokio::join!(world.refused(campaign, 1..=1), let_it);
    assert_eq!(refused, ClaimRefusal::Held);
    world.close().await;
}

#[tokio::test]
async fn a_claim_brings_what_is_sent_and_counts_the_attempt() {
    let world = World::new("claim_brings", None).await;
    let campaign = world.campaign(3).await;
    let claim = world.granted(campaign, 2..=9).await;
    let seqs: Vec<i32> = claim.rows.iter().map(|row| row.seq.0).collect();
    assert_eq!(seqs, [2, 3]);
    let row = &claim.rows[0];
    assert_eq!(row.msisdn.to_string(), "254712000001");
    assert_eq!(row.variables.get("town"), Some("Nakuru"));
    assert_eq!(row.attempt, 1);
    assert_eq!(world.row(campaign, 2).await, ("sending".into(), 1, None));
    assert_eq!(world.row(campaign, 1).await, ("pending".into(), 0, None));
    world.close().await;
}

#[tokio::test]
async fn a_closed_gate_claims_nothing_until_it_opens() {
    let world = World::new("claim_gate", Some("1000/s")).await;
    let campaign = world.campaign(10).await;
    assert!(world.store.pause_campaign(campaign, None, &by_operator()).await.unwrap());
    assert_eq!(world.refused(campaign, 1..=5).await, ClaimRefusal::Held);
    world.store.start_campaign(campaign, "test").await.unwrap();
    assert!(world.store.stop_sender(world.sender, None, &by_operator()).await.unwrap());
    assert_eq!(world.refused(campaign, 1..=5).await, ClaimRefusal::Held);
    assert_eq!(world.row(campaign, 1).await, ("pending".into(), 0, None));
    assert_eq!(world.count("select count(*) from claim").await, 0);
    assert_eq!(world.store.open_sender(world.sender, "test").await.unwrap(), Opened::Open);
    assert_eq!(world.granted(campaign, 1..=5).await.rows.len(), 5);
    assert_eq!(world.count("select count(*) from hold where ended_at is null").await, 0);
    assert_eq!(world.count("select count(*) from hold where ended_by = 'test'").await, 2);
    world.close().await;
}

#[tokio::test]
async fn a_late_cause_does_not_close_a_reopened_gate() {
    let world = World::new("claim_epoch", None).await;
    let campaign = world.campaign(10).await;
    let claim = world.granted(campaign, 1..=1).await;
    let low_balance = reason("E110");
    let cause = StopCause { reason: StopReason::LowBalance, refusal: Some(&low_balance), by: "worker" };
    assert!(world.store.stop_sender(world.sender, Some(claim.gate_epoch), &cause).await.unwrap());
    assert!(!world.store.stop_sender(world.sender, Some(claim.gate_epoch), &cause).await.unwrap());
    world.store.open_sender(world.sender, "test").await.unwrap();
    assert!(!world.store.stop_sender(world.sender, Some(claim.gate_epoch), &cause).await.unwrap());
    assert!(world.store.sender("main").await.unwrap().is_open);
    let holds = "select count(*) from hold where reason = 'low_balance' and code = 'E110'";
    assert_eq!(world.count(holds).await, 1);
    world.close().await;
}

#[tokio::test]
async fn a_retry_is_not_claimed_before_it_is_due() {
    let world = World::new("claim_due", None).await;
    let campaign = world.campaign(2).await;
    let claim = world.granted(campaign, 1..=2).await;
    let later = Outcome::Retry { after: Duration::from_mins(5), counted: true, reason: reason("WA500") };
    world.record(campaign, &claim, &later).await;
    assert_eq!(world.refused(campaign, 1..=2).await, ClaimRefusal::NothingDue);
    let now_due = "update due set due_at = clock_timestamp() where seq = 2";
    world.look.execute(now_due, &[]).await.unwrap();
    let claim = world.granted(campaign, 1..=2).await;
    assert_eq!((claim.rows.len(), claim.rows[0].seq.0, claim.rows[0].attempt), (1, 2, 2));
    assert_eq!(world.count("select count(*) from due").await, 1);
    world.close().await;
}

#[tokio::test]
async fn what_a_closed_gate_refused_is_due_at_once_and_costs_no_attempt() {
    let world = World::new("claim_held", None).await;
    let campaign = world.campaign(1).await;
    let claim = world.granted(campaign, 1..=1).await;
    let stop = Stop { scope: StopScope::Sender, reason: StopReason::LowBalance };
    world.record(campaign, &claim, &Outcome::Held { stop, reason: reason("E110") }).await;
    assert_eq!(world.row(campaign, 1).await, ("pending".into(), 0, Some("E110".into())));
    let tasks = world.store.take_due(world.sender, 10).await.unwrap();
    assert_eq!(tasks.len(), 1);
    let claim = world.granted(campaign, 1..=1).await;
    assert_eq!(claim.rows[0].attempt, 1);
    world.record(campaign, &claim, &accepted()).await;
    assert_eq!(world.row(campaign, 1).await, ("accepted".into(), 1, None));
    world.close().await;
}

#[tokio::test]
async fn a_probe_lets_one_recipient_pass_the_closed_gate() {
    let world = World::new("claim_probe", None).await;
    let campaign = world.campaign(10).await;
    let low_balance = reason("E110");
    let cause = StopCause { reason: StopReason::LowBalance, refusal: Some(&low_balance), by: "worker" };
    world.store.stop_sender(world.sender, None, &cause).await.unwrap();
    let at_once_then_hours = [Duration::ZERO, Duration::from_hours(1)];
    assert!(world.store.arm_probe(world.sender, Probing::Patient, &at_once_then_hours).await.unwrap());
    assert!(
        !world.store.arm_probe(world.sender, Probing::Patient, &at_once_then_hours).await.unwrap(),
        "the second pause is longer"
    );

    let (one, other) = tokio::join!(world.claim(campaign, 1..=5), world.claim(campaign, 6..=10));
    let granted = [one, other].into_iter().filter_map(|claimed| match claimed {
        ClaimAnswer::Granted(claim) => Some(claim),
        ClaimAnswer::Refused(_) => None,
    });
    let granted: Vec<_> = granted.collect();
    assert_eq!(granted.len(), 1);
    assert!(granted[0].is_probe && granted[0].rows.len() == 1);
    assert_eq!(world.refused(campaign, 1..=10).await, ClaimRefusal::Held);
    let opened = world.store.open_after_probe(world.sender, granted[0].gate_epoch, "worker").await.unwrap();
    assert_eq!(opened, Opened::Open);
    assert!(!world.granted(campaign, 1..=10).await.is_probe);
    world.store.stop_sender(world.sender, None, &cause).await.unwrap();
    let hour = [Duration::from_hours(1)];
    assert!(
        !world.store.arm_probe(world.sender, Probing::Patient, &hour).await.unwrap(),
        "it is not time yet"
    );
    let until = world.store.holds().await.unwrap()[0].until.unwrap();
    assert!(until.duration_since(jiff::Timestamp::now()).as_mins() >= 59);
    world.close().await;
}

#[tokio::test]
async fn only_a_cause_that_can_end_by_itself_is_probed() {
    let world = World::new("claim_no_probe", None).await;
    for reason in StopReason::ALL {
        let cause = StopCause { reason: *reason, refusal: None, by: "test" };
        world.store.stop_sender(world.sender, None, &cause).await.unwrap();
        let mut armed = Vec::new();
        for probing in [Probing::Patient, Probing::Eager] {
            if world.store.arm_probe(world.sender, probing, &[Duration::ZERO]).await.unwrap() {
                armed.push(probing);
            }
        }
        let expected = match reason {
            StopReason::LowBalance | StopReason::Payment | StopReason::DailyLimit => vec![Probing::Patient],
            StopReason::ProviderDown => vec![Probing::Eager],
            _ => vec![],
        };
        assert_eq!(armed, expected, "{reason}");
        world.store.open_sender(world.sender, "test").await.unwrap();
    }
    world.close().await;
}

#[tokio::test]
async fn a_daily_cap_stops_the_sender_until_its_day_ends() {
    let world = World::new("claim_cap", None).await;
    let campaign = world.campaign(100).await;
    let cap = |recipients| Some(DailyCap { recipients, zone: "Africa/Nairobi".into() });
    world.store.set_daily_cap(world.sender, cap(30).as_ref()).await.unwrap();
    let claims = (0..8).map(|n| world.claim(campaign, n * 10 + 1..=n * 10 + 10));
    let mut claimed: Vec<Claim> = Vec::new();
    for claim in futures::future::join_all(claims).await {
        if let ClaimAnswer::Granted(claim) = claim {
            claimed.push(claim);
        }
    }
    while let ClaimAnswer::Granted(claim) = world.claim(campaign, 1..=100).await {
        claimed.push(claim);
    }
    assert_eq!(claimed.iter().map(|claim| claim.rows.len()).sum::<usize>(), 30);
    let hold = &world.store.holds().await.unwrap()[0];
    assert_eq!((hold.reason, hold.detail.as_deref()), (StopReason::DailyCap, Some("30 recipients a day")));
    let midnight = hold.until.unwrap().to_zoned(jiff::tz::TimeZone::get("Africa/Nairobi").unwrap());
    assert_eq!((midnight.hour(), midnight.minute()), (0, 0));
    assert_eq!(world.store.open_capped_senders().await.unwrap(), 0);

    // What was given back makes room; a retry takes none.
    let held = Outcome::Retry { after: Duration::ZERO, counted: false, reason: reason("lease_ended") };
    let given_back = claimed.remove(0);
    world.record(campaign, &given_back, &held).await;
    let retry = Outcome::Retry { after: Duration::ZERO, counted: true, reason: reason("WA500") };
    let retried = claimed.remove(0);
    world.record(campaign, &retried, &retry).await;
    assert_eq!(world.store.open_capped_senders().await.unwrap(), 1);
    let seqs = |claim: &Claim| claim.rows.iter().map(|row| row.seq).collect::<Vec<_>>();
    let claim = |seqs: Vec<Seq>| {
        let world = &world;
        async move {
            world.store.claim(world.sender, campaign, &seqs, (uuid::Uuid::new_v4(), LEASE)).await.unwrap()
        }
    };
    let ClaimAnswer::Granted(again) = claim(seqs(&retried)).await else { panic!("retries take no room") };
    assert_eq!(again.rows[0].attempt, 2);
    assert_eq!(world.store.sender("main").await.unwrap().used_today, 30 - to_u32(given_back.rows.len()));

    // The next day.
    world.look.execute("update sender_gate set day = day - 1", &[]).await.unwrap();
    assert_eq!(world.granted(campaign, 1..=100).await.rows.len(), 30);
    assert_eq!(world.refused(campaign, 1..=100).await, ClaimRefusal::Held);
    world.look.execute("update sender_gate set day = day - 1", &[]).await.unwrap();
    assert_eq!(world.store.open_capped_senders().await.unwrap(), 1);
    world.store.set_daily_cap(world.sender, None).await.unwrap();
    assert!(world.granted(campaign, 1..=100).await.rows.len() > 30);
    world.close().await;
}

#[tokio::test]
async fn a_cap_that_is_used_up_already_stops_at_once_and_a_raised_one_goes_on() {
    let world = World::new("claim_cap_set", None).await;
    let campaign = world.campaign(100).await;
    let cap = |recipients| Some(DailyCap { recipients, zone: "UTC".into() });
    world.store.set_daily_cap(world.sender, cap(50).as_ref()).await.unwrap();
    world.granted(campaign, 1..=40).await;
    world.store.set_daily_cap(world.sender, cap(40).as_ref()).await.unwrap();
    assert_eq!(world.refused(campaign, 41..=50).await, ClaimRefusal::Held);
    world.store.set_daily_cap(world.sender, cap(45).as_ref()).await.unwrap();
    assert_eq!(world.store.open_capped_senders().await.unwrap(), 1);
    assert_eq!(world.granted(campaign, 41..=60).await.rows.len(), 5);
    let zone = Some(DailyCap { recipients: 1, zone: "Kenya/Nairobi".into() });
    let error = world.store.set_daily_cap(world.sender, zone.as_ref()).await.unwrap_err().to_string();
    assert!(error.contains("'Kenya/Nairobi' is no time zone"), "{error}");
    world.close().await;
}

fn to_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap()
}
