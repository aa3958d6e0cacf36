//! The queue is only a doorbell: messages may be lost, doubled, disordered or garbage.

use broker::{Acknowledgement, Acknowledger, Consumer, Delivery, Publisher, Topology};
use campaign::{Block, CampaignId, Seq};
use simulator::Config;
use tokio_util::sync::CancellationToken;

use crate::world::{CAMPAIGN, PATIENCE, World};

/// How far the feed came.
const FED: &str = "select cursor::bigint from campaign_feed";

/// Acknowledges deliveries and returns how many recipients they name.
fn steal(acknowledger: &Acknowledger, loot: &mut Vec<Delivery>) -> usize {
    let recipients = loot.iter().map(|delivery| Block::decode(&delivery.body).unwrap().len()).sum();
    acknowledger
        .acknowledge_many(loot.drain(..).map(|delivery| (delivery.tag, Acknowledgement::Ack)).collect());
    recipients
}

#[tokio::test]
async fn messages_that_are_lost_are_published_again() {
    let mut world = World::new("lost_messages", "none", Config::default()).await;
    world.file("flowcast.toml", "[producer]\nstalled_after = \"1s\"\n");
    let id = world.draft(500).await;
    let _producer = world.start("producer");
    world.ok(&["campaign", "start", &id]).await;

    // A thief takes every message off the queue before there is a worker.
    let queue = Topology::new(world.scope.queue_prefix()).sender_queue(1);
    let gone = CancellationToken::new();
    let mut thief = Consumer::start(&world.connection(), queue, 100, &gone);
    let (acknowledger, mut stolen, mut loot) = (thief.acknowledger(), 0, Vec::new());
    while stolen < 500 || world.count(FED).await < 500 || world.depth().await > 0 {
        thief.recv_many(&mut loot, 100).await;
        stolen += steal(&acknowledger, &mut loot);
        if stolen >= 500 {
            // Recipients that were published twice, because a confirm was late, are in the queue by then.
            world.until(FED, 500).await;
        }
    }
    gone.cancel();
    assert!(thief.close(PATIENCE).await);

    let _consumer = world.start("consumer");
    world.finished(&id).await;
    world.each_exactly_once(&id, 500).await;
    let said = world.logs();
    assert!(said.contains("messages of campaign 1 were lost; they are published again"), "{said}");
    world.close().await;
}

#[tokio::test]
async fn lost_messages_of_one_campaign_are_published_again_while_another_fills_the_queue() {
    let mut world = World::new("lost_beside_another", "40/s", Config::default()).await;
    world.file("flowcast.toml", "[producer]\nstalled_after = \"1s\"\n");
    let id = world.draft(30).await;
    let _producer = world.start("producer");
    world.ok(&["campaign", "start", &id]).await;
    let queue = Topology::new(world.scope.queue_prefix()).sender_queue(1);
    let gone = CancellationToken::new();
    let mut thief = Consumer::start(&world.connection(), queue, 100, &gone);
    let (acknowledger, mut stolen, mut loot) = (thief.acknowledger(), 0, Vec::new());
    while stolen < 30 {
        thief.recv_many(&mut loot, 100).await;
        stolen += steal(&acknowledger, &mut loot);
    }
    gone.cancel();
    assert!(thief.close(PATIENCE).await);

    // Two minutes of the rate, and one second of it always in the queue.
    let other = world.draft(4_800).await;
    world.ok(&["campaign", "start", &other]).await;
    let _consumer = world.start("consumer");
    world.finished(&id).await;
    let others = "select count(*) from recipient where campaign_id = 2 and state = 'pending'";
    assert!(world.count(others).await > 400, "the other campaign no longer fills the queue");
    world.ok(&["campaign", "cancel", &other]).await;
    world.close().await;
}

#[tokio::test]
async fn a_sender_whose_queue_cannot_be_used_does_not_stop_the_feed_of_another() {
    let mut world = World::new("locked_queue", "none", Config::default()).await;
    let base_url = world.provider.base_url();
    let second = ["sender", "add", "ke-second", "--provider", "kaleyra", "--base-url", &base_url, "--number"];
    let account = simulator::Config::default().account;
    let rest =
        ["+919900000000", "--account", &account, "--api-key-env", "TEST_PROVIDER_KEY", "--rate", "none"];
    world.ok(&[second.as_slice(), rest.as_slice()].concat()).await;
    let queue = |sender: i64| Topology::new(world.scope.queue_prefix()).sender_queue(sender).to_string();
    let locked = world.scope.lock_queue(&queue(1)).await.unwrap();
    world.scope.track_queue(queue(2));

    let stuck = world.draft(50).await;
    let other = world.draft_of(&CAMPAIGN.replace("\"ke-main\"", "\"ke-second\""), 50).await;
    let _producer = world.start("producer");
    let _consumer = world.start("consumer");
    for id in [&stuck, &other] {
        world.ok(&["campaign", "start", id]).await;
    }
    world.finished(&other).await;
    world
        .until("select count(*) from report.waiting where reason = 'feed_failed' and campaign_id = 1", 1)
        .await;
    let waiting = world.ok(&["waiting"]).await;
    assert!(waiting.contains("the producer cannot feed this sender"), "{waiting}");
    assert_eq!(world.count("select count(*) from sender_feed where trouble is not null").await, 1);
    assert_eq!(world.count("select count(*) from recipient where state = 'pending'").await, 50);
    locked.unlock().await.unwrap();
    world.finished(&stuck).await;
    assert_eq!(world.count("select count(*) from sender_feed where trouble is not null").await, 0);
    world.close().await;
}

