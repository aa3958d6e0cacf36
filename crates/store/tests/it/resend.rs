//! Sending again to those who were not reached, and lists of them.

use campaign::{Outcome, ReceiptStatus, Seq};
use store::{Ingest, RecipientFilter, ResendClass};

use crate::world::{World, accepted, reason};

#[tokio::test]
async fn a_retry_makes_new_attempts_and_keeps_the_old_ones() {
    let world = World::new("retry_class", None).await;
    let campaign = world.campaign(6).await;
    let (bad, other, good) = (
        world.granted(campaign, 1..=2).await,
        world.granted(campaign, 3..=3).await,
        world.granted(campaign, 4..=6).await,
    );
    world.record(campaign, &bad, &Outcome::Failed { reason: reason("E1") }).await;
    world.record(campaign, &other, &Outcome::Failed { reason: reason("E2") }).await;
    world.record(campaign, &good, &accepted()).await;
    let receipts = vec![
        world.receipt(campaign, 4, ReceiptStatus::Failed),
        world.receipt(campaign, 5, ReceiptStatus::Failed),
        world.receipt(campaign, 5, ReceiptStatus::Delivered),
    ];
    world.store.ingest(&Ingest { receipts, ..Ingest::default() }).await.unwrap();
    assert!(world.store.finish_if_done(campaign).await.unwrap());

    let listed = async |who| {
        let page = world.store.listed(campaign, who, (Seq(0), Seq(10))).await.unwrap();
        page.iter().map(|(seq, ..)| seq.0).collect::<Vec<i32>>()
    };
    assert_eq!(listed(RecipientFilter::Failed).await, [1, 2, 3]);
    assert_eq!(listed(RecipientFilter::NotDelivered).await, [4, 6]);
    assert_eq!(listed(RecipientFilter::NotAnswered).await, [4, 5, 6]);
    assert_eq!(world.store.list_columns(campaign).await.unwrap(), ["first_name", "town"]);

    assert_eq!(
        world
            .store
            .resend(campaign, (ResendClass::Failed, Some("E1")), ("anna", "test"), None)
            .await
            .unwrap(),
        2
    );
    assert_eq!(
        world.store.resend(campaign, (ResendClass::Undelivered, None), ("anna", "test"), None).await.unwrap(),
        1
    );
    assert_eq!(world.count("select count(*) from campaign where state = 'running'").await, 1);
    let again = world.granted(campaign, 1..=6).await;
    let seqs: Vec<i32> = again.rows.iter().map(|row| row.seq.0).collect();
    assert_eq!((seqs, again.rows[0].attempt), (vec![1, 2, 4], 2));
    world.record(campaign, &again, &accepted()).await;
    assert_eq!(world.count("select count(*) from attempt where seq = 1").await, 2);
    assert_eq!(
        world
            .count("select count(*) from resolution where resolved_by = 'operator' and actor = 'anna'")
            .await,
        3
    );
    assert!(world.miscounts().await.is_empty());
    world.cancel(campaign).await;
    let error =
        world.store.resend(campaign, (ResendClass::Failed, None), ("anna", "test"), None).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("campaign {campaign} is cancelled, its recipients are not sent to again")
    );
    world.close().await;
}

#[tokio::test]
async fn a_resend_reaches_the_last_place_of_a_list_of_several_pages() {
    let world = World::new("resend_pages", None).await;
    let campaign = world.campaign(10_001).await;
    let last = world.granted(campaign, 10_001..=10_001).await;
    world.record(campaign, &last, &Outcome::Failed { reason: reason("E1") }).await;
    let page = async |after, through| {
        world.store.listed(campaign, RecipientFilter::Failed, (Seq(after), Seq(through))).await.unwrap().len()
    };
    assert_eq!(
        (page(0, 10_000).await, page(10_000, 10_001).await),
        (0, 1),
        "a page reads no further than its end"
    );
    let resent =
        world.store.resend(campaign, (ResendClass::Failed, None), ("anna", "test"), None).await.unwrap();
    assert_eq!(resent, 1);
    let waiting = format!(
        "select count(*) from recipient where campaign_id = {campaign} and seq = 10001 and state = 'retry'"
    );
    assert_eq!(world.count(&waiting).await, 1);
    world.close().await;
}
