//! Those who are unknown: settled by the campaign's rule or by hand, and fenced from the worker that lost them.

use simulator::{Config, Effect, Fault, Scope};

use crate::world::World;

const HTTP: &str = "[http]\ntimeout = \"2s\"\nconnect_timeout = \"1s\"\n";

/// The provider takes the next messages and never answers.
fn silent(n: u64) -> Config {
    let fault = Fault { effect: Effect::Hang {}, scope: Scope::next(n) };
    Config { faults: vec![fault], ..Config::default() }
}

#[tokio::test]
async fn the_unknown_are_sent_to_again_when_the_campaign_says_so() {
    let mut world = World::new("rule", "none", silent(3)).await;
    world.file("flowcast.toml", HTTP);
    let campaign = include_str!("../../../../examples/campaign.toml");
    let rule = "unknown = \"resend\"\nunknown_after = \"1s\"";
    let campaign = campaign.replace("unknown = \"leave\"", rule).replace("\nunknown_after = \"24h\"", "");
    let id = world.draft_of(&campaign, 50).await;
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.until("select count(*) from recipient where state = 'accepted'", 50).await;
    world.finished(&id).await;
    let by_rule = "select count(*) from report.resolution where resolved_by = 'rule' and to_state = 'retry'";
    assert_eq!(world.count(by_rule).await, 3);
    assert_eq!(world.count("select count(*) from attempt where outcome = 'unknown'").await, 3);
    assert_eq!(world.ledger().summary().requests, 53);
    world.close().await;
}

#[tokio::test]
async fn an_operator_settles_the_unknown_of_a_finished_campaign() {
    let mut world = World::new("resolve", "none", silent(4)).await;
    world.file("flowcast.toml", HTTP);
    let id = world.draft(50).await;
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.finished(&id).await;
    let first = "select min(seq)::bigint from recipient where state = 'unknown'";
    let first = world.count(first).await.to_string();
    let give_up = ["campaign", "resolve", &id, "--unknown", "give-up", "--recipient-seq", &first];
    let said = world.ok(&give_up).await;
    assert_eq!(said.trim(), "campaign 1: 0 unknown recipients are due again, 1 failed");
    let said =
        world.ok(&["campaign", "resolve", &id, "--unknown", "resend", "--reason", "called them"]).await;
    assert_eq!(said.trim(), "campaign 1: 3 unknown recipients are due again, 0 failed");
    world.finished(&id).await;
    assert_eq!(world.count("select count(*) from recipient where state = 'accepted'").await, 49);
    let why =
        "select count(*) from report.resolution where resolved_by = 'operator' and reason = 'called them'";
    assert_eq!(world.count(why).await, 3);
    let (code, said) = world.fails(&["campaign", "resolve", &id, "--unknown", "resend"]).await;
    assert_eq!(
        (code, said.as_str()),
        (4, "flowcast: campaign 1: no recipient is unknown; there is nothing to resolve")
    );
    world.close().await;
}
