//! What a campaign costs: the sender's price list, the check before the start, and the report after it.

use campaign::{CampaignId, ReferenceKey, Seq};
use serde_json::{Value, json};
use simulator::{Config, Provider};

use crate::receiving::Receiving;
use crate::world::World;

const FLOW: &str = "name = \"t\"\nsender = \"ke-main\"\n[flow]\nbody = \"Hi {{ first_name }}\"\ncta = \"Open\"\nflow_id = \"1\"\nscreen = \"W\"\n[policy]\nassume_window = \"open\"\n";

#[tokio::test]
async fn a_price_list_takes_the_place_of_the_last_one_whole_or_not_at_all() {
    let world = World::new("prices", "none", Config::default()).await;
    let none = world.ok(&["sender", "prices", "ke-main"]).await;
    assert!(none.starts_with("sender ke-main has no prices; give them with"), "{none}");
    assert_eq!(world.ok(&["sender", "prices", "ke-main", "--json"]).await, "null\n");

    let first = world.file("prices.csv", "calling_code,price\n254,1.10\n255,0.900001\ndefault,4\n");
    let printed = world.ok(&["sender", "prices", "ke-main", &first, "--currency", "kes"]).await;
    let table = "calling code  price in KES\n         254           1.1\n         255      0.900001\ndefault                  4\n";
    assert_eq!(printed, table);
    for (file, says) in [
        ("calling_code,price\n1,3\n254,cheap\n", "line 3: 'cheap' is not a price"),
        ("code,price\n1,3\n", "line 1: the first line must name the columns: calling_code,price"),
    ] {
        let file = world.file("bad.csv", file);
        let (code, said) = world.fails(&["sender", "prices", "ke-main", &file, "--currency", "KES"]).await;
        assert!(code == 4 && said.contains(says) && said.contains("nothing was changed"), "{code} {said}");
    }
    for wrong in [&[first.as_str(), "--currency", "shilling"][..], &[&first], &["--currency", "KES"]] {
        let (code, said) = world.fails(&[&["sender", "prices", "ke-main"], wrong].concat()).await;
        assert_eq!(code, 2, "{said}");
    }
    assert_eq!(world.fails(&["sender", "prices", "nobody"]).await.0, 3);
    assert_eq!(world.ok(&["sender", "prices", "ke-main"]).await, table);

    let second = world.file("prices.csv", "calling_code,price\n1,3\n");
    let printed = world.ok(&["sender", "prices", "ke-main", &second, "--currency", "USD", "--json"]).await;
    let prices = json!([{"calling_code": "1", "price": "3"}]);
    let expected = json!({"sender": "ke-main", "currency": "USD", "default": null, "prices": prices});
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), expected);
    world.close().await;
}

