//! A marketer's whole campaign: with a mouse, with the keyboard alone, and without JavaScript.

use std::fmt::Write;

use fantoccini::Locator;
use rust_xlsxwriter::Workbook;
use serde_json::{Value, json};

use crate::console::browser::Browser;
use crate::console::server::ConsoleServer;
use crate::world::World;

/// Numbers of recipients begin with this one; each story has its own thousand.
const FIRST: u64 = 254_712_100_000;
/// The phone that gets test messages; the same one in each story.
const TESTER: &str = "+254 713 000 999";

/// Recipients with a correct row in the workbook.
const RIGHT: u64 = 40;

/// A workbook with a title, correct rows, and rows with faults: short and missing numbers, a duplicate, an empty name.
pub(crate) fn messy(first: u64) -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.write_string(0, 0, "September").unwrap();
    for (column, name) in ["Phone", "First name"].into_iter().enumerate() {
        sheet.write_string(1, u16::try_from(column).unwrap(), name).unwrap();
    }
    let mut rows: Vec<(String, String)> =
        (0..RIGHT).map(|n| (format!("+{}", first + n), format!("Achieng{n}"))).collect();
    rows.push(("12".into(), "Short".into()));
    rows.push(("+25471".into(), "Short2".into()));
    rows.push((String::new(), "Missing".into()));
    rows.push((format!("+{first}"), "Again".into()));
    rows.push((format!("+{}", first + RIGHT), String::new()));
    for (row, (number, name)) in (2..).zip(rows) {
        sheet.write_string(row, 0, number).unwrap();
        sheet.write_string(row, 1, name).unwrap();
    }
    book.save_to_buffer().unwrap()
}

/// The annotated list with its faults corrected, so that each of its rows has a name and a number of its own.
fn mended(annotated: &str, first: u64) -> String {
    let mut text = String::new();
    for (n, line) in annotated.lines().enumerate() {
        let corrected = match line {
            line if line.contains("Short2") => format!("+{},Short2,", first + RIGHT + 1),
            line if line.contains("Short") => format!("+{},Short,", first + RIGHT + 2),
            line if line.contains("Missing") => format!("+{},Missing,", first + RIGHT + 3),
            line if n > 1 && line.contains(&(first + RIGHT).to_string()) => {
                format!("+{},Nameless,", first + RIGHT)
            }
            line => line.to_owned(),
        };
        writeln!(text, "{corrected}").unwrap();
    }
    text
}

/// The content of a file that a link of the page leads to.
async fn downloaded(browser: &Browser, link: &str) -> String {
    let script = "const done = arguments[arguments.length - 1];
        fetch(arguments[0]).then((answer) => answer.text()).then(done, (error) => done(String(error)));";
    let address = browser.attribute(link, "href").await;
    let text: Value = browser.client.execute_async(script, vec![json!(address)]).await.unwrap();
    text.as_str().unwrap().to_owned()
}

/// The id in the address of a step.
async fn id(browser: &Browser) -> String {
    let path = browser.path().await;
    path.split('/').nth(2).unwrap().to_owned()
}

/// The ledger has each recipient of the campaign once, and the report says so.
async fn sent_once(world: &World, id: &str, first: u64) {
    let counts = world.ledger().accepted_counts();
    let own = counts.iter().filter(|(number, _)| {
        let number: u64 = number.to_string().trim_start_matches('+').parse().unwrap();
        (first..first + 1_000).contains(&number)
    });
    let own: Vec<u32> = own.map(|(_, n)| *n).collect();
    assert_eq!((own.len() as u64, own.iter().all(|n| *n == 1)), (RIGHT + 4, true), "{own:?}");
    let report = world.ok(&["campaign", "report", id, "--format", "json"]).await;
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!((report["accepted"].as_u64(), report["difference"].as_i64()), (Some(RIGHT + 4), Some(0)));
}

#[tokio::test]
async fn a_messy_workbook_becomes_a_campaign_with_a_mouse_with_the_keyboard_and_without_scripts() {
    let mut world = World::new("console_story", "200/s", simulator::Config::default()).await;
    let _processes = [world.start("producer"), world.start("consumer")];
    let console = ConsoleServer::start(&mut world).await;
    let browser = Browser::start().await;
    console.person(&world, &browser, "marta", "marketer").await;
    with_a_mouse(&world, &browser, FIRST).await;
    with_the_keyboard(&world, &console, &browser, FIRST + 1_000).await;
    assert_eq!(browser.violations().await, Vec::<String>::new());
    drop(browser);
    let plain = Browser::start_without_scripts().await;
    console.person(&world, &plain, "paul", "marketer").await;
    without_scripts(&world, &console, &plain, FIRST + 2_000).await;
    for number in ["254712100", "254713000999"] {
        assert!(!world.logs().contains(number), "a number is in a log");
    }
    world.close().await;
}

