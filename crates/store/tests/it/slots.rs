//! Departure slots: disjoint over all workers, never faster than the rate, and given out for a short time only.

use std::time::Duration;

use store::{Claim, ClaimAnswer, ClaimRefusal, LeaseAnswer, LeaseRequest};

use tokio::time::Instant;

use crate::world::{World, by_operator};

#[tokio::test]
async fn slots_of_all_workers_are_disjoint_and_follow_the_rate() {
    let world = World::new("claim_rate", Some("1000/s")).await;
    let campaign = world.campaign(2_000).await;
    let worker = async |first: i32| {
        let mut departures = Vec::new();
        for batch in 0..10 {
            let seqs = first + batch * 20..=first + batch * 20 + 19;
            loop {
                match world.claim(campaign, seqs.clone()).await {
                    ClaimAnswer::Granted(claim) => {
                        let start = claim.at.as_microsecond();
                        let mut lease = claim.slots.lease;
                        let slots = std::iter::from_fn(|| lease.take_slot(Duration::ZERO));
                        departures.extend(slots.map(|slot| start + i64::try_from(slot.as_micros()).unwrap()));
                        break;
                    }
                    ClaimAnswer::Refused(ClaimRefusal::Wait(time)) => tokio::time::sleep(time).await,
                    ClaimAnswer::Refused(other) => panic!("{other:?}"),
                }
            }
        }
        departures
    };
    let firsts = [1, 201, 401, 601];
    let mut departures: Vec<i64> =
        futures::future::join_all(firsts.map(worker)).await.into_iter().flatten().collect();
    departures.sort_unstable();
    assert_eq!(departures.len(), 800);
    let nearest = departures.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap();
    assert!(nearest >= 1_000, "two slots are {nearest} µs apart, the rate allows 1000");
    let span = departures[799] - departures[0];
    assert!(span >= 790_000, "800 slots in {span} µs");
    world.close().await;
}

#[tokio::test]
async fn slots_are_given_out_only_a_short_time_ahead() {
    let world = World::new("claim_ahead", Some("10/s")).await;
    let campaign = world.campaign(100).await;
    assert_eq!(world.refused(campaign, 1..=3).await, ClaimRefusal::TooMany(1));
    assert_eq!(world.granted(campaign, 1..=2).await.rows.len(), 2);
    // 200 ms a claim: the fourth begins 600 ms from now, and waits until that is less than 500 ms ahead.
    for first in [3, 5] {
        world.granted(campaign, first..=first + 1).await;
    }
    let ClaimRefusal::Wait(time) = world.refused(campaign, 7..=8).await else { panic!("not told to wait") };
    assert!(time <= Duration::from_millis(100), "{time:?}");
    assert_eq!(world.row(campaign, 7).await.0, "pending");
    world.close().await;
}

#[tokio::test]
async fn a_throttle_answer_slows_every_worker_and_wears_off() {
    let world = World::new("claim_throttle", Some("1000/s")).await;
    let campaign = world.campaign(100).await;
    assert!(world.store.slow_sender(world.sender, Duration::from_millis(1_200)).await.unwrap());
    assert!(
        !world.store.slow_sender(world.sender, Duration::ZERO).await.unwrap(),
        "answers of one moment count once"
    );
    let ClaimRefusal::Wait(time) = world.refused(campaign, 1..=10).await else { panic!("not told to wait") };
    assert!(time > Duration::from_millis(100) && time <= Duration::from_millis(700), "{time:?}");
    let passed = "update sender_gate set paused_until = 'epoch', slowed_at = slowed_at - interval '15 s'";
    world.look.execute(passed, &[]).await.unwrap();
    // Half the rate, and a quarter of it regained in a quarter of a minute.
    let rate = world.granted(campaign, 1..=10).await.slots.lease.rate().unwrap().per_second();
    assert!((740.0..770.0).contains(&rate), "{rate}");
    let passed = "update sender_gate set tat = 'epoch', slowed_at = slowed_at - interval '15 s'";
    world.look.execute(passed, &[]).await.unwrap();
    let rate = world.granted(campaign, 11..=20).await.slots.lease.rate().unwrap().per_second();
    assert!((999.0..=1000.0).contains(&rate), "{rate}");
    world.close().await;
}

