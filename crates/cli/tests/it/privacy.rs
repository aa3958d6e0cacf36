//! What must be found nowhere: numbers, variables and keys in logs, and anything but ids in the queue.

use broker::{Acknowledgement, Consumer, Topology};
use campaign::Block;
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
async fn a_message_of_the_queue_is_numbers_and_nothing_else() {
    let mut world = World::new("secrecy_queue", "none", Config::default()).await;
    let id = world.draft(200).await;
    let _producer = world.start("producer");
    world.ok(&["campaign", "start", &id]).await;
    let queue = Topology::new(world.scope.queue_prefix()).sender_queue(1);
    let gone = CancellationToken::new();
    let mut reader = Consumer::start(&world.connection(), queue, 200, &gone);
    let (acknowledger, mut deliveries) = (reader.acknowledger(), Vec::new());
    let mut recipients = 0;
    while recipients < 200 {
        let before = deliveries.len();
        reader.recv_many(&mut deliveries, 200).await;
        for delivery in deliveries.iter().skip(before) {
            let block = Block::decode(&delivery.body).unwrap();
            assert_eq!(delivery.body, block.encode());
            assert!(delivery.body.len() < 100);
            nothing_planted_in(&String::from_utf8_lossy(&delivery.body));
            recipients += block.len();
        }
    }
    acknowledger.acknowledge_many(
        deliveries.into_iter().map(|delivery| (delivery.tag, Acknowledgement::Ack)).collect(),
    );
    gone.cancel();
    assert!(reader.close(PATIENCE).await);
    world.close().await;
}

/// PostgreSQL tells the whole row of a refused statement in DETAIL, and values in CONTEXT.
const REFUSE: &str = "
    create sequence refusals;
    create function refuse() returns trigger as $$
    declare
        person text;
        code text := (array['40P01', '40001', '53100', '42501', '57014'])[nextval('refusals')::int];
    begin
        if code is null then return new; end if;
        select format('Failing row contains (%s, %s).', msisdn, variables) into person from recipient
        where campaign_id = new.campaign_id and seq = new.seq;
        raise exception using errcode = code, message = 'refused', detail = person, hint = person;
    end $$ language plpgsql;
    create trigger refuse before insert on attempt for each row execute function refuse()";

#[tokio::test]
async fn no_row_that_postgres_refuses_reaches_a_log_whatever_is_logged() {
    let mut world = World::new("refused_rows", "none", Config::default()).await;
    let trace = ("RUST_LOG", "trace");
    let id = world.draft(0).await;
    let list = world.file("people.csv", "phone,first_name\n254712000001,Name1\n254712000002,Name12\n");
    for command in [
        &["campaign", "import", &id, &list][..],
        &["suppression", "add", "+254712000009"],
        &["suppression", "list"],
        &["erase", "+254712000009"],
    ] {
        for trace in ["trace", "tokio_postgres::query=trace,debug"] {
            let said = world.command(command).env("RUST_LOG", trace).output().await.unwrap();
            let logged = String::from_utf8_lossy(&said.stderr);
            assert!(!logged.is_empty(), "nothing is logged");
            nothing_planted_in(&logged);
        }
    }
    world.look.batch_execute(REFUSE).await.unwrap();
    let processes = [world.start_with("producer", &[trace]), world.start_with("consumer", &[trace])];
    world.ok(&["campaign", "start", &id]).await;
    world.until("select count(*) from refusals where last_value > 5", 1).await;
    world.until("select count(*) from recipient where state = 'accepted'", 2).await;
    for process in processes {
        process.stop().await;
    }
    let logs = world.logs();
    assert!(logs.contains("40P01"), "the refusals are not in the logs: {logs}");
    // It looks through all logs for numbers and names.
    world.close().await;
}
