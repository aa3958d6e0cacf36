//! Settling those who are unknown: by rule, by hand, by receipt; on record, and never behind a worker's back.

use std::time::Duration;

use campaign::{CampaignId, Outcome, ReceiptStatus, Resolution, Seq};
use store::{Claim, Error, Ingest, Resolved};
use uuid::Uuid;

use crate::world::{World, accepted, reason};

fn unknown() -> Outcome {
    Outcome::Unknown { reason: reason("timeout") }
}

/// A campaign with this line in its policy whose first recipients are unknown and whose others are accepted.
async fn finished(world: &World, policy: &str, n_unknown: i32, n: i32) -> (CampaignId, Claim) {
    let campaign = world.campaign_with(policy, n.unsigned_abs()).await;
    let unsure = world.granted(campaign, 1..=n_unknown).await;
    world.record(campaign, &unsure, &unknown()).await;
    if n > n_unknown {
        let sure = world.granted(campaign, n_unknown + 1..=n).await;
        world.record(campaign, &sure, &accepted()).await;
    }
    assert!(world.store.finish_if_done(campaign).await.unwrap());
    (campaign, unsure)
}

/// Makes everybody unknown for so long.
async fn wait(world: &World, time: &str) {
    world
        .look
        .execute(&format!("update unknown_recipient set since = since - interval '{time}'"), &[])
        .await
        .unwrap();
}

async fn by_hand(world: &World, campaign: CampaignId, resolution: Resolution) -> Result<Resolved, Error> {
    world
        .store
        .resolve_by_operator(
            campaign,
            resolution,
            ("anna", "the provider's page says so"),
            (None, std::time::Duration::ZERO),
        )
        .await
}

#[tokio::test]
async fn the_rule_resends_after_its_time_and_a_finished_campaign_runs_again() {
    let world = World::new("resolve_resend", None).await;
    let (campaign, old) = finished(&world, "unknown = \"resend\"\nunknown_after = \"2h\"", 3, 5).await;
    wait(&world, "1 hour").await;
    assert_eq!(world.store.campaigns_to_resolve().await.unwrap(), []);
    assert_eq!(world.store.resolve_by_rule(campaign).await.unwrap(), Resolved::default());
    wait(&world, "1 hour").await;
    assert_eq!(world.store.campaigns_to_resolve().await.unwrap(), [campaign]);
    let resolved = world.store.resolve_by_rule(campaign).await.unwrap();
    assert_eq!(resolved, Resolved { resent: 3, failed: 0 });
    assert_eq!(world.row(campaign, 1).await, ("retry".into(), 1, Some("resent".into())));
    assert_eq!(world.store.campaigns_to_resolve().await.unwrap(), []);

    let row = world.store.campaign(campaign).await.unwrap();
    assert_eq!((row.state.word(), row.epoch), ("running", 2));
    let producer = Uuid::new_v4();
    world.store.take_feeds(producer, Duration::from_secs(30)).await.unwrap();
    world.store.read_feeds(producer).await.unwrap();
    assert_eq!(world.store.take_due(world.sender, 10).await.unwrap().len(), 3);
    let again = world.granted(campaign, 1..=5).await;
    assert_eq!(again.rows.iter().map(|row| row.attempt).collect::<Vec<_>>(), [2, 2, 2]);
    world.record(campaign, &again, &accepted()).await;
    assert!(world.store.finish_if_done(campaign).await.unwrap());
    // The uncertain attempt stays on record beside the new one.
    let attempts =
        format!("select count(*) from attempt where seq = 1 and claim_id in ({}, {})", old.id, again.id);
    assert_eq!(world.count(&attempts).await, 2);
    let on_record =
        "select count(*) from report.resolution where from_state = 'unknown' and to_state = 'retry'
        and resolved_by = 'rule' and reason = 'resend'";
    assert_eq!(world.count(on_record).await, 3);
    world.close().await;
}

#[tokio::test]
async fn a_recipient_without_an_attempt_left_fails_instead_of_being_resent_to() {
    let world = World::new("resolve_used_up", None).await;
    let (campaign, _) = finished(&world, "unknown = \"resend\"\nmax_attempts = 1", 2, 2).await;
    wait(&world, "25 hours").await;
    let resolved = world.store.resolve_by_rule(campaign).await.unwrap();
    assert_eq!(resolved, Resolved { resent: 0, failed: 2 });
    assert_eq!(world.row(campaign, 1).await, ("failed".into(), 1, Some("attempts_used_up".into())));
    assert_eq!(world.store.campaign(campaign).await.unwrap().state.word(), "finished");
    world.close().await;
}

