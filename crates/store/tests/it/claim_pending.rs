//! The short way of a claim: what it leaves to the other one, and that it gives back all it did when it gets no permits.

use std::time::Duration;

use campaign::{Outcome, Seq};
use store::{ClaimAnswer, ClaimRefusal};

use crate::world::{LEASE, World, reason};

const PATIENCE: Duration = Duration::from_secs(10);
/// Whether a claim waits for a lock.
const WAITS: &str = "
    select count(*) from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock' and query like '%plain as materialized%'";

/// Does `first` in a transaction, which the claim must wait for, and `then`, and gives what became of the claim.
async fn claim_while(world: &World, campaign: campaign::CampaignId, first: &str, then: &str) -> ClaimAnswer {
    world.look.batch_execute(&format!("begin; {first}")).await.unwrap();
    let let_it = async {
        let waiting = async {
            while world.count(WAITS).await == 0 {
                // A transaction sees everybody's activity as it was at its first look.
                world.look.batch_execute("select pg_stat_clear_snapshot()").await.unwrap();
            }
        };
        assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "no claim waits");
        world.look.batch_execute(&format!("{then}; commit")).await.unwrap();
    };
    let (claimed, ()) = tokio::join!(world.claim(campaign, 1..=5), let_it);
    claimed
}

async fn is_untouched(world: &World, campaign: campaign::CampaignId) {
    assert_eq!(world.row(campaign, 1).await, ("pending".into(), 0, None));
    assert_eq!(world.count("select count(*) from claim").await, 0);
    assert_eq!(world.miscounts().await, []);
}

#[tokio::test]
async fn a_gate_that_closes_between_the_look_and_the_permits_gives_everything_back() {
    let world = World::new("pending_closed", Some("1000/s")).await;
    let campaign = world.campaign(5).await;
    let claimed = claim_while(&world, campaign, "update sender_gate set is_open = false", "").await;
    assert!(matches!(claimed, ClaimAnswer::Refused(ClaimRefusal::Held)), "{claimed:?}");
    is_untouched(&world, campaign).await;
    world.close().await;
}

#[tokio::test]
async fn permits_that_are_taken_between_the_look_and_the_lock_are_waited_for() {
    let world = World::new("pending_taken", Some("1000/s")).await;
    let campaign = world.campaign(5).await;
    let take = "update sender_gate set tat = clock_timestamp() + interval '1 minute'";
    let claimed = claim_while(&world, campaign, take, "").await;
    assert!(
        matches!(claimed, ClaimAnswer::Refused(ClaimRefusal::Wait(time)) if time > Duration::from_secs(50)),
        "{claimed:?}"
    );
    is_untouched(&world, campaign).await;
    let claimed = world.claim(campaign, 1..=5).await;
    assert!(matches!(claimed, ClaimAnswer::Refused(ClaimRefusal::Wait(_))), "{claimed:?}");
    world.close().await;
}

#[tokio::test]
async fn rows_are_locked_in_their_order_also_where_some_must_not_be_written_to() {
    let world = World::new("pending_order", None).await;
    let campaign = world.campaign(3).await;
    world
        .look
        .execute(
            "insert into suppression (msisdn, reason) select msisdn, 'operator' from recipient where seq = 2",
            &[],
        )
        .await
        .unwrap();
    // As a cancellation of the same moment does.
    let lock = |seq: i32| format!("select from recipient where seq = {seq} for update nowait");
    let claimed = claim_while(&world, campaign, &lock(2), &lock(3)).await;
    let ClaimAnswer::Granted(claim) = claimed else { panic!("{claimed:?}") };
    assert_eq!(claim.rows.iter().map(|row| row.seq.0).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(world.row(campaign, 2).await, ("skipped".into(), 0, Some("suppressed".into())));
    assert_eq!(world.miscounts().await, []);
    world.close().await;
}

#[tokio::test]
async fn those_who_are_due_again_are_claimed_after_those_who_are_pending() {
    let world = World::new("pending_and_due", Some("1000/s")).await;
    let campaign = world.campaign(4).await;
    let first = world.granted(campaign, 1..=2).await;
    let retry = Outcome::Retry { after: Duration::ZERO, counted: true, reason: reason("WA500") };
    world.record(campaign, &first, &retry).await;
    let pending = world.granted(campaign, 1..=4).await;
    let of = |claim: &store::Claim| claim.rows.iter().map(|row| (row.seq.0, row.attempt)).collect::<Vec<_>>();
    assert_eq!((of(&pending), pending.may_be_cut), (vec![(3, 1), (4, 1)], true));
    let rest = world.granted(campaign, 1..=2).await;
    assert_eq!((of(&rest), rest.may_be_cut), (vec![(1, 2), (2, 2)], false));
    assert_eq!(world.count("select count(*) from due").await, 0);
    assert_eq!(world.miscounts().await, []);
    world.close().await;
}

#[tokio::test]
async fn a_message_of_a_campaign_without_rows_is_stale() {
    let world = World::new("pending_no_list", None).await;
    let campaign = world.campaign(1).await;
    world.look.execute("update campaign set state = 'finished'", &[]).await.unwrap();
    world.store.archive_campaign(campaign, |_, _| {}).await.unwrap();
    world.look.execute("update campaign set state = 'running'", &[]).await.unwrap();
    let ours = (uuid::Uuid::nil(), LEASE);
    let claimed = world.store.claim(world.sender, campaign, &[Seq(1)], ours).await.unwrap();
    assert!(matches!(claimed, ClaimAnswer::Refused(ClaimRefusal::NothingDue)), "{claimed:?}");
    world.close().await;
}
