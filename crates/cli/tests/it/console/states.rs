//! States of pages that a person gets to: dialogs that are open, and forms that were refused.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::console::browser::Browser;
use crate::console::pages::{campaigns, violations_of_accessibility};
use crate::console::server::ConsoleServer;
use crate::world::{PATIENCE, World};

/// Forms that are refused with this text in every field: the page, and the address of the form.
const FORMS: [(&str, &str, &str); 6] = [
    ("/campaigns/new", "/campaigns/new", ""),
    ("/recipients", "/recipients", "12"),
    ("/settings", "/settings/password", "short"),
    ("/settings/keys", "/settings/keys", ""),
    ("/settings/accounts", "/settings/accounts", ""),
    ("/senders/ke-main/rate", "/senders/ke-main/rate", "fast"),
];

/// Opens each dialog of a page in turn; what axe-core finds.
async fn dialogs(browser: &Browser, page: &str, found: &mut Vec<String>) -> usize {
    browser.open(page).await;
    let count = browser.run("return document.querySelectorAll('a[data-dialog]').length").await;
    let count = usize::try_from(count.as_u64().unwrap()).unwrap();
    for n in 0..count {
        browser.open(page).await;
        let open = format!(
            "const link = document.querySelectorAll('a[data-dialog]')[{n}]; link.click(); return link.textContent"
        );
        let name = browser.run(&open).await;
        let deadline = Instant::now() + PATIENCE;
        let state = "return [document.querySelectorAll('dialog[open] #ask').length, location.pathname]";
        while browser.run(state).await[0] == 0 {
            assert!(
                Instant::now() < deadline,
                "{page}: {name} opens no dialog: {}",
                browser.run(state).await
            );
            sleep(Duration::from_millis(50)).await;
        }
        add(found, &format!("{page}, dialog {name}"), &violations_of_accessibility(browser).await);
    }
    count
}

fn add(found: &mut Vec<String>, place: &str, rules: &Value) {
    found.extend(rules.as_array().unwrap().iter().map(|rule| format!("{place}: {rule}")));
}

/// Sends a form of a page with this text in every field.
async fn refused(browser: &Browser, page: &str, (form, text): (&str, &str)) {
    browser.open(page).await;
    let send = "
        const form = [...document.querySelectorAll('main form')].find(form => form.getAttribute('action') === arguments[0]);
        for (const field of form.querySelectorAll('input[type=text], input[type=password], input[type=tel], input:not([type]), textarea')) {
            field.value = arguments[1];
        }
        form.submit()";
    browser.client.execute(send, vec![json!(form), json!(text)]).await.unwrap();
    let seen = "return [document.querySelectorAll('main [role=alert], main [aria-invalid=true], main .error').length, document.querySelector('main').innerText]";
    let deadline = Instant::now() + PATIENCE;
    while browser.run(seen).await[0] == 0 {
        assert!(Instant::now() < deadline, "{page} is not refused: {}", browser.run(seen).await);
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn open_dialogs_and_refused_forms_are_accessible() {
    let provider = simulator::Config { balance: Some(420), ..simulator::Config::default() };
    let mut world = World::new("console_states", "80/s", provider).await;
    let [completed, stopped, ..] = campaigns(&mut world).await;
    let console = ConsoleServer::start(&mut world).await;
    let browser = Browser::start().await;
    console.person(&world, &browser, "marta", "admin").await;
    let mut found = Vec::new();
    for (theme, width, height) in [("light", 1280, 900), ("dark", 360, 800)] {
        browser.open(&console.address("/settings")).await;
        browser.press(&format!("button[value={theme}]")).await;
        browser.shows(&format!("button[value={theme}][aria-pressed=true]"), "").await;
        browser.resize(width, height).await;
        let mut opened = 0;
        let paused = stopped.parse::<i64>().unwrap() + 1;
        for page in [
            format!("/campaigns/{completed}"),
            format!("/campaigns/{stopped}"),
            format!("/campaigns/{paused}"),
            "/senders/ke-main".to_owned(),
        ] {
            opened += dialogs(&browser, &console.address(&page), &mut found).await;
        }
        assert!(opened >= 6, "{opened} dialogs");
        for (page, form, text) in FORMS {
            refused(&browser, &console.address(page), (form, text)).await;
            add(
                &mut found,
                &format!("{page} refused, {theme}"),
                &violations_of_accessibility(&browser).await,
            );
        }
    }
    assert_eq!(found, Vec::<String>::new());
    assert_eq!(browser.violations().await, Vec::<String>::new());
    world.close().await;
}
