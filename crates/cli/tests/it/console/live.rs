//! Live parts of pages.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::api_server;
use crate::console::browser::Browser;
use crate::console::server::ConsoleServer;
use crate::receiving::free_address;
use crate::world::{PATIENCE, World};

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

/// Counts the changes of the polite region and of the tiles of the page that is open.
const COUNT_CHANGES: &str = "
    window.changes = { polite: [], tiles: 0 };
    const changed = (id, add) => new MutationObserver(() => add(document.getElementById(id)))
        .observe(document.getElementById(id), { childList: true, characterData: true, subtree: true });
    changed('live-announcement', (element) => {
        const said = window.changes.polite;
        if (said.at(-1) !== element.textContent) said.push(element.textContent);
    });
    changed('live-progress', () => { window.changes.tiles += 1 });";

#[tokio::test]
async fn numbers_rise_without_a_reload_can_be_paused_and_are_read_aloud_at_each_tenth_only() {
    let mut world = World::new("console_follow", "40/s", simulator::Config::default()).await;
    let console = ConsoleServer::start(&mut world).await;
    let browser = Browser::start().await;
    console.person(&world, &browser, "marta", "operator").await;
    let campaign = world.draft_of(crate::world::CAMPAIGN, 800).await;
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &campaign]).await;
    browser.open(&console.address(&format!("/campaigns/{campaign}"))).await;
    browser.run(COUNT_CHANGES).await;
    let sent = async || {
        let text = browser.text("#live-progress .tile .value").await;
        text.replace(',', "").parse::<i64>().unwrap_or(0)
    };
    let until = async |least: i64| {
        let deadline = Instant::now() + PATIENCE;
        while sent().await < least {
            assert!(Instant::now() < deadline, "{} sent; {:?}", sent().await, browser.log().await);
            sleep(Duration::from_millis(50)).await;
        }
    };
    until(100).await;
    browser.shows("#live-mark", "Live · ").await;

    // Paused numbers stand still while the campaign goes on.
    browser.press("#pause-updates").await;
    let (paused, recorded) = (sent().await, world.accepted(&campaign).await);
    world.until_accepted(&campaign, recorded + 100).await;
    assert_eq!(sent().await, paused);
    browser.press("#pause-updates").await;
    until(recorded + 100).await;

    browser.shows("#live-badge", "Completed").await;
    browser.shows("#live-progress .tile .value", "800").await;
    let said: Vec<String> =
        serde_json::from_value(browser.run("return window.changes.polite").await).unwrap();
    let changes = browser.run("return window.changes.tiles").await.as_u64().unwrap();
    // How many samples there are depends on the machine; each tenth is said at most once, beside begin and end.
    assert!(said.len() <= 12 && changes > said.len() as u64, "{changes} changes, and {said:?}");
    assert!(said.last().unwrap().contains("Completed, 100 % sent"), "{said:?}");
    assert_eq!(browser.violations().await, Vec::<String>::new());
    world.close().await;
}

#[tokio::test]
async fn the_streams_of_a_disabled_account_and_of_a_revoked_key_end_within_ten_seconds() {
    let mut world = World::new("console_ended", "none", simulator::Config::default()).await;
    let console = ConsoleServer::start(&mut world).await;
    let campaign = world.draft_of(crate::world::CAMPAIGN, 3).await;
    let cookie = console.session(&world, "anna", "viewer").await;
    world.ok(&["account", "add", "berta", "--role", "admin"]).await;
    let key = api_server::key(&world, "viewer", &[]).await;
    let page = format!("/campaigns/{campaign}/live");
    let of_page = console.ask("GET", &page).header("cookie", &cookie).send();
    let of_list = console.ask("GET", "/campaigns/live?ids=1").header("cookie", &cookie).send();
    let of_key = console.ask("GET", "/api/v1/live").key(&key).send();
    let end = async {
        // They are open, and nothing ends them.
        sleep(Duration::from_secs(6)).await;
        world.ok(&["account", "disable", "anna"]).await;
        world.ok(&["key", "revoke", key.split('_').nth(1).unwrap()]).await;
    };
    // Without an end they would stay open for minutes.
    let both = async { tokio::join!(of_page, of_list, of_key, end) };
    let (of_page, of_list, of_key, ()) = timeout(PATIENCE, both).await.unwrap();
    for answer in [of_page, of_list, of_key] {
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!((answer.status, &*answer.headers["content-type"]), (200, "text/event-stream"), "{text}");
        assert!(text.contains("data:"), "the present state at once: {text}");
        assert!(!text.contains("<button") && !text.contains("nonce") && !text.contains("2547"), "{text}");
    }
    world.close().await;
}