#[tokio::test]
async fn slots_lost_to_a_stall_are_replaced_by_new_ones_behind_all_others() {
    let world = World::new("claim_renew", Some("100/s")).await;
    let campaign = world.campaign(100).await;
    world.store.measure_clock().await.unwrap();
    let claim = world.granted(campaign, 1..=10).await;
    let LeaseAnswer::Granted(again) =
        world.store.lease(world.sender, campaign, LeaseRequest::of(4)).await.unwrap()
    else {
        panic!("the gate is open")
    };
    let (mut first, mut second) = (claim.slots.lease, again.lease);
    let first: Vec<_> = std::iter::from_fn(|| first.take_slot(Duration::ZERO)).collect();
    let second: Vec<_> = std::iter::from_fn(|| second.take_slot(Duration::ZERO)).collect();
    assert_eq!((first.len(), second.len()), (10, 4));
    let gap = (again.at + second[0]).duration_since(claim.slots.at + first[9]);
    // A slot is 10 ms; how this process sees the database clock gets better from answer to answer.
    assert!(gap >= Duration::from_millis(5), "{gap:?}");
    assert_eq!(
        world.store.lease(world.sender, campaign, LeaseRequest::of(90)).await.unwrap(),
        LeaseAnswer::TooMany(10)
    );
    let mut granted = 0;
    while let LeaseAnswer::Granted(_) =
        world.store.lease(world.sender, campaign, LeaseRequest::of(25)).await.unwrap()
    {
        granted += 1;
        assert!(granted < 50, "slots are given out without end");
    }
    assert!(matches!(
        world.store.lease(world.sender, campaign, LeaseRequest::of(25)).await.unwrap(),
        LeaseAnswer::Wait(_)
    ));
    world.store.stop_sender(world.sender, None, &by_operator()).await.unwrap();
    assert_eq!(
        world.store.lease(world.sender, campaign, LeaseRequest::of(1)).await.unwrap(),
        LeaseAnswer::Held
    );
    world.close().await;
}

#[tokio::test]
async fn a_lease_begins_no_earlier_than_asked_for() {
    let world = World::new("claim_ahead", Some("100/s")).await;
    let campaign = world.campaign(10).await;
    world.store.measure_clock().await.unwrap();
    let mut last = None;
    for ahead in [100, 0].map(Duration::from_millis) {
        let asked = Instant::now();
        let request = LeaseRequest { ahead, ..LeaseRequest::of(2) };
        let LeaseAnswer::Granted(mut slots) =
            world.store.lease(world.sender, campaign, request).await.unwrap()
        else {
            panic!("the gate is open")
        };
        let first = slots.at + slots.lease.take_slot(Duration::ZERO).unwrap();
        assert!(first > asked + ahead.mul_f64(0.9), "{:?} before {ahead:?}", asked.duration_since(first));
        // The lease behind it begins where it ends.
        assert!(last.is_none_or(|last| first > last + Duration::from_millis(5)), "{last:?} {first:?}");
        last = Some(first);
    }
    world.close().await;
}

#[tokio::test]
async fn a_single_slot_of_a_slow_rate_is_waited_for_and_not_asked_for_again_and_again() {
    let world = World::new("claim_slow", Some("1/s")).await;
    let campaign = world.campaign(10).await;
    world.granted(campaign, 1..=1).await;
    let one = world.store.lease(world.sender, campaign, LeaseRequest::of(1)).await.unwrap();
    let LeaseAnswer::Wait(time) = one else { panic!("{one:?}") };
    assert!(time > Duration::from_millis(300), "{time:?}");
    assert_eq!(
        world.store.lease(world.sender, campaign, LeaseRequest::of(2)).await.unwrap(),
        LeaseAnswer::TooMany(1)
    );
    world.close().await;
}

#[tokio::test]
async fn a_paused_campaign_is_given_no_new_slots_for_those_it_lost() {
    let world = World::new("claim_paused", Some("1000/s")).await;
    let campaign = world.campaign(10).await;
    world.granted(campaign, 1..=5).await;
    world.store.pause_campaign(campaign, None, &by_operator()).await.unwrap();
    assert_eq!(
        world.store.lease(world.sender, campaign, LeaseRequest::of(5)).await.unwrap(),
        LeaseAnswer::Held
    );
    world.close().await;
}

