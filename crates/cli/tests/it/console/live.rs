//! Live parts of pages.

use crate::console::browser::Browser;
use crate::console::server::ConsoleServer;
use crate::world::World;

#[tokio::test]
async fn a_message_of_a_stream_replaces_its_part_under_the_strict_policy() {
    let mut world = World::new("console_live", "none", simulator::Config::default()).await;
    let console = ConsoleServer::start(&mut world).await;
    let browser = Browser::start().await;
    browser.open(&console.address("/dev/live")).await;
    browser.shows("#tick", "tick 3").await;
    // The gate removes the attributes of an element without the nonce, such as one that was injected into the page.
    let stripped = "return document.getElementById('without-nonce').hasAttribute('hx-get')";
    assert_eq!(browser.client.execute(stripped, vec![]).await.unwrap(), false);
    // The policy refuses what a script or a part could inject.
    let inject = "try { document.getElementById('tick').innerHTML = '<b>injected</b>'; return 'done' } catch (error) { return error.name }";
    assert_eq!(browser.client.execute(inject, vec![]).await.unwrap(), "TypeError");
    let log = browser.log().await;
    let unexpected: Vec<&String> =
        log.iter().filter(|line| !line.contains("#without-nonce") && !line.contains("TrustedHTML")).collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
    world.close().await;
}
