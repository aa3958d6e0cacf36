//! A database that is not the confirmed one: claims grant nothing, producers hold the senders, and a person confirms it.

use std::time::Duration;

use campaign::{Probing, SenderId, StopReason};
use store::{
    ClaimRefusal, DailyCap, DatabaseDifference, Error, LeaseAnswer, LeaseRequest, Opened, StopCause,
};

use crate::world::{World, accepted, new_sender};

/// Another identity in the row of `installation` is the same as another server under it: claims compare the two.
const OTHERS: [(&str, DatabaseDifference); 4] = [
    ("system_identifier = system_identifier + 1", DatabaseDifference::System),
    ("timeline = '000000FF'", DatabaseDifference::Timeline),
    ("database_id = 1", DatabaseDifference::Database),
    ("table_id = 1", DatabaseDifference::Table),
];
const ANOTHER: &str = "timeline = '000000FF'";

impl World {
    async fn confirmed_is(&self, change: &str) {
        self.look.batch_execute(&format!("update installation set {change}")).await.unwrap();
    }

    async fn stop_for(&self, sender: SenderId, reason: StopReason) {
        let cause = StopCause { reason, refusal: None, by: "worker" };
        assert!(self.store.stop_sender(sender, None, &cause).await.unwrap());
    }

    async fn tat(&self) -> jiff::Timestamp {
        self.look.query_one("select tat from sender_gate", &[]).await.unwrap().get(0)
    }

    /// The reasons of the stops in force, by sender.
    async fn stops(&self) -> Vec<(String, StopReason)> {
        let mut stops: Vec<_> =
            self.store.holds().await.unwrap().into_iter().map(|hold| (hold.sender, hold.reason)).collect();
        stops.sort_by(|one, other| one.0.cmp(&other.0));
        stops
    }
}

#[tokio::test]
async fn a_database_that_differs_in_any_part_grants_no_claim_until_it_is_confirmed() {
    let world = World::new("fence_parts", None).await;
    let campaign = world.campaign(20).await;
    assert!(world.store.database_state().await.unwrap().is_confirmed);
    for (n, (change, difference)) in (1..).zip(OTHERS) {
        world.confirmed_is(change).await;
        assert_eq!(world.refused(campaign, n..=n).await, ClaimRefusal::Held, "{change}");
        let state = world.store.database_state().await.unwrap();
        assert_eq!((state.is_confirmed, state.differences()), (false, vec![difference]));
        assert!(!world.store.confirm_database("anna").await.unwrap().was_confirmed);
        let state = world.store.database_state().await.unwrap();
        assert_eq!((state.is_confirmed, state.differences()), (true, vec![]));
        assert_eq!(state.confirmed_by.as_deref(), Some("anna"));
        world.granted(campaign, n..=n).await;
    }
    world.close().await;
}

#[tokio::test]
async fn no_statement_that_grants_departures_grants_one() {
    let world = World::new("fence_ways", Some("100/s")).await;
    let campaign = world.campaign(20).await;
    let claimed = world.granted(campaign, 1..=2).await;
    let claims = world.count("select last_value from claim_id_seq").await;
    world.confirmed_is(ANOTHER).await;
    let tat = world.tat().await;
    // The short statement.
    assert_eq!(world.refused(campaign, 3..=4).await, ClaimRefusal::Held);
    // New slots for claimed recipients.
    let lease = world.store.lease(world.sender, campaign, LeaseRequest::of(1)).await.unwrap();
    assert_eq!(lease, LeaseAnswer::Held);
    // A gate with a daily cap is claimed by the general statement.
    let cap = DailyCap { recipients: 10, zone: "UTC".into() };
    world.store.set_daily_cap(world.sender, Some(&cap)).await.unwrap();
    assert_eq!(world.refused(campaign, 3..=4).await, ClaimRefusal::Held);
    // A probe, which passes a closed gate.
    world.stop_for(world.sender, StopReason::LowBalance).await;
    assert!(world.store.arm_probe(world.sender, Probing::Patient, &[Duration::ZERO]).await.unwrap());
    assert_eq!(world.refused(campaign, 3..=4).await, ClaimRefusal::Held);
    let probing = LeaseRequest { probes: Some(claimed.gate_epoch), ..LeaseRequest::of(1) };
    assert_eq!(world.store.lease(world.sender, campaign, probing).await.unwrap(), LeaseAnswer::Held);
    // What is sent to one number by hand.
    assert!(matches!(world.store.check_confirmed().await, Err(Error::Conflict(_))));

    assert_eq!(world.tat().await, tat);
    assert_eq!(world.row(campaign, 3).await, ("pending".into(), 0, None));
    let rows = "select count(*) from claim";
    assert_eq!(
        (world.count(rows).await, world.count("select last_value from claim_id_seq").await),
        (1, claims)
    );
    // Outcomes of requests that left are recorded all the same.
    assert_eq!(world.record(campaign, &claimed, &accepted()).await, 2);
    world.close().await;
}

