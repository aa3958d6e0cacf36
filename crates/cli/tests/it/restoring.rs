//! A database that is lost and restored from a backup: recipients sent to after the backup are not sent to again.

use std::time::Duration;

use jiff::Timestamp;
use simulator::{Config, Latency};

use crate::audit::Audit;
use crate::outages::SETTINGS;
use crate::postgres_tools::run;
use crate::world::World;

/// More than 300 requests a second can reach in the gap and the minute of margin.
const RECIPIENTS: u32 = 22_000;

#[tokio::test]
async fn recipients_sent_to_between_backup_and_loss_become_unknown_and_are_not_sent_to_again() {
    let latency = Latency::fixed(Duration::from_millis(20));
    let mut world = World::new("restored", "300/s,burst=10", Config { latency, ..Config::default() }).await;
    world.file("flowcast.toml", SETTINGS);
    let id = world.draft(RECIPIENTS).await;
    let draft = world.draft(1).await;
    // A campaign whose rule may have sent to its unknown recipient again in the gap.
    let resending = world.draft(1).await;
    let resend = format!(
        "update campaign set state = 'finished', unknown_rule = 'resend' where id = {resending};
         update recipient set state = 'unknown' where campaign_id = {resending};
         insert into unknown_recipient (campaign_id, seq) values ({resending}, 1)"
    );
    world.look.batch_execute(&resend).await.unwrap();
    let processes = [world.start("producer"), world.start("consumer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.more_arrive(300).await;
    let backup = world.file("backup", "");
    let url = world.scope.database_url().to_owned();
    let backup_at = Timestamp::now().to_string();
    run("pg_dump", &["--format=custom", "--file", &backup, &url]).await;
    world.more_arrive(300).await;
    let ask = ["restored", "--backup-at", &backup_at, "--lost-at", &Timestamp::now().to_string(), "--yes"];
    let (code, refused) = world.fails(&ask).await;
    assert!(code == 4 && refused.contains("stop all consumers"), "{code} {refused}");
    for process in processes {
        process.kill().await;
    }
    let lost_at = Timestamp::now().to_string();
    let lost = "drop schema public cascade; drop schema report cascade; create schema public";
    world.look.batch_execute(lost).await.unwrap();
    run("pg_restore", &["--no-owner", "--exit-on-error", "--dbname", &url, &backup]).await;

    let ask = ["restored", "--backup-at", &backup_at, "--lost-at", &lost_at];
    let shown = world.ok(&["database", "show"]).await;
    assert!(
        shown.contains("not confirmed") && shown.contains("the tables were restored from a dump"),
        "{shown}"
    );
    let plan = world.ok(&ask).await;
    assert!(plan.contains("nothing was changed; run the command again with --yes"), "{plan}");
    let drafts = format!("drafts in the backup: {draft}; add --started ID");
    assert!(plan.contains(&drafts), "{plan}");
    let unknown = format!("select count(*) from recipient where campaign_id = {id} and state = 'unknown'");
    assert_eq!(world.count(&unknown).await, 0);
    let done = world.ok(&[&ask[..], &["--yes"]].concat()).await;
    assert!(done.contains("all senders are stopped") && done.contains("the database is confirmed"), "{done}");
    let marked = world.count(&unknown).await;
    assert!((18_000..22_000).contains(&marked), "{marked}");
    assert_eq!(world.count("select count(*) from campaign where unknown_rule = 'resend'").await, 0);

    let _processes = [world.start("producer"), world.start("consumer")];
    let other = world.draft(1).await;
    assert!(other.parse::<i64>().unwrap() >= 20_000, "the id {other} may have been used in the gap");
    world.ok(&["sender", "resume", "ke-main"]).await;
    world.finished(&id).await;
    let audit = Audit::of(&world).await;
    assert_eq!((audit.doubled, audit.denied), (0, 0), "{audit}");
    // The two drafts wait, and the recipient of the other campaign is unknown as well.
    assert_eq!((audit.lost, audit.unknown), (2, u64::try_from(marked).unwrap() + 1), "{audit}");
    // As docs/OPERATIONS.md says, an operator decides about the rest.
    world.ok(&["campaign", "resolve", &id, "--unknown", "give-up"]).await;
    assert_eq!(world.count(&unknown).await, 0);
    world.ok(&["check-counts"]).await;
    world.close().await;
}
