//! What `flowcast campaign check` tells before a start.

use simulator::Config;

use crate::world::World;

#[tokio::test]
async fn before_the_start_it_is_told_whom_the_campaign_reaches_how_long_it_takes_and_what_they_get() {
    let world = World::new("launch", "10/s", Config::default()).await;
    let id = world.draft(0).await;
    let (code, said) = world.fails(&["campaign", "check", &id]).await;
    assert!(code == 4 && said.contains("has no recipients"), "{said}");

    let rows = (0..600).map(|n| format!("{},Name{n}\n", 254_712_000_000_u64 + n));
    let long = format!("254712000999,{}\nx,Bad\n254712000000,Again\n", "x".repeat(2_000));
    let list: String = std::iter::once("phone,first_name\n".to_owned()).chain(rows).chain([long]).collect();
    let list = world.file("list.csv", list);
    world.ok(&["campaign", "import", &id, &list]).await;
    world.ok(&["suppression", "add", "+254712000007"]).await;
    world.ok(&["sender", "set", "ke-main", "--daily-cap", "250"]).await;

    let said = world.ok(&["campaign", "check", &id]).await;
    for told in [
        "           603  uploaded\n-            1  duplicates\n-            1  rejected\n=          601  recipients\n",
        "at its rate sending takes 1m, until ",
        "recipient 1 gets:\n    Two questions\n    Hello Name0, how was your visit?",
        "    [Open survey]\n",
        "warning: 1 recipients were put on the suppression list after their import\n",
        "warning: 1 recipients cannot be sent to (the first: 601): [flow] body: longer than WhatsApp's 1024 characters",
        "warning: the daily cap of 250 (UTC) spreads the campaign over 3 days\n",
    ] {
        assert!(said.contains(told), "{told} is not in\n{said}");
    }
    assert!(said.ends_with(&format!("campaign {id} can be started\n")), "{said}");
    let json: serde_json::Value =
        serde_json::from_str(&world.ok(&["campaign", "check", &id, "--json"]).await).unwrap();
    assert_eq!(json["can_start"], true);
    assert_eq!((json["recipients"].as_i64(), json["seconds"].as_i64()), (Some(601), Some(60)));
    assert_eq!(json["samples"].as_array().map(Vec::len), Some(3));
    assert_eq!(json["warnings"].as_array().map(Vec::len), Some(3));
    world.close().await;
}
