//! What must be found nowhere: numbers, variables and keys in logs, and anything but ids in the queue.

use broker::{Consumer, Settlement, Topology};
use campaign::SendTask;
use simulator::{Config, Effect, Fault, Scope};
use tokio_util::sync::CancellationToken;

use crate::world::{PATIENCE, World, nothing_planted_in};

#[tokio::test]
async fn no_number_variable_or_key_reaches_a_log() {
    let refusal = |outcome: &str, n: u64| Fault {
        effect: Effect::Refuse { outcome: outcome.into(), retry_after_s: None, accepted: false },
        scope: Scope::next(n),
    };
    let faults = vec![
        refusal("WA400", 5),
        refusal("WA500", 5),
        Fault { effect: Effect::Hang {}, scope: Scope::next(2) },
        refusal("E110", 1),
    ];
    let mut world = World::new("secrecy", "none", Config { faults, ..Config::default() }).await;
    world.file("flowcast.toml", "[http]\ntimeout = \"2s\"\nconnect_timeout = \"1s\"\n");
    let id = world.draft(200).await;
    let processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.until("select count(*) from hold where reason = 'low_balance'", 1).await;
    world.ok(&["sender", "resume", "ke-main"]).await;
    world.until("select count(*) from recipient where state in ('pending', 'sending')", 0).await;
    for process in processes {
        process.stop().await;
    }
    let logs = world.logs();
    assert!(logs.contains("low_balance"), "the logs say nothing of what happened: {logs}");
    world.close().await;
}

#[tokio::test]
async fn a_message_of_the_queue_is_two_numbers_and_nothing_else() {
    let mut world = World::new("secrecy_queue", "none", Config::default()).await;
    let id = world.draft(200).await;
    let _producer = world.start("producer");
    world.ok(&["campaign", "start", &id]).await;
    let queue = Topology::new(world.scope.queue_prefix()).sender_queue(1);
    let gone = CancellationToken::new();
    let mut reader = Consumer::start(world.broker(), queue, 200, &gone);
    let (settler, mut deliveries) = (reader.settler(), Vec::new());
    while deliveries.len() < 200 {
        reader.recv_many(&mut deliveries, 200).await;
    }
    for delivery in &deliveries {
        let task = SendTask::decode(&delivery.body).unwrap();
        assert_eq!(delivery.body, task.encode());
        assert!(delivery.body.len() < 100);
        nothing_planted_in(&String::from_utf8_lossy(&delivery.body));
    }
    settler
        .settle_many(deliveries.into_iter().map(|delivery| (delivery.receipt, Settlement::Done)).collect());
    gone.cancel();
    assert!(reader.close(PATIENCE).await);
    world.close().await;
}