#[tokio::test]
async fn senders_that_are_open_or_would_open_by_themselves_are_held_once() {
    let world = World::new("fence_holds", None).await;
    let mut senders = vec![world.sender];
    for name in ["balance", "capped", "held", "wrong"] {
        senders.push(world.store.add_sender(&new_sender(name, None)).await.unwrap());
    }
    let [_, balance, capped, held, wrong] = senders[..] else { panic!("five senders") };
    world.stop_for(balance, StopReason::LowBalance).await;
    world.stop_for(capped, StopReason::DailyCap).await;
    world.stop_for(wrong, StopReason::BadCredentials).await;
    world.store.hold_sender(held, "operator").await.unwrap();
    assert_eq!(world.store.hold_after_failover().await.unwrap(), None);

    world.confirmed_is(ANOTHER).await;
    assert_eq!(world.store.hold_after_failover().await.unwrap(), Some(3));
    assert_eq!(world.store.hold_after_failover().await.unwrap(), Some(0));
    let failed_over = StopReason::DatabaseFailedOver;
    let stops = [
        ("balance", failed_over),
        ("capped", failed_over),
        ("held", StopReason::Operator),
        ("main", failed_over),
        ("wrong", StopReason::BadCredentials),
    ];
    assert_eq!(world.stops().await, stops.map(|(sender, reason)| (sender.to_owned(), reason)));
    let detail = "select detail from hold join sender s on s.id = sender_id where s.name = 'balance' and ended_at is null";
    let detail: String = world.look.query_one(detail, &[]).await.unwrap().get(0);
    assert!(
        detail.starts_with("another timeline") && detail.contains("stopped for low_balance before"),
        "{detail}"
    );
    let since = world.store.database_state().await.unwrap().differs_since.unwrap();
    // A sender that is added is held as well.
    world.store.add_sender(&new_sender("new", None)).await.unwrap();
    assert_eq!(world.store.hold_after_failover().await.unwrap(), Some(1));
    assert_eq!(world.store.database_state().await.unwrap().differs_since, Some(since));
    world.close().await;
}