#[tokio::test]
async fn the_rule_gives_up_and_the_default_leaves_it_to_people() {
    let world = World::new("resolve_give_up", None).await;
    let (given_up, _) = finished(&world, "unknown = \"give-up\"", 2, 2).await;
    let (left, _) = finished(&world, "", 2, 2).await;
    wait(&world, "25 hours").await;
    assert_eq!(world.store.campaigns_to_resolve().await.unwrap(), [given_up]);
    assert_eq!(world.store.resolve_by_rule(left).await.unwrap(), Resolved::default());
    let resolved = world.store.resolve_by_rule(given_up).await.unwrap();
    assert_eq!(resolved, Resolved { resent: 0, failed: 2 });
    assert_eq!(world.row(given_up, 2).await, ("failed".into(), 1, Some("unknown_given_up".into())));
    assert_eq!(world.row(left, 2).await.0, "unknown");
    world.close().await;
}

#[tokio::test]
async fn after_the_deadline_the_rule_resends_to_no_recipient() {
    let world = World::new("resolve_deadline", None).await;
    let (campaign, _) = finished(&world, "unknown = \"resend\"\ndeadline = \"48h\"", 1, 1).await;
    world.look.execute("update campaign set deadline_at = now()", &[]).await.unwrap();
    wait(&world, "25 hours").await;
    let resolved = world.store.resolve_by_rule(campaign).await.unwrap();
    assert_eq!(resolved, Resolved { resent: 0, failed: 1 });
    assert_eq!(world.row(campaign, 1).await.2, Some("deadline".into()));
    world.close().await;
}

#[tokio::test]
async fn an_operator_resolves_chosen_recipients_and_then_all() {
    let world = World::new("resolve_by_hand", None).await;
    let (campaign, _) = finished(&world, "", 4, 4).await;
    let chosen = [Seq(2), Seq(3), Seq(99)];
    let resolved = world
        .store
        .resolve_by_operator(
            campaign,
            Resolution::GiveUp,
            ("anna", "asked them"),
            (Some(&chosen), std::time::Duration::ZERO),
        )
        .await
        .unwrap();
    assert_eq!(resolved, Resolved { resent: 0, failed: 2 });
    assert_eq!(
        by_hand(&world, campaign, Resolution::Resend).await.unwrap(),
        Resolved { resent: 2, failed: 0 }
    );
    assert_eq!(by_hand(&world, campaign, Resolution::Resend).await.unwrap(), Resolved::default());
    let on_record = "select count(*) from resolution where resolved_by = 'operator' and actor = 'anna' and reason = 'asked them'";
    assert_eq!(world.count(on_record).await, 2);
    world.close().await;
}

#[tokio::test]
async fn a_cancelled_campaign_resends_to_no_recipient() {
    let world = World::new("resolve_cancelled", None).await;
    let campaign = world.campaign_with("unknown = \"resend\"", 2).await;
    let claim = world.granted(campaign, 1..=2).await;
    world.record(campaign, &claim, &unknown()).await;
    world.cancel(campaign).await;
    wait(&world, "25 hours").await;
    assert_eq!(world.store.campaigns_to_resolve().await.unwrap(), []);
    assert_eq!(world.store.resolve_by_rule(campaign).await.unwrap(), Resolved::default());
    let refused = by_hand(&world, campaign, Resolution::Resend).await.unwrap_err().to_string();
    assert!(
        refused.contains("is cancelled, its recipients are not sent to again; resolve them with give-up"),
        "{refused}"
    );
    let given_up = by_hand(&world, campaign, Resolution::GiveUp).await.unwrap();
    assert_eq!(given_up, Resolved { resent: 0, failed: 2 });
    world.close().await;
}

#[tokio::test]
async fn receipts_resolve_unknown_recipients_before_the_rule_does() {
    let world = World::new("resolve_receipt", None).await;
    let (campaign, _) = finished(&world, "unknown = \"resend\"", 4, 5).await;
    let receipts = vec![
        world.receipt(campaign, 1, ReceiptStatus::Delivered),
        world.receipt(campaign, 2, ReceiptStatus::Failed),
        world.receipt(campaign, 5, ReceiptStatus::Failed),
    ];
    let ingested = world.store.ingest(&Ingest { receipts, ..Ingest::default() }).await.unwrap();
    assert_eq!(ingested.to_resolve, [campaign]);
    wait(&world, "25 hours").await;
    assert_eq!(world.store.resolve_by_rule(campaign).await.unwrap(), Resolved { resent: 2, failed: 0 });
    assert_eq!(world.row(campaign, 1).await, ("accepted".into(), 1, None));
    assert_eq!(world.row(campaign, 2).await, ("failed".into(), 1, Some("131026".into())));
    assert_eq!(world.row(campaign, 5).await.0, "accepted");
    let told = "select count(*) from report.resolution where resolved_by = 'receipt' and provider_message_id = 'wamid.1'";
    assert_eq!(world.count(told).await, 1);

    // Somebody is to be sent to again, and the receipt comes just in time. A failure says nothing of another attempt.
    let receipts = vec![
        world.receipt(campaign, 3, ReceiptStatus::Sent),
        world.receipt(campaign, 4, ReceiptStatus::Failed),
    ];
    world.store.ingest(&Ingest { receipts, ..Ingest::default() }).await.unwrap();
    assert_eq!(world.store.campaigns_to_resolve_by_receipt().await.unwrap(), [campaign]);
    assert_eq!(world.store.resolve_by_receipts(campaign).await.unwrap(), 1);
    assert_eq!(world.store.resolve_by_receipts(campaign).await.unwrap(), 0);
    assert_eq!(world.row(campaign, 3).await.0, "accepted");
    assert_eq!(world.row(campaign, 4).await.0, "retry");
    assert_eq!(world.count("select count(*) from due").await, 1);
    world.close().await;
}

