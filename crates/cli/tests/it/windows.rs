//! Closed 24-hour windows through each provider: a recipient whose flow is refused gets the template, and each recipient gets exactly one message.

use std::collections::{HashMap, HashSet};

use simulator::{ClosedWindows, Config, Latency, Provider, Webhook, WindowReport};
use tokio::time::Duration;

use crate::receiving::Receiving;
use crate::world::World;

const FLOW: &str = "name = \"t\"\nsender = \"ke-main\"\n[flow]\nbody = \"Hi {{ first_name }}\"\ncta = \"Open\"\nflow_id = \"1\"\n\
    screen = \"W\"\n[template]\nname = \"t\"\nlanguage = \"en\"\nbody = [\"{{ first_name }}\"]\n[policy]\nassume_window = \"open\"\n";
const N: u32 = 60;

/// Half of the windows are closed, and the provider reports it so.
async fn half_closed(name: &str, provider: Provider, reported: WindowReport) {
    let closed = (0..N)
        .filter(|n| n % 2 == 0)
        .map(|n| simulator::Msisdn::parse(&(254_712_000_000 + u64::from(n)).to_string()).unwrap());
    let config = Config {
        provider,
        account: if provider == Provider::Meta { "106540352242922" } else { "ODI371267300" }.into(),
        latency: Latency::fixed(Duration::from_millis(10)),
        closed_windows: ClosedWindows { recipients: closed.collect::<HashSet<_>>(), reported },
        ..Config::default()
    };
    let in_answer = reported == WindowReport::Answer;
    let mut world = World::new(name, "none", config).await;
    let receiving = Receiving::start(&mut world, &[]).await;
    receiving.is_told_by(
        &world,
        Webhook {
            after: Latency { fixed: Duration::from_millis(5), jitter: Duration::from_millis(30) },
            early: 0.3,
            doubled: 0.4,
            late: 0.4,
            ..Webhook::default()
        },
    );
    let id = world.draft_of(FLOW, N).await;
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    let delivered =
        format!("select count(*) from receipt where campaign_id = {id} and delivered_at is not null");
    world.until(&delivered, i64::from(N)).await;
    world.finished(&id).await;
    let rows = |of: &str| format!("select count(*) from recipient where campaign_id = {id} and {of}");
    assert_eq!(world.count(&rows("state = 'accepted' and attempts = 1")).await, i64::from(N / 2));
    assert_eq!(world.count(&rows("state = 'accepted' and attempts = 2")).await, i64::from(N / 2));
    // Every person got one message: a flow that was reported as failed did not arrive.
    let counts: HashMap<_, _> = world.ledger().accepted_counts().into_iter().collect();
    for n in 0..N {
        let number = simulator::Msisdn::parse(&(254_712_000_000 + u64::from(n)).to_string()).unwrap();
        let failed = u32::from(n % 2 == 0 && !in_answer);
        assert_eq!(counts.get(&number).copied(), Some(1 + failed), "{n}");
    }
    assert_eq!(world.ledger().summary().requests, u64::from(N + N / 2));
    let known =
        "select count(*) from conversation where window_closed_at is not null and last_inbound_at is null";
    assert_eq!(world.count(known).await, i64::from(N / 2));
    world.until("select count(*) from template_fallback", 0).await;
    // The next campaign sends the template at once to the people whose window is known to be closed.
    let next = world.draft_of(FLOW, N).await;
    world.ok(&["campaign", "start", &next]).await;
    world.finished(&next).await;
    assert_eq!(world.ledger().summary().requests, u64::from(2 * N + N / 2));
    let report = world.ok(&["campaign", "report", &id, "--format", "json"]).await;
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!((report["accepted"].as_u64(), report["difference"].as_i64()), (Some(u64::from(N)), Some(0)));
    assert!(receiving.server.stop().await.success());
    world.close().await;
}

#[tokio::test]
async fn a_closed_window_in_an_answer_of_meta_leads_to_the_template() {
    half_closed("window_meta", Provider::Meta, WindowReport::Answer).await;
}

#[tokio::test]
async fn a_closed_window_in_a_receipt_of_meta_leads_to_the_template() {
    half_closed("window_meta_late", Provider::Meta, WindowReport::Receipt).await;
}

#[tokio::test]
async fn a_closed_window_in_an_answer_of_1msg_leads_to_the_template() {
    half_closed("window_1msg", Provider::OneMsg, WindowReport::Answer).await;
}

#[tokio::test]
async fn a_closed_window_in_a_receipt_of_1msg_leads_to_the_template() {
    half_closed("window_1msg_late", Provider::OneMsg, WindowReport::Receipt).await;
}

#[tokio::test]
async fn a_closed_window_in_an_answer_of_lipachat_leads_to_the_template() {
    half_closed("window_lipachat", Provider::LipaChat, WindowReport::Answer).await;
}

#[tokio::test]
async fn a_closed_window_in_a_receipt_of_kaleyra_leads_to_the_template() {
    half_closed("window_kaleyra", Provider::Kaleyra, WindowReport::Receipt).await;
}