#[tokio::test]
async fn nothing_opens_a_sender_before_the_database_is_confirmed() {
    let world = World::new("fence_opens", Some("10/s")).await;
    let campaign = world.campaign(10).await;
    let claim = world.granted(campaign, 1..=1).await;
    let epoch = "select epoch from sender_gate";
    world.stop_for(world.sender, StopReason::LowBalance).await;
    let probed = world.count(epoch).await;
    world.confirmed_is(ANOTHER).await;
    assert_eq!(
        world.store.open_after_probe(world.sender, probed, "worker").await.unwrap(),
        Opened::Unchanged
    );
    world.store.hold_after_failover().await.unwrap();
    let refused = world.store.open_sender(world.sender, "operator").await;
    assert!(
        matches!(&refused, Err(Error::Conflict(says)) if says.contains("flowcast database confirm")),
        "{refused:?}"
    );
    // A lost claim may have taken slots until a moment ago.
    world.look.batch_execute("update sender_gate set tat = 'epoch'").await.unwrap();
    let before = world.now().await;

    let confirmed = world.store.confirm_database("operator").await.unwrap();
    assert_eq!(confirmed.held, [(world.sender, "main".to_owned())]);
    assert_eq!(world.refused(campaign, 2..=2).await, ClaimRefusal::Held);
    assert!(world.tat().await >= before);
    // The probe of before the failover opens nothing.
    let late = world.store.open_after_probe(world.sender, probed, "worker").await.unwrap();
    assert_eq!(late, Opened::Unchanged);
    assert_eq!(world.store.open_sender(world.sender, "operator").await.unwrap(), Opened::Open);
    assert!(world.granted(campaign, 2..=2).await.id.0 >= claim.id.0 + 1_000_000_000);
    assert!(world.campaign(1).await.0 > campaign.0 + 100);
    assert_eq!(world.store.hold_after_failover().await.unwrap(), None);
    assert!(world.store.confirm_database("operator").await.unwrap().was_confirmed);
    world.close().await;
}

#[tokio::test]
async fn a_server_that_does_not_say_its_system_identifier_is_compared_by_the_rest() {
    let world = World::new("fence_refused", None).await;
    let campaign = world.campaign(2).await;
    let role = format!("{}_fence", world.scope.queue_prefix());
    let refuse = format!(
        "create role {role}; grant all on schema public to {role}; alter function database_now() owner to {role};
         revoke execute on function pg_control_system() from public"
    );
    world.look.batch_execute(&refuse).await.unwrap();
    assert_eq!(world.refused(campaign, 1..=1).await, ClaimRefusal::Held);
    let state = world.store.database_state().await.unwrap();
    assert_eq!((&state.now.system, state.differences()), (&None, vec![DatabaseDifference::System]));
    world.store.confirm_database("operator").await.unwrap();
    world.granted(campaign, 1..=1).await;
    world.confirmed_is(ANOTHER).await;
    assert_eq!(world.refused(campaign, 2..=2).await, ClaimRefusal::Held);
    let remove = format!("drop owned by {role} cascade; drop role {role}");
    world.look.batch_execute(&remove).await.unwrap();
    world.close().await;
}

#[tokio::test]
async fn a_recipient_that_is_sending_in_no_claim_becomes_unknown_and_no_other_does() {
    let world = World::new("fence_lost", None).await;
    let campaign = world.campaign(30).await;
    let lost = world.granted(campaign, 1..=10).await;
    // Another claim keeps recipients that are recorded, so counting the recipients of claims would hide the lost ones.
    let open = world.granted(campaign, 11..=30).await;
    assert_eq!(world.store.end_lost_claims(campaign).await.unwrap(), 0);
    assert_eq!(world.store.campaigns_with_sending().await.unwrap(), [campaign]);
    let recorded = "
        update recipient set state = 'accepted' where seq between 11 and 28;
        update recipient set state = 'accepted' where seq <= 4;
        delete from claim where seqs @> array[1]";
    world.look.batch_execute(recorded).await.unwrap();

    assert_eq!(world.store.end_lost_claims(campaign).await.unwrap(), 6);
    assert_eq!(world.store.end_lost_claims(campaign).await.unwrap(), 0);
    assert_eq!(world.row(campaign, 5).await, ("unknown".into(), 1, Some("claim_lost".into())));
    assert_eq!(world.row(campaign, 29).await.0, "sending");
    assert_eq!(world.count("select count(*) from unknown_recipient").await, 6);
    assert_eq!(world.miscounts().await, []);
    // A late answer is still recorded, under the claim to which it belongs.
    world.record(campaign, &lost, &accepted()).await;
    assert_eq!(world.row(campaign, 5).await.0, "accepted");
    world.record(campaign, &open, &accepted()).await;
    assert_eq!(world.store.campaigns_with_sending().await.unwrap(), []);
    world.close().await;
}
