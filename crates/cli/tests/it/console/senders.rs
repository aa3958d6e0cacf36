//! The settings of a sender in a browser.

use crate::console::actions::press;
use crate::console::browser::Browser;
use crate::console::server::ConsoleServer;
use crate::world::World;

#[tokio::test]
async fn an_operator_changes_how_a_sender_reaches_its_provider_and_a_marketer_does_not() {
    let mut world = World::new("console_senders", "none", simulator::Config::default()).await;
    let console = ConsoleServer::start(&mut world).await;
    let browser = Browser::start().await;
    console.person(&world, &browser, "olga", "operator").await;
    browser.open(&console.address("/senders/ke-main")).await;
    press(&browser, "Change…").await;
    browser.shows("h1", "Change the settings").await;
    browser.write("#f-api_key_ref", "the key itself").await;
    browser.write("#f-number", "+254 700 000 009").await;
    browser.press(".form .primary").await;
    browser.shows("#e-api_key_ref", "is not env:NAME or file:PATH").await;
    let number = "select count(*) from sender where number = '254700000009'";
    assert_eq!(world.count(number).await, 0, "nothing is changed by a refused form");
    browser.write("#f-api_key_ref", "env:OTHER_KEY").await;

    // Meanwhile another person changes the sender.
    world.ok(&["sender", "set", "ke-main", "--rate", "70/s"]).await;
    browser.press(".form .primary").await;
    browser.shows("#form-error", "was changed since you read it").await;
    browser.press(".form .primary").await;
    browser.shows("[role=status]", "The sender is changed").await;
    assert_eq!(world.count(number).await, 1);
    assert_eq!(world.count("select count(*) from sender where api_key_ref = 'env:OTHER_KEY'").await, 1);

    let marketer = console.session(&world, "marta", "marketer").await;
    for (method, body) in [("GET", ""), ("POST", "number=254700000010")] {
        let ask = console.form("/senders/ke-main/settings", &marketer).body(body.to_owned());
        let answer = if method == "GET" {
            console.ask("GET", "/senders/ke-main/settings").header("cookie", &marketer).send().await
        } else {
            ask.send().await
        };
        assert_eq!(answer.status, 403, "{method}");
    }
    assert_eq!(world.count(number).await, 1);
    assert_eq!(browser.violations().await, Vec::<String>::new());
    world.close().await;
}