#[tokio::test]
async fn a_campaigns_own_rate_holds_besides_its_senders_and_leaves_the_rest_to_others() {
    let world = World::new("claim_two_rates", Some("1000/s")).await;
    let slow = world.campaign_with("rate = \"50/s\"", 100).await;
    let other = world.campaign(200).await;
    let first = world.granted(slow, 1..=5).await;
    let second = world.granted(slow, 6..=10).await;
    let (mut last, mut place) = (None, 11);
    let refused = loop {
        match world.claim(slow, place..=place + 4).await {
            ClaimAnswer::Granted(claim) => (last, place) = (Some(claim), place + 5),
            ClaimAnswer::Refused(refused) => break refused,
        }
    };
    assert!(matches!(refused, ClaimRefusal::Wait(_)), "{refused:?}");
    let starts = |claim: &Claim| {
        let mut lease = claim.slots.lease;
        claim.at + lease.take_slot(Duration::ZERO).unwrap()
    };
    let apart = starts(&second).duration_since(starts(&first));
    assert!(apart.as_millis() >= 100, "{apart:?}");
    // The slots in between belong to the sender: another campaign goes on behind the last one given out, or at once.
    let other = world.granted(other, 1..=50).await;
    let behind = starts(&other).duration_since(starts(&last.unwrap()).max(other.at));
    assert!(behind.as_millis() < 50, "{behind:?}");
    world.close().await;
}

/// From now until the first slot of a claim.
async fn first_slot_in(world: &World, claim: &Claim) -> Duration {
    let mut lease = claim.slots.lease;
    let first = claim.at + lease.take_slot(Duration::ZERO).unwrap();
    first.duration_since(world.now().await).try_into().unwrap_or(Duration::ZERO)
}

async fn set_rate(world: &World, rate: &str) {
    world.store.set_rate(world.sender, Some(rate.parse().unwrap())).await.unwrap();
}

#[tokio::test]
async fn a_raised_rate_is_used_within_a_second_and_a_lowered_one_counts_from_the_last_slot() {
    let world = World::new("rate_changed", Some("10/h")).await;
    let campaign = world.campaign(100).await;
    world.granted(campaign, 1..=1).await;
    let ClaimRefusal::Wait(time) = world.refused(campaign, 2..=2).await else { panic!("not told to wait") };
    assert!(time > Duration::from_secs(350), "{time:?}");
    set_rate(&world, "80/s").await;
    let claim = world.granted(campaign, 2..=9).await;
    let first = first_slot_in(&world, &claim).await;
    assert!(first < Duration::from_secs(1), "{first:?}");

    // The last of those eight slots is less than a tenth of a second ahead.
    set_rate(&world, "10/h").await;
    let ClaimRefusal::Wait(time) = world.refused(campaign, 10..=10).await else { panic!("not told to wait") };
    assert!(time > Duration::from_secs(355) && time < Duration::from_mins(6), "{time:?}");
    world.store.set_rate(world.sender, None).await.unwrap();
    assert_eq!(world.granted(campaign, 10..=40).await.rows.len(), 31);
    world.close().await;
}

#[tokio::test]
async fn a_raised_rate_is_used_within_a_second_also_after_a_slot_of_a_sender_that_was_slowed_down() {
    let world = World::new("rate_slowed", Some("10/h")).await;
    let campaign = world.campaign(100).await;
    let slowed = "update sender_gate set pace = 0.015625, slowed_at = clock_timestamp()";
    world.look.execute(slowed, &[]).await.unwrap();
    world.granted(campaign, 1..=1).await;
    // Within a minute it has its whole rate again: a slot of six minutes takes half a minute more.
    let ClaimRefusal::Wait(time) = world.refused(campaign, 2..=2).await else { panic!("not told to wait") };
    assert!(time > Duration::from_secs(385) && time < Duration::from_secs(390), "{time:?}");
    world.look.execute("update sender_gate set tat = tat + interval '6 hours'", &[]).await.unwrap();
    set_rate(&world, "80/s").await;
    let ahead = "select (extract(epoch from tat - clock_timestamp()) * 1000)::bigint from sender_gate";
    let ahead = world.count(ahead).await;
    assert!(ahead < 770, "{ahead} ms");
    world.close().await;
}

#[tokio::test]
async fn a_changed_rate_does_not_shorten_the_pause_that_the_provider_asked_for() {
    let world = World::new("rate_paused", Some("10/h")).await;
    let campaign = world.campaign(10).await;
    assert!(world.store.slow_sender(world.sender, Duration::from_mins(1)).await.unwrap());
    set_rate(&world, "80/s").await;
    world
        .look
        .execute("update sender_gate set slowed_at = slowed_at - interval '1 minute'", &[])
        .await
        .unwrap();
    let ClaimRefusal::Wait(time) = world.refused(campaign, 1..=1).await else { panic!("not told to wait") };
    assert!(time > Duration::from_secs(55), "{time:?}");
    world.close().await;
}
