//! Actions on a campaign in a browser: while it runs, stops, and after its end.

use std::time::Duration;

use fantoccini::Locator;
use simulator::{Effect, Fault, Scope};
use tokio::time::{Instant, sleep};

use crate::console::browser::Browser;
use crate::console::server::ConsoleServer;
use crate::receiving::Receiving;
use crate::world::{CAMPAIGN, PATIENCE, World};

/// Presses a link or button with this text.
pub(crate) async fn press(browser: &Browser, text: &str) {
    let path = format!("//*[(self::a or self::button) and normalize-space() = '{text}']");
    let found = browser.client.wait().for_element(Locator::XPath(&path)).await.unwrap();
    found.click().await.unwrap();
}

/// Opens the dialog of an action, and sends it with its button.
async fn dialog(browser: &Browser, link: &str, fields: &[(&str, &str)], button: &str) {
    press(browser, link).await;
    browser.shows("dialog[open] form .actions button", button).await;
    for (selector, text) in fields {
        let field =
            browser.client.wait().for_element(Locator::Css(&format!("dialog {selector}"))).await.unwrap();
        if text.is_empty() { field.click().await.unwrap() } else { field.send_keys(text).await.unwrap() }
    }
    let path = format!("//dialog//button[normalize-space() = '{button}']");
    browser.client.find(Locator::XPath(&path)).await.unwrap().click().await.unwrap();
}

/// Presses "Retry now" until something is true: a probe of a recipient that was refused seconds ago meets the provider's limit for
/// one recipient, which proves nothing.
async fn retry_now_until(browser: &Browser, is_true: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        press(browser, "Retry now").await;
        browser.shows("[role=status].alert", "One message is tried now").await;
        let pressed = Instant::now();
        while pressed.elapsed() < Duration::from_secs(4) {
            if is_true().await {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        assert!(Instant::now() < deadline, "no probe had an effect");
    }
}

#[tokio::test]
async fn a_low_balance_is_explained_and_sending_resumes_after_the_top_up_only() {
    let provider = simulator::Config { balance: Some(150), ..simulator::Config::default() };
    let mut world = World::new("console_topup", "60/s", provider).await;
    let console = ConsoleServer::start(&mut world).await;
    let browser = Browser::start().await;
    console.person(&world, &browser, "olga", "operator").await;
    let campaign = world.draft_of(CAMPAIGN, 400).await;
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &campaign]).await;
    browser.open(&console.address(&format!("/campaigns/{campaign}"))).await;
    world.until("select count(*) from hold where reason = 'low_balance' and ended_at is null", 1).await;
    browser.shows("#live-stop", "Stopped: low balance at Kaleyra").await;
    browser.shows("#live-stop", "Next at").await;
    let note = browser.text("#live-stop").await;
    let mut rest = note.as_str();
    for part in [
        "Stopped: low balance at Kaleyra",
        "Since ",
        "(E110)",
        "wait; no recipient is lost and no attempt was used.",
        "All campaigns of ke-main are stopped.",
        "Top up the Kaleyra account.",
        "One message is tried every few minutes",
        "Next at",
    ] {
        rest = rest.split_once(part).unwrap_or_else(|| panic!("{part} in this order in {note}")).1;
    }
    browser.shows("#live-progress .tile:nth-child(1) .value", "150").await;
    browser.shows("#live-progress .tile:nth-child(2) .value", "250").await;

    // Requests of before the stop end first.
    let sending = "select count(*) from recipient where state = 'sending'";
    world.until(sending, 0).await;
    // Before the top-up one message is tried, and nothing changes.
    let requests = world.ledger().summary().requests;
    retry_now_until(&browser, async || world.ledger().summary().requests > requests).await;
    world.until(sending, 0).await;
    assert_eq!(world.accepted(&campaign).await, 150);
    browser.shows("#live-badge", "Stopped: low balance").await;

    world.provider.controls().set_balance(None);
    let open = "select count(*) from hold where ended_at is null";
    retry_now_until(&browser, async || world.count(open).await == 0).await;
    browser.shows("#live-badge", "Completed").await;
    browser.shows("#live-progress .tile:nth-child(1) .value", "400").await;
    world.each_exactly_once(&campaign, 400).await;
    assert_eq!(browser.violations().await, Vec::<String>::new());
    world.close().await;
}

