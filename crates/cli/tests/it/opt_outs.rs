//! Opt-outs as WhatsApp posts them: who is not written to by the next campaign.

use campaign::{CampaignId, Seq};
use serde_json::json;
use simulator::{Config, Webhook};

use crate::receiving::{FLOW, Receiving, of_meta};
use crate::world::World;

#[tokio::test]
async fn whoever_opts_out_in_one_campaign_is_skipped_by_the_next() {
    let mut world = World::new("back_opt_out", "none", Config::default()).await;
    let receiving = Receiving::start(&mut world, &[]).await;
    receiving
        .is_told_by(&world, Webhook { opted_out: 1.0, opt_out_word: "Acha!".into(), ..Webhook::default() });
    let _processes = [world.start("producer"), world.start("consumer")];
    let first = world.draft_of(FLOW, 30).await;
    // From a list imported later they would be left out.
    let second = world.draft_of(FLOW, 40).await;
    world.ok(&["campaign", "start", &first]).await;
    world.until("select count(*) from suppression where reason = 'opted_out'", 30).await;
    world.ok(&["campaign", "start", &second]).await;
    world.finished(&second).await;
    let skipped = format!(
        "select count(*) from recipient where campaign_id = {second} and state = 'skipped' and reason_code = 'opted_out'"
    );
    assert_eq!(world.count(&skipped).await, 30);
    assert_eq!(world.ledger().summary().requests, 40);
    world.close().await;
}

/// A list of people whom WhatsApp knows under other digits, and two whom it does not.
const SPELLED: &str = "phone,first_name
+525512345678,Mexico
+541123456789,Argentina
+5531996883193,Brazil
+254712000801,Kenya
+254712000802,Kenya
";

/// A draft with this list.
async fn draft_for(world: &World, list: &str) -> String {
    let id = world.draft_of(FLOW, 0).await;
    let list = world.file("spelled.csv", list);
    world.ok(&["campaign", "import", &id, &list]).await;
    id
}

#[tokio::test]
async fn whoever_opts_out_under_other_digits_than_the_lists_is_written_to_no_more() {
    for provider in [simulator::Provider::Meta, simulator::Provider::OneMsg] {
        let name = format!("back_digits_{}", provider.to_string().to_lowercase());
        let mut world = World::new(&name, "none", Config { provider, ..Config::default() }).await;
        let receiving = Receiving::start(&mut world, &[]).await;
        receiving.is_told_by(&world, Webhook { opted_out: 1.0, ..Webhook::default() });
        let _processes = [world.start("producer"), world.start("consumer")];
        let first = draft_for(&world, SPELLED).await;
        let second = draft_for(&world, SPELLED).await;
        world.ok(&["campaign", "start", &first]).await;
        // Three of the five are kept under two spellings.
        world.until("select count(*) from suppression where reason = 'opted_out'", 8).await;
        world.ok(&["campaign", "start", &second]).await;
        world.finished(&second).await;
        let skipped =
            format!("select count(*) from recipient where campaign_id = {second} and state = 'skipped'");
        assert_eq!(world.count(&skipped).await, 5);
        let third = world.draft_of(FLOW, 0).await;
        let said = world.ok(&["campaign", "import", &third, &world.file("third.csv", SPELLED)]).await;
        assert!(said.contains("0 imported, 0 duplicates, 5 suppressed"), "{said}");
        assert_eq!(world.ledger().summary().requests, 5, "only the first campaign wrote to anybody");
        world.close().await;
    }
}

/// A webhook request of Meta with one inbound message and one marketing preference.
fn of_person(message: &serde_json::Value, preference: &serde_json::Value) -> Vec<u8> {
    json!({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [
        {"field": "messages", "value": {"messages": [message]}},
        {"field": "user_preferences", "value": {"user_preferences": [preference]}}]}]})
    .to_string()
    .into_bytes()
}

#[tokio::test]
async fn an_opt_out_by_a_user_id_alone_is_honored_or_counted_and_told() {
    let (world, receiving, key) = of_meta("back_user_ids", 3, &[]).await;
    let status = |seq: i32, user: Option<&str>| {
        json!({"id": format!("wamid.{seq}"), "status": "sent", "timestamp": "1749416383", "recipient_user_id": user,
            "biz_opaque_callback_data": key.seal(CampaignId(1), Seq(seq)).to_string()})
    };
    let statuses = [status(1, None), status(2, Some("KE.1349120865530002"))];
    let body = json!({"object": "whatsapp_business_account",
        "entry": [{"id": "1", "changes": [{"field": "messages", "value": {"statuses": statuses}}]}]});
    assert_eq!(receiving.post(body.to_string().as_bytes()).await, Some(200));
    let stop = |context: &str, user: &str| {
        json!({"from_user_id": user, "id": format!("in.{user}"), "timestamp": "1749416400", "type": "text",
            "context": {"id": context}, "text": {"body": "STOP"}})
    };
    let preference = |user: &str| json!({"user_id": user, "value": "stop", "timestamp": "1749416400"});
    let body = of_person(&stop("wamid.1", "KE.1349120865530001"), &preference("KE.1349120865530002"));
    assert_eq!(receiving.post(&body).await, Some(200));
    let who = world.look.query("select msisdn from suppression order by 1", &[]).await.unwrap();
    let who: Vec<i64> = who.iter().map(|row| row.get(0)).collect();
    assert_eq!(who, [254_712_000_000, 254_712_000_001]);
    let body = of_person(&stop("wamid.3", "KE.1349120865530003"), &preference("KE.1349120865530004"));
    assert_eq!(receiving.post(&body).await, Some(200));
    let counted = "select unmatched from report.unmatched_opt_out";
    assert_eq!(world.count(counted).await, 2);
    let log = world.logs();
    assert!(log.contains("2 opt-outs to sender 1 match no recipient"), "{log}");
    assert!(!log.contains("134912086553"), "{log}");
    world.close().await;
}
