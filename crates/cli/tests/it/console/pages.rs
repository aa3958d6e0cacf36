//! The pages in a browser, with campaigns of every kind.

use scraper::Html;
use serde_json::{Value, json};

use crate::console::browser::Browser;
use crate::console::flows::FLOW_JSON;
use crate::console::server::ConsoleServer;
use crate::console::story::messy;
use crate::world::World;

/// Sizes of windows: a desk, a phone, and the narrowest of WCAG 1.4.10.
const SIZES: [(&str, u32, u32); 3] = [("desk", 1280, 900), ("phone", 360, 800), ("narrow", 320, 640)];

const AXE: &str = include_str!("../../../../console/assets/vendor/axe.min.js");

/// Campaigns that are completed, stopped for low balance, paused by a person, and drafts.
pub(crate) async fn campaigns(world: &mut World) -> [String; 4] {
    let named = |name: &str| crate::world::CAMPAIGN.replacen("name = \"", &format!("name = \"{name} "), 1);
    let _processes = [world.start("producer"), world.start("consumer")];
    let completed = world.draft_of(&named("August survey:"), 300).await;
    world.ok(&["campaign", "start", &completed]).await;
    world.finished(&completed).await;
    let stopped = world.draft_of(&named("October reminder:"), 500).await;
    world.ok(&["campaign", "start", &stopped]).await;
    world.until("select count(*) from hold where reason = 'low_balance' and ended_at is null", 1).await;
    let paused = world.draft_of(&named("Loyalty form:"), 40).await;
    world.ok(&["campaign", "start", &paused]).await;
    world.ok(&["campaign", "pause", &paused]).await;
    let full = world.draft_of(&named("Clinic feedback:"), 120).await;
    let empty = world.draft_of(&named("Branch opening: <script>alert(1)</script>"), 0).await;
    [completed, stopped, full, empty]
}

/// Answers, failures and receipts of a completed campaign, as a provider would report them.
async fn answers(world: &World, campaign: &str) {
    let id: i64 = campaign.parse().unwrap();
    let rows = "
        insert into flow_answer (campaign_id, seq, inbound_id, answered_at, asked_at, answer, from_other_number)
        select $1, n, 'in-' || n, now(), now() - interval '3 min', jsonb_build_object(
            'visit', (array['0_very_good', '1_good', '2_not_good', 'no opinion'])[1 + n % 4], 'again', (n % 3 > 0)::text,
            'comment', 'Answer ' || n || ' with a text that a person wrote in the form'), false
        from generate_series(1, 40) n";
    world.look.execute(rows, &[&id]).await.unwrap();
}

/// What is wrong with the page that is open: wider than the window, more than 60 KiB with all its files, or a text that became an
/// element.
async fn faults(browser: &Browser) -> Value {
    let script = "
        const root = document.documentElement;
        const wide = root.scrollWidth > root.clientWidth ? [`${root.scrollWidth} px wide in ${root.clientWidth} px`] : [];
        const small = [...document.querySelectorAll('a.button, button, nav a')]
            .filter(element => element.getBoundingClientRect().height < 24 && element.offsetParent)
            .map(element => `${element.textContent}: lower than 24 px`);
        const headings = document.querySelectorAll('h1').length === 1 ? [] : ['not one h1'];
        const sizes = ['navigation', 'resource'].flatMap(type => performance.getEntriesByType(type)).map(entry => entry.encodedBodySize);
        const bytes = sizes.reduce((one, other) => one + other);
        const heavy = bytes > 1000 && bytes <= 61440 ? [] : [`${bytes} bytes`];
        return [...wide, ...small, ...headings, ...heavy]";
    browser.client.execute(script, vec![]).await.unwrap()
}

/// Saves a picture, if the tests are run for pictures.
async fn picture(browser: &Browser, name: &str) {
    let Ok(folder) = std::env::var("FLOWCAST_PICTURES") else { return };
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(format!("{folder}/{name}.webp"), browser.picture().await).unwrap();
}

async fn campaigns_are_listed(browser: &Browser) {
    browser.shows(".alert", "ke-main is stopped: low balance at Kaleyra").await;
    for (n, row) in [
        (1, "<script>alert(1)</script>"),
        (2, "0 / 120"),
        (3, "Paused by operator"),
        (4, "Stopped: low balance"),
        (5, "Completed"),
    ] {
        browser.shows(&format!("tbody tr:nth-child({n})"), row).await;
    }
}