#[tokio::test]
async fn the_late_answer_of_a_worker_is_not_recorded_over_the_attempt_that_followed() {
    let world = World::new("resolve_fence", None).await;
    let (campaign, old) = finished(&world, "", 2, 2).await;
    by_hand(&world, campaign, Resolution::Resend).await.unwrap();
    let new = world.granted(campaign, 1..=2).await;
    assert_eq!(world.record(campaign, &old, &Outcome::Failed { reason: reason("WA400") }).await, 0);
    assert_eq!(world.row(campaign, 1).await, ("sending".into(), 2, Some("resent".into())));
    world.record(campaign, &new, &unknown()).await;
    assert_eq!(world.record(campaign, &old, &accepted()).await, 0);
    assert_eq!(world.row(campaign, 1).await, ("unknown".into(), 2, Some("timeout".into())));
    world.close().await;
}

#[tokio::test]
async fn the_late_answer_of_a_worker_spares_those_not_sent_to_again_yet() {
    let world = World::new("resolve_spared", None).await;
    let campaign = world.campaign(2).await;
    let slow = world.granted(campaign, 1..=2).await;
    world.look.execute("update claim set lease_until = now() - interval '1 hour'", &[]).await.unwrap();
    assert_eq!(world.store.expire_claims(world.sender).await.unwrap(), 2);
    assert_eq!(world.count("select count(*) from unknown_recipient").await, 2);
    by_hand(&world, campaign, Resolution::Resend).await.unwrap();
    assert_eq!(world.record(campaign, &slow, &accepted()).await, 2);
    assert_eq!(world.count("select count(*) from due").await, 0);
    assert_eq!(world.row(campaign, 1).await, ("accepted".into(), 1, None));
    world.close().await;
}

#[tokio::test]
async fn a_resolved_recipient_is_not_listed_as_unknown() {
    let world = World::new("resolve_listed", None).await;
    let (campaign, claim) = finished(&world, "unknown = \"give-up\"", 3, 3).await;
    assert_eq!(world.record(campaign, &claim, &accepted()).await, 3);
    assert_eq!(world.count("select count(*) from unknown_recipient").await, 0);
    // One that was listed in the instant of its resolution is found by the rule, which leaves the recipient alone.
    let stale = "insert into unknown_recipient values ($1, 1, now() - interval '2 days')";
    world.look.execute(stale, &[&campaign.0]).await.unwrap();
    assert_eq!(world.store.resolve_by_rule(campaign).await.unwrap(), Resolved::default());
    assert_eq!(world.count("select count(*) from unknown_recipient").await, 0);
    assert_eq!(world.row(campaign, 1).await.0, "accepted");
    world.close().await;
}

/// Lists these recipients of a campaign to be resolved, with receipts of this status.
async fn listed(
    world: &World,
    campaign: CampaignId,
    seqs: std::ops::RangeInclusive<i32>,
    status: ReceiptStatus,
) {
    let receipts = seqs.map(|seq| world.receipt(campaign, seq, status)).collect();
    world.store.ingest(&Ingest { receipts, ..Ingest::default() }).await.unwrap();
}

#[tokio::test]
async fn one_call_resolves_all_listed_recipients() {
    let world = World::new("resolve_all", None).await;
    let campaign = world.campaign(5_000).await;
    let claim = world.granted(campaign, 1..=5_000).await;
    listed(&world, campaign, 1..=5_000, ReceiptStatus::Sent).await;
    world.record(campaign, &claim, &accepted()).await;
    assert_eq!(world.count("select count(*) from receipt_to_resolve").await, 5_000);
    assert_eq!(world.store.resolve_by_receipts(campaign).await.unwrap(), 0);
    assert_eq!(world.count("select count(*) from receipt_to_resolve").await, 0);
    let (unsure, _) = finished(&world, "", 5_000, 5_000).await;
    listed(&world, unsure, 1..=5_000, ReceiptStatus::Sent).await;
    assert_eq!(world.store.resolve_by_receipts(unsure).await.unwrap(), 5_000);
    assert_eq!(world.count("select count(*) from receipt_to_resolve").await, 0);
    world.close().await;
}

