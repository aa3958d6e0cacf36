//! Two servers restart one after another while people watch.

use fantoccini::wd::WindowHandle;

use crate::console::browser::Browser;
use crate::console::server::ConsoleServer;
use crate::receiving::free_address;
use crate::world::{CAMPAIGN, World};

/// The people; each has a browser.
const PEOPLE: usize = 5;
/// The pages that each of them watches: a session has at most four streams.
const PAGES: usize = 4;

/// A person with the windows of the browser.
struct Watcher {
    browser: Browser,
    windows: Vec<WindowHandle>,
}

impl Watcher {
    /// Opens the campaign at each server in turn, in windows of its own.
    async fn open(world: &World, servers: [&ConsoleServer; 2], name: &str, campaign: &str) -> Self {
        let browser = Browser::start().await;
        // Cookies do not know ports: the session is one of both servers.
        servers[0].person(world, &browser, name, "viewer").await;
        let mut windows = vec![browser.client.window().await.unwrap()];
        for _ in 1..PAGES {
            windows.push(browser.client.new_window(false).await.unwrap().handle);
        }
        for (n, window) in windows.iter().enumerate() {
            browser.client.switch_to_window(window.clone()).await.unwrap();
            browser.open(&servers[n % 2].address(&format!("/campaigns/{campaign}"))).await;
            browser.shows("#live-mark", "Live · ").await;
        }
        Self { browser, windows }
    }

    /// Waits until each page says this by its stream.
    async fn hears(&self, text: &str) {
        for window in &self.windows {
            self.browser.client.switch_to_window(window.clone()).await.unwrap();
            self.browser.shows("#live-announcement", text).await;
        }
    }
}

#[tokio::test]
async fn twenty_pages_are_live_again_after_two_servers_restarted_one_after_another() {
    let mut world = World::new("rolling_restart", "none", simulator::Config::default()).await;
    // Longer than the test waits for the end of a server: a stream that were waited for would fail it.
    let drain = [("FLOWCAST_CONSOLE_DRAIN", "10m")];
    let mut one = ConsoleServer::start_at(&mut world, free_address(), &drain).await;
    let mut other = ConsoleServer::start_at(&mut world, free_address(), &drain).await;
    let campaign = world.draft_of(CAMPAIGN, 3).await;
    let mut watchers = Vec::new();
    for n in 0..PEOPLE {
        watchers.push(Watcher::open(&world, [&one, &other], &format!("vera{n}"), &campaign).await);
    }
    for name in ["after the first", "after the second"] {
        let next = one.restart(&mut world).await;
        (one, other) = (other, next);
        world.look.execute("update campaign set name = $1", &[&name]).await.unwrap();
        for watcher in &watchers {
            watcher.hears(name).await;
        }
    }
    drop((one, other));
    world.close().await;
}