/// Uploads a second list with faults into a draft, and checks the draft.
async fn checked(world: &World, console: &ConsoleServer, browser: &Browser, list: &str) {
    browser.open(&console.address(list)).await;
    browser.choose(&world.file("messy.xlsx", messy(254_712_500_000))).await;
    browser.press("#upload button[type=submit]").await;
    browser.shows(".equation", "45 rows").await;
    browser.shows(".stepper .primary", "Next: check").await;
    browser.press(".stepper .primary").await;
    browser.shows(".alert", "Nothing is missing").await;
}

/// What axe-core, a checker of accessibility, finds on the page that is open: rules of WCAG 2.2 AA and best practice.
pub(crate) async fn violations_of_accessibility(browser: &Browser) -> Value {
    browser.client.execute(AXE, vec![]).await.unwrap();
    let script = "
        const done = arguments[arguments.length - 1];
        const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
        axe.run({ runOnly: tags, resultTypes: ['violations'] }).then(found => done(found.violations.map(
            rule => `${rule.id}: ${rule.help}: ${rule.nodes.map(node => node.html).join(' | ')}`)))";
    browser.client.execute_async(script, vec![]).await.unwrap()
}

/// The HTML of every page as the server sends it, without what browsers mend silently (HTML, section 13.2.2).
async fn sources_are_valid(world: &World, console: &ConsoleServer, campaigns: &[String; 4]) {
    assert!(!Html::parse_document("<!DOCTYPE html><p></div>").errors.is_empty(), "errors are reported");
    let cookie = console.session(world, "vera", "admin").await;
    for (name, address) in pages(campaigns) {
        let page = console.ask("GET", &address).header("cookie", &cookie).send().await;
        let parsed = Html::parse_document(std::str::from_utf8(&page.body).unwrap());
        assert!(parsed.errors.is_empty(), "{name}: {:?}", parsed.errors);
    }
}

/// The pages, by the names of their pictures.
fn pages([completed, stopped, full, empty]: &[String; 4]) -> Vec<(&'static str, String)> {
    let fixed = [
        ("campaigns", "/campaigns"),
        ("new-campaign", "/campaigns/new"),
        ("filtered", "/campaigns?state=finished"),
        ("nothing-found", "/campaigns?q=nothing"),
        ("senders", "/senders"),
        ("sender", "/senders/ke-main"),
        ("sender-rate", "/senders/ke-main/rate"),
        ("new-sender", "/senders/new"),
        ("new-flow", "/senders/ke-main/flows"),
        ("flow", "/senders/ke-main/flows/1197715005513101"),
        ("flow-remove", "/senders/ke-main/flows/1197715005513101/remove"),
        ("flow-of-all", "/senders/ke-main/flows/99"),
        ("new-template", "/senders/ke-main/templates?template=visit&language=en"),
        ("template", "/senders/ke-main/templates/visit_feedback/en_US"),
        ("recipients", "/recipients"),
        ("settings", "/settings"),
        ("keys", "/settings/keys"),
        ("accounts", "/settings/accounts"),
        ("account", "/settings/accounts/marta"),
        ("webhooks", "/settings/webhook-endpoints"),
        ("webhook", "/settings/webhook-endpoints/crm"),
        ("system", "/settings/system"),
        ("activity", "/activity"),
        ("not-found", "/campaigns/999"),
        ("components", "/dev/components"),
    ];
    let campaigns = [
        ("stopped", format!("/campaigns/{stopped}")),
        ("completed", format!("/campaigns/{completed}")),
        ("recipients-of-campaign", format!("/campaigns/{completed}/recipients")),
        ("one-recipient", format!("/campaigns/{completed}/recipients/1")),
        ("answers", format!("/campaigns/{completed}/answers")),
        ("lists", format!("/campaigns/{completed}/lists")),
        ("rules", format!("/campaigns/{completed}/rules")),
        ("retry", format!("/campaigns/{completed}/retry")),
        ("new-message", format!("/campaigns/{full}/message")),
        ("new-upload", format!("/campaigns/{empty}/list")),
        ("new-list", format!("/campaigns/{full}/list")),
        ("new-check", format!("/campaigns/{full}/check")),
        ("new-start", format!("/campaigns/{full}/start")),
    ];
    fixed.into_iter().map(|(name, address)| (name, address.to_owned())).chain(campaigns).collect()
}