#[tokio::test]
async fn a_session_has_four_streams_and_a_page_without_a_stream_polls() {
    let mut world = World::new("console_polls", "none", simulator::Config::default()).await;
    let console = ConsoleServer::start(&mut world).await;
    let campaign = world.draft_of(crate::world::CAMPAIGN, 3).await;
    let cookie = console.session(&world, "anna", "viewer").await;
    let page = format!("/campaigns/{campaign}/live");
    let open = || Box::pin(console.ask("GET", &page).header("cookie", &cookie).send());
    let mut streams = [open(), open(), open(), open()];
    let all = futures::future::join_all(streams.iter_mut());
    assert!(timeout(Duration::from_secs(3), all).await.is_err(), "four streams stay open");
    let refused = open().await;
    assert_eq!((refused.status, &*refused.headers["retry-after"]), (503, "60"));
    let parts =
        console.ask("GET", &format!("/campaigns/{campaign}/parts")).header("cookie", &cookie).send().await;
    let text = String::from_utf8_lossy(&parts.body).into_owned();
    assert!(parts.status == 200 && text.contains("hx-target=\"#live-progress\""), "{text}");
    drop(streams);
    world.close().await;
}

#[tokio::test]
async fn old_numbers_are_marked_while_postgres_is_away_forms_are_refused_and_live_data_comes_back() {
    let mut world = World::new("console_away", "20/s", simulator::Config::default()).await;
    let postgres = world.proxy_postgres().await;
    let console = ConsoleServer::start(&mut world).await;
    let browser = Browser::start().await;
    console.person(&world, &browser, "marta", "marketer").await;
    let campaign = world.draft_of(crate::world::CAMPAIGN, 100).await;
    let page = console.address(&format!("/campaigns/{campaign}"));
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &campaign]).await;
    world.finished(&campaign).await;
    browser.open(&page).await;
    browser.shows("#live-mark", "Live · ").await;
    browser.shows("#live-progress .tile .value", "100").await;

    postgres.refuse(true).await;
    postgres.cut();
    browser.shows("#live-mark", "numbers may be old").await;
    browser.open(&page).await;
    browser.shows("#live-mark", "numbers may be old").await;
    browser.shows("#live-progress .tile .value", "100").await;
    let resume = "const form = document.createElement('form'); form.method = 'post'; form.action = location.pathname + '/resume';
        document.body.append(form); form.submit()";
    browser.run(resume).await;
    browser.shows("main", "nothing was changed").await;
    browser.client.back().await.unwrap();

    postgres.refuse(false).await;
    browser.open(&page).await;
    browser.shows("#live-mark", "Live · ").await;
    world.close().await;
}

#[tokio::test]
async fn pages_are_live_again_after_a_restart_of_their_server_which_open_streams_do_not_delay() {
    let mut world = World::new("console_rolling", "none", simulator::Config::default()).await;
    // Longer than the test waits for the end of the server: a stream that were waited for would fail it.
    let drain = [("FLOWCAST_CONSOLE_DRAIN", "10m")];
    let console = ConsoleServer::start_at(&mut world, free_address(), &drain).await;
    let browser = Browser::start().await;
    console.person(&world, &browser, "marta", "viewer").await;
    let campaign = world.draft_of(crate::world::CAMPAIGN, 3).await;
    browser.open(&console.address(&format!("/campaigns/{campaign}"))).await;
    browser.shows("#live-mark", "Live · ").await;
    let console = console.restart(&mut world).await;
    world.look.execute("update campaign set name = 'renamed'", &[]).await.unwrap();
    browser.shows("#live-announcement", "renamed").await;
    drop(console);
    world.close().await;
}
