//! What must be found nowhere: numbers, variables and keys in logs, and anything but ids in the queue.

use simulator::{Config, Effect, Fault, Scope};

use crate::world::{KEY, World};

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
    for planted in [KEY, "254712", "Name1", "919900000000", "how was your visit"] {
        assert!(!logs.contains(planted), "{planted} is in the logs:\n{logs}");
    }
    world.close().await;
}