#[tokio::test]
async fn doubled_disordered_stale_and_garbage_messages_change_nothing() {
    let mut world = World::new("bad_messages", "none", Config::default()).await;
    let id = world.draft(300).await;
    let queue = Topology::new(world.scope.queue_prefix()).sender_queue(1);
    let closing = CancellationToken::new();
    let (publisher, publishing) = Publisher::start(world.broker(), closing.clone());
    publisher.declare(&queue).await.unwrap();
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    // Each recipient in a range, in a list with some of the others, and alone, also as an earlier version wrote it.
    let mut seqs: Vec<Seq> = (1..=300).map(Seq).collect();
    random.shuffle(&mut seqs);
    let blocks = [Block::of_range(CampaignId(1), (0, 300), 70), Block::of_list(CampaignId(1), &seqs, 40)];
    let mut bodies: Vec<Vec<u8>> = blocks.concat().iter().map(Block::encode).collect();
    let one = |campaign, seq| Block::one(CampaignId(campaign), Seq(seq)).encode();
    bodies.extend((1..=300).map(|seq| one(1, seq)));
    bodies.extend((1..=300).map(|seq| format!(r#"{{"v":1,"campaign":1,"seq":{seq}}}"#).into_bytes()));
    bodies.extend([one(1, 301), one(1, -1), one(77, 1), one(i64::MAX, i32::MAX)]);
    bodies.extend(Block::of_range(CampaignId(1), (250, 500), Block::MOST).iter().map(Block::encode));
    bodies.extend([b"".to_vec(), b"{}".to_vec(), b"\xff\xfe".to_vec()]);
    bodies.push(br#"{"v":2,"campaign":1,"seqs":[]}"#.to_vec());
    // Messages of a later version are returned, not dead-lettered.
    bodies.push(br#"{"v":9,"campaign":1,"rows":"1-300"}"#.to_vec());
    random.shuffle(&mut bodies);
    publisher.publish(&queue, bodies).await.unwrap();

    // Stale while it is a draft: nothing may be sent.
    let consumer = world.start("consumer");
    let dead = Topology::new(world.scope.queue_prefix()).dead_queue();
    let four_dead = async {
        while publisher.depth(&dead).await.unwrap() < 4 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, four_dead).await.unwrap();
    assert!(consumer.stop().await.success(), "{}", world.logs());
    assert_eq!(world.ledger().summary().requests, 0);

    // And again beside the feed, while it runs.
    let doubles = (1..=300).rev().map(|seq| one(1, seq)).collect();
    publisher.publish(&queue, doubles).await.unwrap();
    let _processes = [world.start("producer"), world.start("consumer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.finished(&id).await;
    world.each_exactly_once(&id, 300).await;
    assert_eq!(publisher.depth(&dead).await.unwrap(), 0);
    assert_eq!(world.count("select count(*) from report.dead_letter").await, 4);
    assert!(world.logs().contains("has version 9, which this consumer does not know"), "{}", world.logs());
    closing.cancel();
    publishing.await.unwrap();
    world.close().await;
}

#[tokio::test]
async fn dead_letters_are_drained_and_their_recipients_brought_back() {
    let mut world = World::new("dead_letters", "none", Config::default()).await;
    world.file("flowcast.toml", "[producer]\nstalled_after = \"1h\"\n");
    let id = world.draft(3).await;
    let producer = world.start("producer");
    world.ok(&["campaign", "start", &id]).await;

    // Another consumer sends every message to the dead letters, one of them no block.
    let topology = Topology::new(world.scope.queue_prefix());
    let queue = topology.sender_queue(1);
    let closing = CancellationToken::new();
    let (publisher, publishing) = Publisher::start(world.broker(), closing.clone());
    publisher.declare(&queue).await.unwrap();
    publisher.publish(&queue, vec![b"Anna, 254712000000".to_vec()]).await.unwrap();
    let mut killer = Consumer::start(&world.connection(), queue, 100, &closing);
    let (acknowledger, mut killed, mut letters) = (killer.acknowledger(), 0, Vec::new());
    while killed < 4 {
        killer.recv_many(&mut letters, 100).await;
        killed += letters
            .iter()
            .map(|letter| Block::decode(&letter.body).map_or(1, |block| block.len()))
            .sum::<usize>();
        let buried = letters.drain(..).map(|delivery| (delivery.tag, Acknowledgement::DeadLetter));
        acknowledger.acknowledge_many(buried.collect());
    }
    assert!(killer.close(PATIENCE).await);
    let dead = "select coalesce(sum(greatest(recipients, 1)), 0)::bigint from report.dead_letter where reason = 'rejected' and deaths = 1";
    world.until(dead, 4).await;
    assert_eq!(world.count("select count(*) from report.dead_letter where body is null").await, 1);
    let gone = async {
        while publisher.depth(&topology.dead_queue()).await.unwrap() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.unwrap();
    let listed = world.ok(&["dead-letters", "list"]).await;
    assert!(
        listed.contains("rejected") && !listed.contains("Anna") && !listed.contains("254712"),
        "{listed}"
    );
    assert!(!world.logs().contains("Anna"));

    let _consumer = world.start("consumer");
    let said = world.ok(&["dead-letters", "redrive"]).await;
    assert_eq!(said.trim(), "3 of 3 recipients are still waiting and are published again");
    world.finished(&id).await;
    world.each_exactly_once(&id, 3).await;
    let (code, _) = world.fails(&["dead-letters", "redrive"]).await;
    assert_eq!(code, 4);
    closing.cancel();
    publishing.await.unwrap();
    assert!(producer.stop().await.success(), "{}", world.logs());
    world.close().await;
}
