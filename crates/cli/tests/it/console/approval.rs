//! A large campaign, which one person requests and another one starts.

use crate::console::browser::Browser;
use crate::console::server::{ConsoleServer, PASSWORD};
use crate::receiving::free_address;
use crate::world::World;

#[tokio::test]
async fn a_large_campaign_is_requested_by_one_person_and_started_by_another() {
    let mut world = World::new("console_approval", "200/s", simulator::Config::default()).await;
    let limit = [("FLOWCAST_CONSOLE_APPROVAL_ABOVE", "2")];
    let console = ConsoleServer::start_at(&mut world, free_address(), &limit).await;
    let browser = Browser::start().await;
    console.person(&world, &browser, "marta", "marketer").await;
    let id = world.draft_of(crate::world::CAMPAIGN, 3).await;
    let start = console.address(&format!("/campaigns/{id}/start"));
    browser.open(&start).await;
    browser.press("main .alert button").await;
    browser.shows("main", "Two people start this campaign").await;

    browser.press("#request").await;
    browser.shows("main", "Waiting for another person").await;
    browser.shows("main", "marta requested the start").await;
    assert_eq!(browser.text("#start").await, "");
    browser.open(&console.address("/campaigns")).await;
    browser.shows("tbody tr", "Waits for a second person").await;
    let paul = console.session(&world, "paul", "marketer").await;
    let seen = console.ask("GET", &format!("/campaigns/{id}/start")).header("cookie", &paul).send().await;
    assert!(String::from_utf8_lossy(&seen.body).contains("You are the second person"), "{seen:?}");
    let is_draft = format!("select count(*) from campaign where id = {id} and state = 'draft'");
    assert_eq!(world.count(&is_draft).await, 1);

    browser.run("const form = document.createElement('form'); form.method = 'post'; form.action = '/log-out'; document.body.append(form); form.submit()").await;
    browser.shows("h1", "Log in").await;
    browser.log_in("paul", PASSWORD).await;
    browser.shows("h1", "Campaigns").await;
    browser.open(&start).await;
    browser.press("#start").await;
    browser.shows("h1", "September survey").await;
    assert_eq!(world.count(&is_draft).await, 0);
    assert_eq!(browser.violations().await, Vec::<String>::new());
    world.close().await;
}