async fn with_a_mouse(world: &World, browser: &Browser, first: u64) {
    browser.shows(".empty", "No campaign yet").await;
    browser.press(".top a.primary").await;
    browser.shows("h1", "New campaign").await;
    // Everything that is missing is said at once, and the summary has the focus.
    browser.press(".stepper .primary").await;
    browser.shows("#form-error", "Give the campaign a name").await;
    browser.shows("#form-error", "Write the text of the message").await;
    let focus = "return document.activeElement.id";
    assert_eq!(browser.client.execute(focus, vec![]).await.unwrap(), "form-error");

    browser.write("#f-name", "Survey <b>with a mouse</b>").await;
    browser.write("#f-body", "Hello *{{ first_name }}*, how was it?").await;
    // The preview, the counter and the field for empty cells follow while the person types.
    browser.shows("#preview .bubble", "Hello first_name, how was it?").await;
    browser.shows("#preview .bubble strong", "first_name").await;
    browser.shows("[data-counts=f-body]", "37 of 1,024").await;
    browser.shows("#defaults", "If first_name is empty").await;
    browser.press("[data-insert='{{ first_name }}']").await;
    browser.shows("#preview .bubble", "how was it?first_name").await;
    browser.write("#f-body", "Hello *{{ first_name }}*, how was it?").await;
    browser.write("#f-cta", "Open").await;
    browser.write("#f-flow_id", "1197715005513101").await;
    browser.write("#f-screen", "WELCOME").await;
    browser.press("#f-assume_window").await;
    browser.press(".stepper .primary").await;
    browser.shows("main h2", "Upload the list").await;
    let id = id(browser).await;

    a_messy_list_is_mended(world, browser, first).await;
    checked_and_started(world, browser, &id).await;
    sent_once(world, &id, first).await;
}

async fn a_messy_list_is_mended(world: &World, browser: &Browser, first: u64) {
    browser.choose(&world.file("messy.xlsx", messy(first))).await;
    browser.press("#upload button[type=submit]").await;
    browser.shows(".equation", "45 rows").await;
    for part in
        ["= 40 recipients", "+ 4 rejected", "+ 1 duplicates", "+ 0 suppressed", "+ 0 in excluded campaigns"]
    {
        browser.shows(".equation", part).await;
    }
    browser.shows(".stepper .primary", "Next: check").await;
    for reason in
        ["The number is too short", "The number is missing", "A cell that the message needs is empty"]
    {
        browser.shows("main table", reason).await;
    }
    let annotated = downloaded(browser, "a[href*='/annotated/']").await;
    assert!(annotated.contains("the number is too short"), "{annotated}");
    browser.choose(&world.file("mended.csv", mended(&annotated, first))).await;
    browser.press("#upload button[type=submit]").await;
    browser.shows(".equation", "= 4 recipients").await;
    browser.shows(".equation", "+ 41 duplicates").await;
    // A page with the list may still show the job; it is loaded again at once.
    browser.shows(".stepper .primary", "Next: check").await;
    browser.shows("aside .bubble", "Hello Achieng0").await;
}

async fn checked_and_started(world: &World, browser: &Browser, id: &str) {
    browser.press(".stepper .primary").await;
    browser.shows(".alert", "Nothing is missing").await;
    browser.shows(".alert", "44 recipients").await;
    browser.shows(".phones > :nth-child(3) .bubble", "Hello Achieng2").await;
    browser.write("#f-numbers", TESTER).await;
    browser.press("form[action$='/test'] button").await;
    browser.shows("[role=status] table", "Accepted").await;
    browser.press(".stepper .primary").await;
    browser.shows(".read-aloud", "44 recipients get “Survey <b>with a mouse</b>” through ke-main").await;
    browser.shows(".stepper .primary", "Start: send to 44 recipients").await;
    browser.press(".stepper .primary").await;
    browser.shows("h1", "Survey").await;
    assert_eq!(browser.path().await, format!("/campaigns/{id}"));
    world.finished(id).await;
    browser.shows_after_reloads("h1", "Completed").await;
    browser.shows("main", "44").await;
}

/// Types a text into a field that the Tab key reaches.
async fn typed(browser: &Browser, field: &str, text: &str) {
    browser.tab_to(field).await;
    browser.keys(text).await;
}