/// A flow with every component, for the pictures of previews.
const ALL_COMPONENTS: &str = r#"{"version": "7.0", "screens": [{"id": "ALL", "title": "Every component", "terminal": true,
    "data": {"towns": {"type": "array", "__example__": [{"id": "1", "title": "Nairobi"}, {"id": "2", "title": "Kisumu"}]}},
    "layout": {"type": "SingleColumnLayout", "children": [
    {"type": "TextHeading", "text": "A heading"}, {"type": "TextSubheading", "text": "A subheading"},
    {"type": "TextBody", "text": ["A text with", "two lines"]}, {"type": "TextCaption", "text": "A caption"},
    {"type": "Image", "src": "AAAA", "alt-text": "our branch in Nakuru"},
    {"type": "TextInput", "name": "a", "label": "Your name", "required": true, "helper-text": "As in your passport"},
    {"type": "TextArea", "name": "b", "label": "Comment"}, {"type": "DatePicker", "name": "c", "label": "Day of your visit"},
    {"type": "CalendarPicker", "name": "d", "label": "Days of your stay"},
    {"type": "Dropdown", "name": "e", "label": "Town", "data-source": "${data.towns}"},
    {"type": "ChipsSelector", "name": "f", "label": "Topics", "data-source": [{"id": "1", "title": "Staff"}, {"id": "2", "title": "Prices"}, {"id": "3", "title": "Opening hours"}]},
    {"type": "OptIn", "name": "g", "label": "I agree to the terms"}, {"type": "EmbeddedLink", "text": "Read the terms"},
    {"type": "If", "condition": "${form.g}", "then": [{"type": "TextBody", "text": "Thank you for agreeing"}], "else": []},
    {"type": "Switch", "value": "${form.e}", "cases": {"1": [{"type": "PhotoPicker", "name": "h"}], "2": []}},
    {"type": "Footer", "label": "Send"}]}}]}"#;

/// Flows and a template of the sender.
async fn texts(world: &World) {
    let flow = world.file("flow.json", FLOW_JSON);
    world.ok(&["flow", "set", "ke-main", "1197715005513101", &flow, "--name", "Visit survey"]).await;
    let all = world.file("all.json", ALL_COMPONENTS);
    world.ok(&["flow", "set", "ke-main", "99", &all, "--name", "Every component <b>"]).await;
    let body = "Dear {{1}}, thank you for your visit on *{{2}}*. How was it? Your answer takes one minute.";
    let set = [
        "template",
        "set",
        "ke-main",
        "visit_feedback",
        "en_US",
        "--body",
        body,
        "--footer",
        "Reply STOP to opt out",
    ];
    world
        .ok(&[
            &set[..],
            &["--button", "Open survey=1197715005513101", "--category", "utility", "--status", "approved"],
        ]
        .concat())
        .await;
}

/// A webhook endpoint and an API key, for the pages of the settings.
async fn settings(world: &World) {
    world.file("key", "0123456789abcdef0123456789abcdef");
    world.file("flowcast.toml", "[webhooks]\nkey = \"file:key\"\n");
    world.ok(&["webhook-endpoint", "add", "crm", "https://crm.example.org/flowcast"]).await;
    world.ok(&["key", "add", "back office", "--role", "viewer", "--expires", "90d"]).await;
}

#[tokio::test]
async fn every_page_fits_every_window_in_light_and_dark_and_breaks_no_rule_of_its_policy() {
    let provider = simulator::Config { balance: Some(420), ..simulator::Config::default() };
    let mut world = World::new("console_pages", "80/s", provider).await;
    let all = campaigns(&mut world).await;
    settings(&world).await;
    texts(&world).await;
    let console = ConsoleServer::start(&mut world).await;
    let browser = Browser::start().await;
    console.person(&world, &browser, "marta", "admin").await;

    campaigns_are_listed(&browser).await;
    browser.open(&console.address(&format!("/campaigns/{}", all[1]))).await;
    browser.shows(".alert", "no recipient is lost and no attempt was used").await;
    browser.shows(".timeline", "operator started the campaign").await;
    browser.shows("#balance", "Difference").await;

    answers(&world, &all[0]).await;
    sources_are_valid(&world, &console, &all).await;
    checked(&world, &console, &browser, &format!("/campaigns/{}/list", all[2])).await;
    let mut inaccessible = Vec::new();
    for theme in ["light", "dark"] {
        browser.open(&console.address("/settings")).await;
        browser.press(&format!("button[value={theme}]")).await;
        browser.shows(&format!("button[value={theme}][aria-pressed=true]"), "").await;
        for (size, width, height) in SIZES {
            browser.resize(width, height).await;
            for (name, address) in pages(&all) {
                browser.open(&console.address(&address)).await;
                let seen = format!("{name}, {size}, {theme}");
                assert_eq!(faults(&browser).await, json!([]), "{seen}");
                if size != "narrow" {
                    picture(&browser, &format!("{name}-{size}-{theme}")).await;
                    for rule in violations_of_accessibility(&browser).await.as_array().unwrap() {
                        inaccessible.push(format!("{seen}: {rule}"));
                    }
                }
            }
        }
    }
    assert_eq!(inaccessible, Vec::<String>::new());
    assert_eq!(browser.violations().await, Vec::<String>::new());
    world.close().await;
}
