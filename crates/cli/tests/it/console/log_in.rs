//! A person logs in with a browser.

use fantoccini::Locator;
use identity::{Factor, FactorKey};

use crate::console::browser::Browser;
use crate::console::server::{ConsoleServer, PASSWORD};
use crate::world::World;

#[tokio::test]
async fn a_person_sets_a_password_with_a_link_logs_in_changes_it_and_logs_out() {
    let mut world = World::new("console_log_in", "none", simulator::Config::default()).await;
    let console = ConsoleServer::start(&mut world).await;
    let link = console.link(&world, "anna", "marketer").await;
    let browser = Browser::start().await;
    browser.open(&console.address(&link)).await;
    browser.shows("main", "For the account anna").await;
    browser.fill(&[("password", "short"), ("again", "short")]).await;
    browser.send("main form").await;
    browser.shows("#form-error", "fewer than 12 characters").await;
    browser.fill(&[("password", PASSWORD), ("again", PASSWORD)]).await;
    browser.send("main form").await;
    browser.shows("main", "Your password is set").await;

    // The page that was asked for is opened after the log-in.
    browser.open(&console.address("/settings")).await;
    browser.shows("h1", "Log in").await;
    browser.log_in("anna", PASSWORD).await;
    browser.shows("h1", "Settings").await;
    browser.shows(".who", "anna").await;
    browser.press("button[value=dark]").await;
    browser.shows("button[value=dark][aria-pressed=true]", "Dark").await;
    let background = "return getComputedStyle(document.body).backgroundColor";
    assert_eq!(browser.client.execute(background, vec![]).await.unwrap(), "rgb(14, 18, 22)");

    let new = "another-four-plain-words";
    browser.fill(&[("old", PASSWORD), ("password", new), ("again", new)]).await;
    browser.send("form[action='/settings/password']").await;
    browser.shows("[role=status]", "Your password was changed").await;
    browser.log_out().await;
    browser.shows("main", "You are logged out").await;
    browser.open(&console.address("/settings")).await;
    browser.log_in("anna", new).await;
    browser.shows("h1", "Settings").await;
    assert_eq!(browser.violations().await, Vec::<String>::new());
    world.close().await;
}

const KEY: &str = "0123456789abcdef0123456789abcdef";

async fn unix_seconds(world: &World) -> u64 {
    world.count("select extract(epoch from clock_timestamp())::bigint").await.cast_unsigned()
}

/// The app of an account, as the QR code fills it.
async fn app(world: &World, name: &str) -> Factor {
    let id = world.count(&format!("select id from account where name = '{name}'")).await;
    FactorKey::new(KEY.into()).unwrap().factor(id, 1, name)
}

#[tokio::test]
async fn an_operator_sets_up_an_app_and_a_log_in_asks_for_its_code() {
    let mut world = World::new("console_app", "none", simulator::Config::default()).await;
    world.file("key", KEY);
    world.file("flowcast.toml", "[console]\nkey = \"file:key\"\n");
    let console = ConsoleServer::start(&mut world).await;
    let link = console.link(&world, "olga", "operator").await;
    let browser = Browser::start().await;
    browser.open(&console.address(&link)).await;
    browser.fill(&[("password", PASSWORD), ("again", PASSWORD)]).await;
    browser.send("main form").await;
    browser.shows("main", "Your password is set").await;

    // Nothing but the set-up can be opened before it is done.
    browser.log_in("olga", PASSWORD).await;
    browser.shows("h1", "Set up an authenticator app").await;
    browser.open(&console.address("/settings")).await;
    browser.shows("h1", "Set up an authenticator app").await;
    let qr = browser.client.find(Locator::Css(".qr .dark")).await.unwrap();
    assert!(qr.attr("d").await.unwrap().unwrap().len() > 1_000);
    browser.fill(&[("code", "000000")]).await;
    browser.send("form[action='/log-in/app']").await;
    browser.shows("#form-error", "The code is wrong").await;
    let (app, begun) = (app(&world, "olga").await, unix_seconds(&world).await);
    browser.fill(&[("code", &app.code_at(begun))]).await;
    browser.send("form[action='/log-in/app']").await;
    browser.shows("h1", "Keep your recovery codes").await;
    let recovery = browser.text(".codes li:nth-child(2)").await;
    browser.client.find(Locator::Css("a.primary")).await.unwrap().click().await.unwrap();
    browser.shows("h1", "Settings").await;
    browser.shows("main", "10 of 10 recovery codes are left").await;

    browser.log_out().await;
    browser.log_in("olga", PASSWORD).await;
    browser.shows("h1", "Enter your code").await;
    // A code is accepted once; the next one is accepted up to 30 s before its time.
    browser.fill(&[("code", &app.code_at(begun))]).await;
    browser.send("form[action='/log-in/code']").await;
    browser.shows("#form-error", "This code was used already").await;
    world.look.batch_execute("update login_failure set last_at = last_at - interval '1 hour'").await.unwrap();
    browser.fill(&[("code", &app.code_at(begun + 30))]).await;
    browser.send("form[action='/log-in/code']").await;
    browser.shows(".who", "olga").await;

    browser.log_out().await;
    browser.log_in("olga", PASSWORD).await;
    browser.shows("h1", "Enter your code").await;
    browser.fill(&[("code", &recovery)]).await;
    browser.send("form[action='/log-in/code']").await;
    browser.shows(".who", "olga").await;
    assert!(world.ok(&["account", "remove-app", "olga"]).await.contains("was removed"));
    assert_eq!(browser.violations().await, Vec::<String>::new());
    assert!(!world.logs().contains(KEY));
    world.close().await;
}