#[tokio::test]
async fn a_pause_holds_within_a_second_and_an_end_asks_for_the_name() {
    let mut world = World::new("console_pause", "50/s", simulator::Config::default()).await;
    let console = ConsoleServer::start(&mut world).await;
    let browser = Browser::start().await;
    console.person(&world, &browser, "marta", "marketer").await;
    let campaign = world.draft_of(CAMPAIGN, 2_500).await;
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &campaign]).await;
    let page = console.address(&format!("/campaigns/{campaign}"));
    browser.open(&page).await;
    world.until_accepted(&campaign, 50).await;

    dialog(&browser, "Pause…", &[], "Pause").await;
    browser.shows("[role=status].alert", "The campaign is paused").await;
    sleep(Duration::from_secs(1)).await;
    let arrived = world.ledger().summary().accepted;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(world.ledger().summary().accepted, arrived, "nothing is sent a second after the click");
    browser.shows("#live-badge", "Paused by marta").await;
    // A viewer may look only.
    let viewer = console.session(&world, "vera", "viewer").await;
    let path = format!("/campaigns/{campaign}");
    let seen = console.ask("GET", &path).header("cookie", &viewer).send().await;
    let seen = String::from_utf8_lossy(&seen.body).into_owned();
    assert!(
        seen.contains("Paused by marta")
            && !seen.contains("Resume</button>")
            && !seen.contains("End campaign")
    );
    let forged = console
        .ask("POST", &format!("{path}/resume"))
        .header("cookie", &viewer)
        .header("sec-fetch-site", "same-origin")
        .send()
        .await;
    assert_eq!(forged.status, 403);

    press(&browser, "Resume").await;
    browser.shows("#live-badge", "Sending").await;
    world.until_accepted(&campaign, i64::try_from(arrived).unwrap() + 20).await;
    dialog(&browser, "End campaign…", &[("input[name=name]", "another name")], "End campaign").await;
    browser.shows("#form-error", "The name is not that of the campaign").await;
    let name = world.look.query_one("select name from campaign", &[]).await.unwrap().get::<_, String>(0);
    browser.fill(&[("name", &name)]).await;
    browser.send("#ask").await;
    browser.shows("[role=status].alert", "The campaign is ended").await;
    browser.shows("#live-badge", "Ended").await;
    assert_eq!(browser.violations().await, Vec::<String>::new());
    world.close().await;
}

/// The provider refuses some messages, and never answers four others.
fn unlucky() -> simulator::Config {
    let refusal = Effect::Refuse { outcome: "WA400".into(), retry_after_s: None, accepted: false };
    let faults = vec![
        Fault { effect: refusal, scope: Scope::next(12) },
        Fault { effect: Effect::Hang {}, scope: Scope::next(4) },
    ];
    simulator::Config { faults, ..simulator::Config::default() }
}