#[tokio::test]
async fn the_check_tells_cost_hours_and_deadline_and_refuses_what_would_reach_nobody() {
    let world = World::new("outlook", "1/s", Config::default()).await;
    let id = world.draft_of(FLOW, 600).await;
    let json: Value = serde_json::from_str(&world.ok(&["campaign", "check", &id, "--json"]).await).unwrap();
    assert_eq!((&json["cost"], &json["too_late"]), (&Value::Null, &json!(0)));
    let prices = world.file("prices.csv", "calling_code,price\n254,0.05\n");
    world.ok(&["sender", "prices", "ke-main", &prices, "--currency", "KES"]).await;

    // Nairobi is three hours ahead: a Monday that opens at 06:00 in UTC. Five minutes of ten are left to it.
    let schedule = "[schedule]\nstart_at = \"2099-01-03T12:00:00Z\"\nhours = [\"mon-fri 09:00-18:00\"]\nzone = \"Africa/Nairobi\"\n";
    let until = |deadline: &str| format!("{FLOW}deadline = \"{deadline}\"\n{schedule}");
    let id = world.draft_of(&until("2099-01-05T06:05:00Z"), 600).await;
    let said = world.ok(&["campaign", "check", &id]).await;
    for told in [
        "sending begins at 2099-01-05 06:00 UTC\nat its rate sending takes 10m, until 2099-01-05 06:10 UTC\n\
         the cost is about 30 KES\n           600  to +254 at 0.05: 30 KES\n",
        "warning: the deadline is before the end of sending: about 300 recipients would still wait at 2099-01-05 06:05 UTC",
    ] {
        assert!(said.contains(told), "{told} is not in\n{said}");
    }
    let json: Value = serde_json::from_str(&world.ok(&["campaign", "check", &id, "--json"]).await).unwrap();
    for (field, expected) in [
        ("begins_at", json!("2099-01-05T06:00:00Z")),
        ("finished_at", json!("2099-01-05T06:10:00Z")),
        ("deadline_at", json!("2099-01-05T06:05:00Z")),
        ("too_late", json!(300)),
        ("seconds", json!(600)),
    ] {
        assert_eq!(json[field], expected, "{field}");
    }
    assert_eq!((&json["cost"]["total"], &json["cost"]["unpriced"]), (&json!("30"), &json!(0)));

    // The week end ends before the hours begin.
    let id = world.draft_of(&until("2099-01-05T06:00:00Z"), 3).await;
    for command in
        [&["campaign", "check", &id][..], &["campaign", "check", &id, "--json"], &["campaign", "start", &id]]
    {
        let (code, said) = world.fails(command).await;
        let says = "its start time and sending hours let it send from 2099-01-05 06:00 UTC on, and its deadline is 2099-01-05 06:00 UTC";
        assert!(code == 4 && said.contains(says), "{command:?}: {code} {said}");
    }
    world.close().await;
}

#[tokio::test]
async fn the_report_has_what_was_estimated_and_what_the_provider_says_is_billed() {
    let config = Config { provider: Provider::Meta, ..Config::default() };
    let mut world = World::new("billed", "none", config).await;
    let prices = world.file("prices.csv", "calling_code,price\n254,0.05\n");
    world.ok(&["sender", "prices", "ke-main", &prices, "--currency", "KES"]).await;
    let receiving = Receiving::start(&mut world, &[]).await;
    let id = world.draft_of(FLOW, 6).await;
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.finished(&id).await;
    let key: Vec<u8> =
        world.look.query_one("select reference_key from installation", &[]).await.unwrap().get(0);
    let key = ReferenceKey::new(key.try_into().unwrap());
    let statuses: Vec<Value> = (1..=4)
        .map(|seq| {
            json!({"id": format!("wamid.{seq}"), "status": "delivered", "timestamp": "1749416383",
                "biz_opaque_callback_data": key.seal(CampaignId(id.parse().unwrap()), Seq(seq)).to_string(),
                "pricing": {"billable": seq != 4, "pricing_model": "PMP", "category": "marketing"}})
        })
        .collect();
    let body = json!({"object": "whatsapp_business_account",
        "entry": [{"id": "1", "changes": [{"field": "messages", "value": {"statuses": statuses}}]}]});
    assert_eq!(receiving.post(body.to_string().as_bytes()).await, Some(200));
    let report = world.ok(&["campaign", "report", &id, "--format", "json"]).await;
    let report: Value = serde_json::from_str(&report).unwrap();
    for (field, expected) in [
        ("currency", json!("KES")),
        ("cost_estimated", json!("0.3")),
        ("cost_billed", json!("0.15")),
        ("billable", json!(3)),
        ("not_billable", json!(1)),
        ("unpriced", json!(0)),
    ] {
        assert_eq!(report[field], expected, "{field}");
    }
    let said = world.ok(&["campaign", "report", &id]).await;
    for told in ["           0.3  KES estimated\n", "          0.15  KES billed, according to receipts\n"] {
        assert!(said.contains(told), "{told} is not in\n{said}");
    }
    assert!(world.ok(&["check-counts"]).await.starts_with("all counters"));
    world.close().await;
}