#[tokio::test]
async fn a_recipient_that_no_receipt_can_resolve_leaves_the_list_and_a_new_receipt_resolves_it() {
    let world = World::new("resolve_stays", None).await;
    let (campaign, _) = finished(&world, "", 2, 2).await;
    world.look.execute("update recipient set attempts = 2", &[]).await.unwrap();
    // About which of the two attempts the failure is, nobody knows; the rule is to leave it so.
    listed(&world, campaign, 1..=2, ReceiptStatus::Failed).await;
    assert_eq!(world.store.campaigns_to_resolve_by_receipt().await.unwrap(), [campaign]);
    assert_eq!(world.store.resolve_by_receipts(campaign).await.unwrap(), 0);
    assert_eq!(world.store.campaigns_to_resolve_by_receipt().await.unwrap(), []);
    assert_eq!(world.count("select count(*) from receipt_to_resolve").await, 0);
    assert_eq!(world.row(campaign, 1).await.0, "unknown");
    listed(&world, campaign, 1..=1, ReceiptStatus::Delivered).await;
    assert_eq!(world.store.campaigns_to_resolve_by_receipt().await.unwrap(), [campaign]);
    assert_eq!(world.store.resolve_by_receipts(campaign).await.unwrap(), 1);
    assert_eq!(world.row(campaign, 1).await.0, "accepted");
    world.close().await;
}

#[tokio::test]
async fn a_recipient_that_waits_is_looked_at_after_growing_pauses() {
    let world = World::new("resolve_pauses", None).await;
    let campaign = world.campaign(1).await;
    let claim = world.granted(campaign, 1..=1).await;
    listed(&world, campaign, 1..=1, ReceiptStatus::Sent).await;
    let pause =
        "select round(extract(epoch from look_at - clock_timestamp()))::bigint from receipt_to_resolve";
    for (listed_for, paused) in [("0 seconds", 1), ("20 seconds", 20), ("2 hours", 60)] {
        let waited = format!(
            "update receipt_to_resolve set listed_at = clock_timestamp() - interval '{listed_for}', look_at = clock_timestamp()"
        );
        world.look.execute(&waited, &[]).await.unwrap();
        assert_eq!(world.store.campaigns_to_resolve_by_receipt().await.unwrap(), [campaign]);
        assert_eq!(world.store.resolve_by_receipts(campaign).await.unwrap(), 0);
        assert_eq!(world.store.campaigns_to_resolve_by_receipt().await.unwrap(), [], "{listed_for}");
        let found = world.count(pause).await;
        assert!((paused - 1..=paused).contains(&found), "{found} s after {listed_for}");
    }
    // A new receipt does not wait for the pause.
    listed(&world, campaign, 1..=1, ReceiptStatus::Delivered).await;
    assert_eq!(world.store.campaigns_to_resolve_by_receipt().await.unwrap(), [campaign]);
    world.record(campaign, &claim, &accepted()).await;
    world.store.resolve_by_receipts(campaign).await.unwrap();
    assert_eq!(world.count("select count(*) from receipt_to_resolve").await, 0);
    world.close().await;
}

#[tokio::test]
async fn a_receipt_that_is_committed_while_its_recipient_is_looked_at_is_not_missed() {
    let mut world = World::new("resolve_race", None).await;
    let (campaign, _) = finished(&world, "", 1, 1).await;
    world.look.execute("update recipient set attempts = 2", &[]).await.unwrap();
    listed(&world, campaign, 1..=1, ReceiptStatus::Failed).await;
    // A server that has stored a receipt, listed its recipient again, and has not committed yet.
    let server = world.look.transaction().await.unwrap();
    let store = format!(
        "update receipt set sent_at = now() where campaign_id = {campaign};
        update receipt_to_resolve set look_at = clock_timestamp() where campaign_id = {campaign}"
    );
    server.batch_execute(&store).await.unwrap();
    assert_eq!(world.store.resolve_by_receipts(campaign).await.unwrap(), 0);
    server.commit().await.unwrap();
    assert_eq!(world.store.campaigns_to_resolve_by_receipt().await.unwrap(), [campaign]);
    assert_eq!(world.store.resolve_by_receipts(campaign).await.unwrap(), 1);
    world.close().await;
}