#[tokio::test]
async fn as_many_recipients_are_retried_as_were_counted_and_unconfirmed_ones_are_resolved_with_a_reason() {
    let mut world = World::new("console_retry", "none", unlucky()).await;
    world.file("flowcast.toml", "[http]\ntimeout = \"2s\"\nconnect_timeout = \"1s\"\n");
    let console = ConsoleServer::start(&mut world).await;
    let browser = Browser::start().await;
    console.person(&world, &browser, "marta", "marketer").await;
    let campaign = world.draft_of(CAMPAIGN, 100).await;
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &campaign]).await;
    world.finished(&campaign).await;
    let failed = world.count("select count(*) from recipient where state = 'failed'").await;
    assert_eq!(failed, 12);

    browser.open(&console.address(&format!("/campaigns/{campaign}"))).await;
    press(&browser, "Retry failed…").await;
    browser.shows("dialog[open] .choices", "All failed: 12 recipients").await;
    browser.press("dialog input[value=failed]").await;
    let reason = browser.client.find(Locator::Css("dialog input[name=reason]")).await.unwrap();
    reason.send_keys("cause is gone").await.unwrap();
    press(&browser, "Retry").await;
    browser.shows("[role=status].alert", "sent again to 12 recipients").await;
    let resolved =
        "select count(*) from report.resolution where actor = 'marta' and reason = 'cause is gone'";
    assert_eq!(world.count(resolved).await, failed);
    world.until_accepted(&campaign, 96).await;
    world.finished(&campaign).await;

    // The provider accepted the messages of four recipients, but the answers were lost.
    browser.shows("#live-progress .tile.is-warn .value", "4").await;
    let fields = [("input[value=give-up]", ""), ("input[name=reason]", "called them")];
    dialog(&browser, "Resolve unconfirmed…", &fields, "Resolve").await;
    browser.shows("[role=status].alert", "4 recipients are resolved").await;
    let by = "select count(*) from report.resolution where actor = 'marta' and reason = 'called them' and to_state = 'failed'";
    assert_eq!(world.count(by).await, 4);
    let audited = "select count(*) from report.audit where action = 'campaign.resolve' and actor = 'marta'";
    assert_eq!(world.count(audited).await, 1);
    browser.shows(".timeline", "marta resolved unconfirmed recipients").await;
    assert_eq!(world.ledger().summary().accepted_more_than_once, 0);
    assert_eq!(browser.violations().await, Vec::<String>::new());
    world.close().await;
}

#[tokio::test]
async fn a_template_that_the_provider_pauses_is_explained_and_the_campaign_goes_on_when_it_is_active() {
    let provider = simulator::Config { provider: simulator::Provider::Meta, ..simulator::Config::default() };
    let mut world = World::new("console_template", "5/s", provider).await;
    let campaign =
        "name = \"promo\"\nsender = \"ke-main\"\n[template]\nname = \"promo\"\nlanguage = \"en\"\n";
    let id = world.draft_of(campaign, 60).await;
    let receiving = Receiving::start(&mut world, &[]).await;
    let console = ConsoleServer::start(&mut world).await;
    let browser = Browser::start().await;
    console.person(&world, &browser, "marta", "marketer").await;
    let _processes = [world.start("producer"), world.start("consumer")];
    world.ok(&["campaign", "start", &id]).await;
    world.until_accepted(&id, 5).await;
    browser.open(&console.address(&format!("/campaigns/{id}"))).await;
    let notice = |status: &str| {
        serde_json::json!({"entry": [{"changes": [{"field": "message_template_status_update", "value": {
            "event": status, "message_template_name": "promo", "message_template_language": "en"}}]}]})
        .to_string()
    };
    assert_eq!(receiving.post(notice("PAUSED").as_bytes()).await, Some(200));
    browser.shows("#live-stop", "Stopped: template paused or disabled").await;
    browser.shows("#live-stop", "template promo is paused").await;
    browser.shows("#live-stop", "Other campaigns of ke-main are not affected.").await;
    assert_eq!(receiving.post(notice("APPROVED").as_bytes()).await, Some(200));
    world.until("select count(*) from provider_notice where status = 'approved'", 1).await;
    browser.open(&console.address(&format!("/campaigns/{id}"))).await;
    browser.shows("#live-stop", "The campaign can be resumed.").await;
    press(&browser, "Resume").await;
    browser.shows("#live-badge", "Completed").await;
    world.each_exactly_once(&id, 60).await;
    assert_eq!(browser.violations().await, Vec::<String>::new());
    world.close().await;
}