async fn with_the_keyboard(world: &World, console: &ConsoleServer, browser: &Browser, first: u64) {
    const ENTER: &str = "\u{e007}";
    browser.open(&console.address("/campaigns")).await;
    browser.tab_to("a[href='/campaigns/new']").await;
    browser.keys(ENTER).await;
    browser.shows("h1", "New campaign").await;
    typed(browser, "#f-name", "By keyboard").await;
    typed(browser, "#f-body", "Hello {{ first_name }}").await;
    typed(browser, "#f-cta", "Open").await;
    typed(browser, "#f-flow_id", "1197715005513101").await;
    typed(browser, "#f-screen", "WELCOME").await;
    typed(browser, "#f-assume_window", " ").await;
    browser.tab_to(".stepper .primary").await;
    browser.keys(ENTER).await;
    browser.shows("main h2", "Upload the list").await;
    let id = id(browser).await;
    // A driver cannot use the window of the system in which a file is chosen.
    let annotated = {
        browser.tab_to("input[type=file]").await;
        browser.choose(&world.file("messy.xlsx", messy(first))).await;
        browser.tab_to("#upload button[type=submit]").await;
        browser.keys(ENTER).await;
        browser.shows(".equation", "= 40 recipients").await;
        browser.shows(".stepper .primary", "Next: check").await;
        browser.tab_to("a[href*='/annotated/']").await;
        downloaded(browser, "a[href*='/annotated/']").await
    };
    browser.choose(&world.file("mended.csv", mended(&annotated, first))).await;
    browser.tab_to("#upload button[type=submit]").await;
    browser.keys(ENTER).await;
    browser.shows(".equation", "= 4 recipients").await;
    browser.shows(".stepper .primary", "Next: check").await;
    browser.tab_to(".stepper .primary").await;
    browser.keys(ENTER).await;
    browser.shows(".alert", "Nothing is missing").await;
    typed(browser, "#f-numbers", TESTER).await;
    browser.tab_to("form[action$='/test'] button").await;
    browser.keys(ENTER).await;
    browser.shows("[role=status] table", "Accepted").await;
    browser.tab_to(".stepper .primary").await;
    browser.keys(ENTER).await;
    browser.shows(".stepper .primary", "Start: send to 44 recipients").await;
    browser.tab_to(".stepper .primary").await;
    browser.keys(ENTER).await;
    browser.shows("h1", "By keyboard").await;
    world.finished(&id).await;
    browser.shows_after_reloads("h1", "Completed").await;
    sent_once(world, &id, first).await;
}

async fn without_scripts(world: &World, console: &ConsoleServer, browser: &Browser, first: u64) {
    browser.open(&console.address("/campaigns/new")).await;
    assert!(browser.client.find(Locator::Css("[data-htmx-powered]")).await.is_err(), "scripts are on");
    browser.write("#f-name", "Without scripts").await;
    browser.write("#f-body", "Hello {{ first_name }}").await;
    browser.write("#f-cta", "Open").await;
    browser.write("#f-flow_id", "1197715005513101").await;
    browser.write("#f-screen", "WELCOME").await;
    browser.press("#f-assume_window").await;
    browser.press(".stepper .primary").await;
    browser.shows("main h2", "Upload the list").await;
    let id = id(browser).await;
    browser.choose(&world.file("messy.xlsx", messy(first))).await;
    browser.press("#upload button[type=submit]").await;
    browser.shows_after_reloads(".equation", "= 40 recipients").await;
    browser.shows_after_reloads(".stepper .primary", "Next: check").await;
    let rows = (0..4).map(|n| format!("+{},Late{n}\n", first + RIGHT + n)).collect::<Vec<_>>().concat();
    browser.choose(&world.file("late.csv", format!("phone,first name\n{rows}"))).await;
    browser.press("#upload button[type=submit]").await;
    browser.shows_after_reloads(".equation", "= 4 recipients").await;
    browser.shows_after_reloads(".stepper .primary", "Next: check").await;
    browser.press(".stepper .primary").await;
    browser.shows_after_reloads(".alert", "Nothing is missing").await;
    browser.write("#f-numbers", TESTER).await;
    browser.press("form[action$='/test'] button").await;
    browser.shows("[role=status] table", "Accepted").await;
    browser.press(".stepper .primary").await;
    browser.shows(".stepper .primary", "Start: send to 44 recipients").await;
    browser.press(".stepper .primary").await;
    browser.shows("h1", "Without scripts").await;
    world.finished(&id).await;
    browser.shows_after_reloads("h1", "Completed").await;
    sent_once(world, &id, first).await;
}
