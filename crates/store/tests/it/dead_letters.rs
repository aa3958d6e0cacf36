//! Dead letters: kept once each, without what nobody knows, and brought back for whoever still waits.

use campaign::{Block, CampaignId, Seq};
use store::{DeadLetter, Redriven};

use crate::world::{World, accepted};

fn letter(body: &[u8]) -> DeadLetter<'_> {
    let queue = Some("flowcast.sender.1");
    DeadLetter { queue, reason: "rejected", body, deaths: 1, died_at: None, redelivered: false }
}

fn block(campaign: CampaignId, seqs: &[i32]) -> Vec<u8> {
    let seqs: Vec<Seq> = seqs.iter().copied().map(Seq).collect();
    Block::of_list(campaign, &seqs, Block::MOST)[0].encode()
}

#[tokio::test]
async fn of_what_is_no_block_only_length_and_hash_are_kept() {
    let world = World::new("dead_garbage", None).await;
    for body in
        [&b"+254712345678 Anna"[..], b"\xff\xfe", b"", br#"{"v":1,"campaign":1,"seq":1,"to":"254712345678"}"#]
    {
        world.store.keep_dead_letter(&letter(body)).await.unwrap();
    }
    world.store.keep_dead_letter(&letter(b" {\"v\":1, \"campaign\":7,\"seq\":42}\n")).await.unwrap();
    let letters = world.store.dead_letters(100).await.unwrap();
    let bodies: Vec<_> = letters.iter().filter_map(|letter| letter.body.as_deref()).collect();
    assert_eq!(bodies, [r#"{"v":2,"campaign":7,"first":42,"last":42}"#]);
    let mut lengths: Vec<i64> = letters.iter().map(|letter| letter.body_bytes).collect();
    lengths.sort_unstable();
    assert_eq!(lengths, [0, 2, 18, 32, 48]);
    assert!(!format!("{letters:?}").contains("254712345678"));
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(letters.iter().filter(|letter| letter.body_sha256 == empty).count(), 1);
    world.close().await;
}

#[tokio::test]
async fn a_letter_that_dies_again_is_one_row_and_one_delivered_twice_is_counted_once() {
    let world = World::new("dead_twice", None).await;
    let body = block(CampaignId(7), &[1]);
    let first = letter(&body);
    world.store.keep_dead_letter(&first).await.unwrap();
    world.store.keep_dead_letter(&DeadLetter { redelivered: true, ..first }).await.unwrap();
    assert_eq!(world.store.dead_letters(10).await.unwrap()[0].deaths, 1);
    world.store.redrive(None).await.unwrap();
    assert!(world.store.dead_letters(10).await.unwrap()[0].redriven_at.is_some());
    world.store.keep_dead_letter(&first).await.unwrap();
    let letters = world.store.dead_letters(10).await.unwrap();
    assert_eq!((letters.len(), letters[0].deaths, letters[0].redriven_at), (1, 2, None));
    world.close().await;
}

#[tokio::test]
async fn redriving_publishes_only_recipients_that_are_still_waiting() {
    let world = World::new("dead_redrive", None).await;
    let campaign = world.campaign(3).await;
    let done = world.granted(campaign, 1..=1).await;
    world.record(campaign, &done, &accepted()).await;
    for body in [block(campaign, &[1, 2]), block(campaign, &[2, 99]), b"garbage".to_vec()] {
        world.store.keep_dead_letter(&letter(&body)).await.unwrap();
    }
    assert_eq!(world.store.redrive(None).await.unwrap(), Redriven { recipients: 3, waiting: 1 });
    assert_eq!(world.store.redrive(None).await.unwrap(), Redriven::default());
    let due = world.store.take_due(world.sender, 10).await.unwrap();
    assert_eq!(due, [(campaign, Seq(2))]);
    // As an earlier build stores it.
    world.store.keep_dead_letter(&letter(&block(campaign, &[3]))).await.unwrap();
    world.look.batch_execute("update dead_letter set seqs = null").await.unwrap();
    assert_eq!(world.store.redrive(None).await.unwrap(), Redriven { recipients: 1, waiting: 1 });
    let claim = world.granted(campaign, 2..=3).await;
    world.record(campaign, &claim, &accepted()).await;
    assert!(world.store.finish_if_done(campaign).await.unwrap());
    world.close().await;
}
