//! An admin manages accounts, API keys and webhook endpoints in a browser.

use crate::console::browser::Browser;
use crate::console::server::{ConsoleServer, PASSWORD};
use crate::events::Receiver;
use crate::world::World;

const KEY: &str = "0123456789abcdef0123456789abcdef";

#[tokio::test]
async fn an_admin_manages_accounts_keys_and_webhook_endpoints_and_sees_all_of_it_in_the_activity() {
    let mut world = World::new("console_settings", "none", simulator::Config::default()).await;
    let receiver = Receiver::start().await;
    world.file("key", KEY);
    world.file("flowcast.toml", "[webhooks]\nkey = \"file:key\"\nnetworks = [\"127.0.0.0/8\"]\n");
    let _producer = world.start("producer");
    let console = ConsoleServer::start(&mut world).await;
    let browser = Browser::start().await;
    console.person(&world, &browser, "root", "admin").await;

    let link = add_an_account(&browser, &console).await;
    change_an_account_that_was_changed_meanwhile(&browser, &console, &world).await;
    let key = add_a_key(&browser, &console).await;
    deliver_to_an_endpoint(&browser, &console, &receiver).await;

    browser.open(&console.address("/activity")).await;
    for expected in [
        "root pinged a webhook endpoint",
        "root added a webhook endpoint",
        "root revoked an API key",
        "root added an API key",
        "root added the account",
    ] {
        browser.shows("table", expected).await;
    }
    browser.open(&console.address("/activity?about=account&what=account.add")).await;
    browser.shows("tbody tr:nth-child(1)", "root added the account").await;
    browser.open(&console.address("/settings/system")).await;
    browser.shows("table", "None").await;
    browser.press("form[action$='/count-check'] button").await;
    browser.shows("#count-check [role=status]", "").await;

    let stale = "update session set fresh_at = fresh_at - interval '11 min' where ended_at is null";
    world.look.execute(stale, &[]).await.unwrap();
    browser.open(&console.address("/settings/accounts")).await;
    browser.shows("main", "enter your password again").await;
    assert_eq!(browser.text("form[action='/settings/accounts']").await, "", "the form is not shown");
    browser.press("main a.button").await;
    browser.log_in("root", PASSWORD).await;
    browser.shows("form[action='/settings/accounts']", "Add account").await;

    // A person without the right sees neither the tabs nor the pages.
    browser.log_out().await;
    console.set_password(&browser, &link).await;
    browser.log_in("marta", PASSWORD).await;
    browser.open(&console.address("/settings/accounts")).await;
    browser.shows("main", "manage accounts").await;
    browser.open(&console.address("/settings/keys")).await;
    assert!(!browser.text("nav.tabs").await.contains("Accounts"));
    assert!(!browser.text(".rail").await.contains("Activity"));
    assert_eq!(browser.violations().await, Vec::<String>::new());
    let logs = world.logs();
    assert!(!logs.contains(&key) && !logs.contains(link.trim_start_matches("/link/")));
    world.close().await;
}

/// The path of the one-time link of the new account.
async fn add_an_account(browser: &Browser, console: &ConsoleServer) -> String {
    browser.open(&console.address("/settings/accounts")).await;
    browser.fill(&[("name", "no spaces allowed"), ("email", "marta@example.org")]).await;
    browser.press("form[action='/settings/accounts'] button").await;
    browser.shows("#form-error", "name").await;
    browser.fill(&[("name", "marta"), ("email", "marta@example.org")]).await;
    browser.press("form[action='/settings/accounts'] button").await;
    browser.shows("[role=status]", "The account 'marta' was added").await;
    let link = browser.text(".secret").await;
    assert!(link.starts_with(&console.address("/link/")), "{link}");
    browser.open(&console.address("/settings/accounts")).await;
    browser.shows("table", "No password yet").await;
    link.strip_prefix(&console.address("")).unwrap().to_owned()
}

async fn change_an_account_that_was_changed_meanwhile(
    browser: &Browser,
    console: &ConsoleServer,
    world: &World,
) {
    let page = console.address("/settings/accounts/marta");
    browser.open(&page).await;
    world.ok(&["account", "set", "marta", "--role", "viewer"]).await;
    browser.fill(&[("zone", "Africa/Nairobi")]).await;
    browser.press("form:has(input[name=zone]) button").await;
    browser.shows("h1", "Changed meanwhile").await;
    browser.open(&page).await;
    browser.fill(&[("zone", "Nairobi")]).await;
    browser.press("form:has(input[name=zone]) button").await;
    browser.shows("#form-error", "time zone").await;
    browser.fill(&[("zone", "Africa/Nairobi")]).await;
    browser.press("form:has(input[name=zone]) button").await;
    browser.shows("[role=status]", "The account was changed").await;
    let changed =
        "select count(*) from account where name = 'marta' and role = 'viewer' and zone = 'Africa/Nairobi'";
    assert_eq!(world.count(changed).await, 1);
}

async fn add_a_key(browser: &Browser, console: &ConsoleServer) -> String {
    browser.open(&console.address("/settings/keys")).await;
    browser.fill(&[("name", "back office"), ("networks", "not a network")]).await;
    browser.press("form[action='/settings/keys'] button").await;
    browser.shows("#form-error", "is not a network").await;
    browser.fill(&[("name", "back office"), ("networks", "127.0.0.0/8")]).await;
    browser.press("form[action='/settings/keys'] button").await;
    browser.shows("[role=status]", "The key 'back office' was added").await;
    let key = browser.text(".secret").await;
    let bearer = format!("Bearer {key}");
    let campaigns = || console.ask("GET", "/api/v1/campaigns").header("authorization", &bearer).send();
    assert_eq!(campaigns().await.status, 200);
    browser.open(&console.address("/settings/keys")).await;
    browser.shows("table", "viewer, all senders").await;
    browser.press("form[action$='/revoke'] button").await;
    browser.shows("[role=status]", "The key is revoked").await;
    assert_eq!(campaigns().await.status, 401);
    key
}

async fn deliver_to_an_endpoint(browser: &Browser, console: &ConsoleServer, receiver: &Receiver) {
    browser.open(&console.address("/settings/webhook-endpoints")).await;
    browser.fill(&[("name", "crm"), ("url", &receiver.url)]).await;
    browser.press("form[action='/settings/webhook-endpoints'] button").await;
    browser.shows(".secret", "whsec_").await;
    browser.press("main a.button").await;
    browser.shows("h1", "crm").await;
    browser.press("form[action$='/ping'] button").await;
    browser.shows("[role=status]", "A test event was written").await;
    browser.shows_after_reload("table", "Delivered").await;
    browser.press("table form button").await;
    browser.shows("[role=status]", "1 event will be delivered again").await;
    browser.press("form[action$='/disable'] button").await;
    browser.shows("h1", "Disabled").await;
}
