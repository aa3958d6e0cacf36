//! A person logs in with a browser.

use fantoccini::Locator;

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
    let dark = browser.client.find(Locator::Css("button[value=dark]")).await.unwrap();
    dark.click().await.unwrap();
    browser.shows("button[value=dark][aria-pressed=true]", "Dark").await;
    let background = "return getComputedStyle(document.body).backgroundColor";
    assert_eq!(browser.client.execute(background, vec![]).await.unwrap(), "rgb(14, 18, 22)");

    let new = "another-four-plain-words";
    browser.fill(&[("old", PASSWORD), ("password", new), ("again", new)]).await;
    browser.send("form[action='/settings/password']").await;
    browser.shows("[role=status]", "Your password was changed").await;
    browser.send("form[action='/log-out']").await;
    browser.shows("main", "You are logged out").await;
    browser.open(&console.address("/settings")).await;
    browser.log_in("anna", new).await;
    browser.shows("h1", "Settings").await;
    assert_eq!(browser.violations().await, Vec::<String>::new());
    world.close().await;
}
