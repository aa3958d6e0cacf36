//! Feeds: one producer at a time, and back to the low-water mark when a gate opens again.

use std::time::Duration;

use campaign::{Opening, StopReason};
use jiff::Timestamp;
use store::{ClaimRefusal, LeaseAnswer, LeaseRequest, StopCause};
use uuid::Uuid;

use crate::world::{World, accepted, new_sender};

const LEASE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_sender_is_fed_by_one_producer_at_a_time() {
    let world = World::new("feed_one", Some("20/s")).await;
    let (first, second) = (Uuid::new_v4(), Uuid::new_v4());
    world.store.take_feeds(first, LEASE).await.unwrap();
    world.store.take_feeds(second, LEASE).await.unwrap();
    let feeds = world.store.read_feeds(first).await.unwrap();
    assert_eq!((feeds.len(), feeds[0].rate), (1, Some("20/s".parse().unwrap())));
    assert!(world.store.read_feeds(second).await.unwrap().is_empty());
    world.store.release_feeds(first).await.unwrap();
    world.store.take_feeds(second, LEASE).await.unwrap();
    assert_eq!(world.store.read_feeds(second).await.unwrap().len(), 1);
    world.close().await;
}

#[tokio::test]
async fn living_producers_share_the_feeds_and_take_over_those_of_one_that_stops() {
    let world = World::new("feed_share", Some("20/s")).await;
    for n in 1..40 {
        world.store.add_sender(&new_sender(&format!("other-{n}"), None)).await.unwrap();
    }
    let (first, second) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let take = async |producer| world.store.take_feeds(producer, LEASE).await.unwrap();
    let fed = async |producer| world.store.read_feeds(producer).await.unwrap().len();
    take(first).await;
    take(second).await;
    assert_eq!((fed(first).await, fed(second).await), (40, 0), "a lease is kept");
    // The first producer knows the second now, and passes on its share.
    take(first).await;
    let shares = (fed(first).await, fed(second).await);
    assert!(shares.0 + shares.1 == 40 && shares.0.abs_diff(shares.1) <= 20, "{shares:?}");
    take(second).await;
    take(first).await;
    assert_eq!((fed(first).await, fed(second).await), shares, "the shares stay");

    world.store.release_feeds(first).await.unwrap();
    take(second).await;
    assert_eq!((fed(first).await, fed(second).await), (0, 40));
    world.close().await;
}

#[tokio::test]
async fn the_last_success_and_the_last_error_of_a_maintenance_job_are_kept() {
    let world = World::new("maintenance_notes", None).await;
    let note = async |error| {
        world.store.note_maintenance("fold_counters", Duration::from_secs(1), error).await.unwrap();
        let select = "
            select is_failing, failures, coalesce(error, ''), succeeded_at is not null, failed_at > succeeded_at
            from report.maintenance where task = 'fold_counters'";
        let row = world.look.query_one(select, &[]).await.unwrap();
        let (is_failing, failures, error): (bool, i32, String) = (row.get(0), row.get(1), row.get(2));
        (is_failing, failures, error, row.get::<_, bool>(3), row.get::<_, Option<bool>>(4))
    };
    assert_eq!(note(Some("no lock")).await, (true, 1, "no lock".into(), false, None));
    assert_eq!(note(Some("no time")).await, (true, 2, "no time".into(), false, None));
    assert_eq!(note(None).await, (false, 0, "no time".into(), true, Some(false)));
    assert_eq!(note(Some("no lock")).await, (true, 1, "no lock".into(), true, Some(true)));
    world.close().await;
}

#[tokio::test]
async fn the_feed_goes_back_to_the_low_water_mark_after_a_pause() {
    let world = World::new("feed_rewind", None).await;
    let campaign = world.campaign(100).await;
    let producer = Uuid::new_v4();
    world.store.take_feeds(producer, LEASE).await.unwrap();
    let state = async || world.store.read_feeds(producer).await.unwrap()[0].campaigns[0].clone();
    assert_eq!(state().await.cursor, 0);
    world.store.advance_cursor(campaign, 0, 80).await.unwrap();
    let claim = world.granted(campaign, 1..=30).await;
    world.record(campaign, &claim, &accepted()).await;
    assert_eq!(world.store.advance_low_water(campaign).await.unwrap(), 31);

    let cause = StopCause { reason: StopReason::Operator, refusal: None, by: "test" };
    world.store.pause_campaign(campaign, None, &cause).await.unwrap();
    assert!(world.store.read_feeds(producer).await.unwrap()[0].campaigns.is_empty());
    world.store.start_campaign(campaign, "test").await.unwrap();
    let after = state().await;
    assert_eq!((after.cursor, after.published), (30, 80));
    // A cursor moved by what was published before the rewind does not undo it.
    world.store.advance_cursor(campaign, 80, 100).await.unwrap();
    assert_eq!(state().await.cursor, 30);
    let pending = world.store.pending_between(campaign, (30, 80), 1000).await.unwrap();
    assert_eq!((pending.seqs.len(), pending.seqs[0].0, pending.looked_to), (50, 31, 80));

    world.store.stop_sender(world.sender, None, &cause).await.unwrap();
    assert!(!world.store.read_feeds(producer).await.unwrap()[0].is_open);
    world.store.advance_cursor(campaign, 30, 60).await.unwrap();
    world.store.open_sender(world.sender, "test").await.unwrap();
    assert_eq!(state().await.cursor, 30);
    world.close().await;
}

