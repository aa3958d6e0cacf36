//! Actions of a person: who did what is in the audit, once for each command, and nothing personal is.

use std::time::Duration;

use serde_json::{Value, json};
use simulator::{Config, Latency};
use tokio::time::Instant;

use crate::world::{PATIENCE, World};

/// Actor, action, object and outcome of all rows of the audit.
async fn audit(world: &World) -> Vec<[String; 4]> {
    let select = "select actor, action, coalesce(object, '-'), outcome from report.audit order by audit_id";
    let rows = world.look.query(select, &[]).await.unwrap();
    rows.iter().map(|row| [row.get(0), row.get(1), row.get(2), row.get(3)]).collect()
}

#[tokio::test]
async fn each_command_that_changes_something_is_one_row_of_the_audit() {
    let world = World::new("audited", "none", Config::default()).await;
    let prices = world.file("prices.csv", "calling_code,price\n254,0.0450\n");
    let numbers = world.file("numbers.csv", "phone\n254712000001\n");
    let number = "+254712000009";
    let commands: &[(&[&str], i32, [&str; 3])] = &[
        (&["sender", "set", "ke-main", "--rate", "20/s"], 0, ["sender.change", "ke-main", "done"]),
        (&["sender", "hold", "ke-main"], 0, ["sender.hold", "ke-main", "done"]),
        (&["sender", "probe", "ke-main"], 4, ["sender.probe", "ke-main", "refused"]),
        (&["sender", "resume", "ke-main"], 0, ["sender.resume", "ke-main", "done"]),
        (&["sender", "probe", "ke-main"], 4, ["sender.probe", "ke-main", "refused"]),
        (&["sender", "hold", "nobody"], 3, ["sender.hold", "nobody", "refused"]),
        (&["sender", "webhook", "ke-main"], 0, ["sender.webhook", "ke-main", "done"]),
        (
            &["sender", "prices", "ke-main", &prices, "--currency", "KES"],
            0,
            ["sender.prices", "ke-main", "done"],
        ),
        (&["suppression", "add", number], 0, ["suppression.add", "-", "done"]),
        (&["suppression", "add", number, "--sender", "ke-main"], 0, ["suppression.add", "ke-main", "done"]),
        (&["suppression", "list"], 0, ["suppression.read", "-", "done"]),
        (&["suppression", "remove", number], 0, ["suppression.remove", "-", "done"]),
        (&["suppression", "remove", number], 4, ["suppression.remove", "-", "refused"]),
        (&["suppression", "import", &numbers], 0, ["suppression.import", "-", "done"]),
        (&["dead-letters", "redrive"], 4, ["dead_letter.redrive", "-", "refused"]),
        (&["retention", "run", "--older-than", "90d"], 0, ["retention.run", "-", "done"]),
        (&["erase", number], 0, ["number.erase", "-", "done"]),
        (&["erase", "12"], 4, ["number.erase", "-", "refused"]),
        (&["campaign", "archive", "7"], 3, ["campaign.archive", "7", "refused"]),
    ];
    let mut expected = vec![["operator", "sender.add", "ke-main", "done"].map(str::to_owned)];
    for (command, code, [action, object, outcome]) in commands {
        let output = world.command(command).env("FLOWCAST_ACTOR", "anna").output().await.unwrap();
        assert_eq!(output.status.code(), Some(*code), "{command:?}: {output:?}");
        expected.push(["anna", action, object, outcome].map(str::to_owned));
    }
    // Commands that read leave no row.
    for command in [&["sender", "list"][..], &["sender", "show", "ke-main"], &["waiting"], &["check-counts"]]
    {
        world.ok(command).await;
    }
    assert_eq!(audit(&world).await, expected);
    assert_eq!(world.count("select count(*) from audit a where a::text ~ '254712'").await, 0);
    assert_eq!(world.count("select coalesce(first_broken_audit_row(), 0)").await, 0);
    let holds = "select count(*) from hold where caused_by = 'anna' and ended_by = 'anna'";
    assert_eq!(world.count(holds).await, 1);
    let select = "select details from audit where action = 'sender.change'";
    let details: Value = world.look.query_one(select, &[]).await.unwrap().get(0);
    assert_eq!(details, json!({"rate": "20/s"}));
    world.close().await;
}

#[tokio::test]
async fn a_probe_that_a_person_asks_for_opens_the_sender_after_a_top_up() {
    let latency = Latency::fixed(Duration::from_millis(20));
    let provider = Config { balance: Some(30), latency, ..Config::default() };
    let mut world = World::new("probe_now", "none", provider).await;
    world.file("flowcast.toml", "[producer]\nprobe_pauses = [\"1h\"]\n");
    let id = world.draft(100).await;
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    // The next probe is an hour away.
    world.until("select count(*) from hold where reason = 'low_balance' and probe_at > now()", 1).await;
    world.provider.controls().set_balance(None);
    let says = world.ok(&["sender", "probe", "ke-main"]).await;
    assert!(says.contains("is probed now with one waiting recipient"), "{says}");
    // A probe of a recipient that was refused seconds ago meets the provider's limit for one recipient, which proves nothing.
    let deadline = Instant::now() + PATIENCE;
    while world.count("select count(*) from hold where ended_at is null").await > 0 {
        assert!(Instant::now() < deadline, "no probe opened the sender; {}", world.logs());
        world.command(&["sender", "probe", "ke-main"]).output().await.unwrap();
    }
    world.finished(&id).await;
    world.each_exactly_once(&id, 100).await;
    world.close().await;
}