#[tokio::test]
async fn a_campaign_is_finished_when_no_recipient_waits() {
    let world = World::new("feed_finish", None).await;
    let campaign = world.campaign(2).await;
    assert!(!world.store.finish_if_done(campaign).await.unwrap());
    let first = world.granted(campaign, 1..=1).await;
    let second = world.granted(campaign, 2..=2).await;
    world.record(campaign, &first, &accepted()).await;
    assert!(!world.store.finish_if_done(campaign).await.unwrap());
    world.record(campaign, &second, &accepted()).await;
    assert_eq!(world.store.advance_low_water(campaign).await.unwrap(), 3);
    assert!(world.store.finish_if_done(campaign).await.unwrap());
    assert_eq!(world.store.campaign(campaign).await.unwrap().state.word(), "finished");
    world.close().await;
}

#[tokio::test]
async fn outside_its_hours_a_campaign_grants_nothing_and_gets_its_next_hours_once() {
    let world = World::new("feed_hours", None).await;
    let campaign = world.campaign(10).await;
    world.granted(campaign, 1..=2).await;
    let set = async |opens: &str, closes: &str| {
        let update = format!(
            "update campaign set opens_at = clock_timestamp() + interval '{opens}',
                closes_at = clock_timestamp() + interval '{closes}' returning id"
        );
        assert_eq!(world.count(&update).await, campaign.0);
    };
    for (opens, closes) in [("1 hour", "2 hours"), ("-2 hours", "-1 hour")] {
        set(opens, closes).await;
        assert_eq!(world.refused(campaign, 3..=4).await, ClaimRefusal::Held);
        assert_eq!(
            world.store.lease(world.sender, campaign, LeaseRequest::of(1)).await.unwrap(),
            LeaseAnswer::Held
        );
    }
    let over = world.store.campaigns_out_of_hours().await.unwrap();
    assert_eq!(over.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [campaign]);
    let epoch = world.store.campaign(campaign).await.unwrap().epoch;
    let next = Opening { from: Timestamp::now(), until: Timestamp::now() + Duration::from_hours(1) };
    assert!(world.store.open_next_hours(campaign, Some(next)).await.unwrap());
    assert!(!world.store.open_next_hours(campaign, Some(next)).await.unwrap());
    assert_eq!(world.store.campaign(campaign).await.unwrap().epoch, epoch + 1);
    let open_for = world.granted(campaign, 3..=4).await.open_for.unwrap();
    assert!(open_for > Duration::from_mins(59) && open_for <= Duration::from_hours(1), "{open_for:?}");
    world.close().await;
}

#[tokio::test]
async fn a_long_list_in_which_few_are_pending_is_looked_through_in_steps() {
    let world = World::new("feed_steps", None).await;
    let campaign = world.campaign(3).await;
    // Only the places count: nobody between the second and the last is in the table.
    let far = "with c as (update campaign set recipients = 1000000) update recipient set seq = 1000000 where seq = 3";
    world.look.execute(far, &[]).await.unwrap();
    let claim = world.granted(campaign, 1..=2).await;
    world.record(campaign, &claim, &accepted()).await;
    let mut steps = vec![world.store.advance_low_water(campaign).await.unwrap()];
    while steps.last() != Some(&1_000_000) {
        steps.push(world.store.advance_low_water(campaign).await.unwrap());
        assert!(steps.len() < 10, "{steps:?}");
    }
    assert_eq!(steps, [200_001, 400_001, 600_001, 800_001, 1_000_000]);
    let mut after = 0;
    let found = loop {
        let pending = world.store.pending_between(campaign, (after, 1_000_000), 10).await.unwrap();
        if !pending.seqs.is_empty() {
            break pending.seqs;
        }
        assert!(pending.looked_to > after, "no step forward from {after}");
        after = pending.looked_to;
    };
    assert_eq!((found.len(), found[0].0, after), (1, 1_000_000, 800_000));
    world.close().await;
}

#[tokio::test]
async fn a_campaign_is_finished_by_its_counters_without_reading_its_list() {
    let world = World::new("feed_finish_counters", None).await;
    let campaign = world.campaign(2).await;
    let claim = world.granted(campaign, 1..=2).await;
    assert!(!world.store.finish_if_done(campaign).await.unwrap());
    world.record(campaign, &claim, &accepted()).await;
    // With the list locked, only an answer that does not read it can come.
    let lock = "begin; lock table recipient_v0 in access exclusive mode";
    world.look.batch_execute(lock).await.unwrap();
    assert!(world.store.finish_if_done(campaign).await.unwrap());
    world.look.batch_execute("rollback").await.unwrap();
    world.close().await;
}

#[tokio::test]
async fn no_statement_of_a_feed_plans_or_locks_the_tables_of_other_volumes() {
    let world = World::new("feed_custom_plans", None).await;
    let campaign = world.campaign(10).await;
    let lock = "begin; lock table recipient_v1, attempt_v1 in access exclusive mode";
    world.look.batch_execute(lock).await.unwrap();
    // Postgres would change to a generic plan after five uses.
    for _ in 0..8 {
        world.store.advance_low_water(campaign).await.unwrap();
        world.store.pending_between(campaign, (0, 10), 5).await.unwrap();
        world.store.expire_claims(world.sender).await.unwrap();
        world.store.expire_campaign(campaign).await.unwrap();
    }
    world.look.batch_execute("rollback").await.unwrap();
    world.close().await;
}
