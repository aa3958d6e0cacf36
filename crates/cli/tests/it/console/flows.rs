//! Flows and templates in a browser: added on the page of a sender, chosen and previewed in a new campaign, and read in answers.

use fantoccini::Locator;

use crate::console::actions::press;
use crate::console::browser::Browser;
use crate::console::server::ConsoleServer;
use crate::world::World;

pub(crate) const FLOW_JSON: &str = include_str!("../../../../../examples/flow.json");

/// Chooses an option of a field by its value.
async fn select(browser: &Browser, field: &str, value: &str) {
    let found = browser.client.find(Locator::Css(&format!("{field} option[value='{value}']"))).await.unwrap();
    found.click().await.unwrap();
}

/// A flow is uploaded, refused with the reason, and uploaded again.
async fn a_flow_is_added(world: &World, console: &ConsoleServer, browser: &Browser) {
    browser.open(&console.address("/senders/ke-main")).await;
    press(browser, "Add a flow").await;
    browser.write("#f-flow_id", "1197715005513101").await;
    browser.write("#f-flow_name", "Visit <b>survey</b>").await;
    browser.press(".form .primary").await;
    browser.shows("#form-error", "Choose the file of the flow").await;
    browser.choose(&world.file("broken.json", "{\"version\": \"7.0\", \"screens\": [{}]}")).await;
    browser.press(".form .primary").await;
    browser.shows("#e-file", "the screen has no id").await;
    browser.choose(&world.file("long.json", format!("{FLOW_JSON}{}", " ".repeat(513 * 1024)))).await;
    browser.press(".form .primary").await;
    browser.shows("#e-file", "longer than 512 KiB").await;
    browser.choose(&world.file("flow.json", FLOW_JSON)).await;
    browser.press(".form .primary").await;
    browser.shows("[role=status]", "The flow is stored").await;
    browser.shows("h1", "Visit <b>survey</b>").await;
    browser.shows(".flow-screens", "How was your visit?").await;
}

async fn a_template_is_added(console: &ConsoleServer, browser: &Browser) {
    browser.open(&console.address("/senders/ke-main/templates?template=visit&language=en")).await;
    browser.press(".form .primary").await;
    browser.shows("#e-body", "has no body").await;
    browser.write("#f-body", "Dear {{1}}, how was it at <i>{{2}}</i>?").await;
    browser.write("#f-buttons", "Open survey = 1197715005513101").await;
    browser.press(".form .primary").await;
    browser.shows("[role=status]", "The text of the template is stored").await;
    browser.shows(".bubble", "Dear {{1}}, how was it at <i>{{2}}</i>?").await;
}

/// Of two people who replace the same text or flow, the second one sees what the first one stored.
async fn a_second_change_overwrites_nothing(world: &World, console: &ConsoleServer, browser: &Browser) {
    for (path, field, value) in [
        ("/senders/ke-main/templates/visit/en", "#f-body", "Dear {{1}}, how was it at <i>{{2}}</i>?"),
        ("/senders/ke-main/flows/1197715005513101", "#f-flow_name", "Visit <b>survey</b>"),
    ] {
        browser.open(&console.address(path)).await;
        let first = Browser::start().await;
        let name = format!("anna{}", path.len());
        console.person(world, &first, &name, "marketer").await;
        first.open(&console.address(path)).await;
        first.write(field, &format!("{value} first")).await;
        first.press(".form .primary").await;
        first.shows("[role=status]", "is stored").await;
        browser.write(field, value).await;
        browser.press(".form .primary").await;
        browser.shows("#form-error", "was changed since you read it").await;
        browser.shows("main", &format!("{value} first")).await;
        // Having seen it, the person replaces it.
        browser.press(".form .primary").await;
        browser.shows("[role=status]", "is stored").await;
    }
}

/// A marketer chooses the flow and sees its screens while typing; a screen that it lacks is refused.
async fn a_flow_is_chosen(console: &ConsoleServer, browser: &Browser) {
    browser.open(&console.address("/campaigns/new")).await;
    browser.write("#f-name", "Chosen").await;
    browser.write("#f-body", "Hello {{ first_name }}").await;
    browser.write("#f-cta", "Open").await;
    select(browser, "#f-known_flow", "1197715005513101").await;
    browser.shows("#preview .flow-screens", "WELCOME").await;
    let hidden = "return getComputedStyle(document.querySelector('.of-flow-id')).display";
    assert_eq!(browser.run(hidden).await, "none", "a chosen flow needs no id");
    // A screen that the person opened stays open when the preview is drawn again.
    browser.press("#preview .flow-step:nth-of-type(2) summary").await;
    browser.write("#f-body", "Hello again {{ first_name }}").await;
    browser.shows("#preview .bubble", "Hello again").await;
    let is_open = "return document.querySelector('#preview .flow-step:nth-of-type(2)').open";
    assert_eq!(browser.run(is_open).await, true);
    browser.write("#f-screen", "OTHER").await;
    browser.press("#f-assume_window").await;
    browser.press(".stepper .primary").await;
    browser.shows("#e-screen", "has no screen OTHER; it has WELCOME, COMMENT").await;
    browser.write("#f-screen", "").await;
    browser.press("details.more summary").await;
    browser.write("#f-data", "first_name = {{ first_name }}").await;
    browser.shows("#preview .flow-screens", "Hello first_name").await;
    browser.press(".stepper .primary").await;
    browser.shows("main h2", "Upload the list").await;
}

/// The same with a template and plain forms.
async fn a_template_is_chosen_without_scripts(console: &ConsoleServer, browser: &Browser) {
    browser.open(&console.address("/campaigns/new")).await;
    browser.write("#f-name", "With a template").await;
    select(browser, "#f-sender", "ke-main").await;
    browser.press("[name=kind][value=template]").await;
    select(browser, "#f-known_template", "visit/en").await;
    browser.write("#f-template_body", "{{ first_name }}").await;
    browser.press(".stepper .primary").await;
    browser.shows("main", "the approved template has 2").await;
    browser.write("#f-template_body", "{{ first_name }}\nthe shop").await;
    browser.press(".stepper .primary").await;
    browser.shows("main h2", "Upload the list").await;
    press(browser, "Back").await;
    browser.shows("#preview .bubble", "Dear first_name, how was it at <i>the shop</i>?").await;
    // The button of the template opens the flow, whose screens are drawn.
    browser.shows("#preview .flow-screens", "WELCOME").await;
}

/// Answers have the words of the flow, and the file has the values as they are stored.
async fn answers_have_labels(world: &World, console: &ConsoleServer, browser: &Browser) {
    let id = world.draft(40).await;
    let answers = "
        insert into flow_answer (campaign_id, seq, inbound_id, answered_at, asked_at, answer, from_other_number)
        select $1, n, 'in-' || n, now(), now(), jsonb_build_object('visit', case n % 2 when 0 then '0_very_good' else 'unheard of' end,
            'topics', jsonb_build_array('staff', 'parking')), false
        from generate_series(1, 10) n";
    world.look.execute(answers, &[&id.parse::<i64>().unwrap()]).await.unwrap();
    browser.open(&console.address(&format!("/campaigns/{id}/answers"))).await;
    for text in ["How was your visit?", "Very good", "unheard of", "What is it about?", "Staff", "parking"] {
        browser.shows(".answer-fields", text).await;
    }
    browser.shows("main .facts", "Staff, parking").await;
    let cookie = console.session(world, "csaba", "marketer").await;
    let file =
        console.ask("GET", &format!("/campaigns/{id}/answers.csv")).header("cookie", &cookie).send().await;
    let csv = String::from_utf8(file.body).unwrap();
    // The file has the values of the database, without the words of the flow.
    let stored = "
        select seq::text || ',', ',false,\"staff, parking\",' || (answer ->> 'visit') from flow_answer
        where campaign_id = $1 and answer -> 'topics' = '[\"staff\", \"parking\"]' order by seq";
    let rows = world.look.query(stored, &[&id.parse::<i64>().unwrap()]).await.unwrap();
    let lines: Vec<&str> = csv.lines().filter(|line| line.contains(",false,")).collect();
    assert_eq!((lines.len(), rows.len()), (10, 10), "{csv}");
    for row in rows {
        let (begin, end): (&str, &str) = (row.get(0), row.get(1));
        assert!(
            lines.iter().any(|line| line.starts_with(begin) && line.ends_with(end)),
            "{begin}…{end}: {csv}"
        );
    }
}

/// An operator adds a sender; what the command refuses is refused at the field.
async fn a_sender_is_added(console: &ConsoleServer, browser: &Browser) {
    browser.open(&console.address("/senders")).await;
    press(browser, "Add a sender").await;
    browser.press(".form .primary").await;
    browser.shows("#e-base_url", "is not an address like https://api.in.kaleyra.io").await;
    browser.shows("#e-api_key_ref", "The reference of the API key is not env:NAME or file:PATH").await;
    browser.write("#f-sender_name", "ke-main").await;
    browser.write("#f-base_url", "https://api.in.kaleyra.io").await;
    browser.write("#f-number", "+254 712 000 999").await;
    browser.write("#f-account", "HXAP").await;
    browser.write("#f-api_key_ref", "env:KALEYRA_KEY").await;
    browser.write("#f-rate", "80/s").await;
    browser.press(".form .primary").await;
    browser.shows("#e-sender_name", "Sender 'ke-main' exists already").await;
    browser.write("#f-sender_name", "tz-main").await;
    browser.press(".form .primary").await;
    browser.shows("[role=status]", "The sender is added").await;
    browser.shows("main", "80/s").await;
}

#[tokio::test]
async fn flows_and_templates_are_added_chosen_previewed_and_read_in_answers() {
    let mut world = World::new("console_flows", "200/s", simulator::Config::default()).await;
    let console = ConsoleServer::start(&mut world).await;
    let browser = Browser::start().await;
    console.person(&world, &browser, "olga", "operator").await;
    a_flow_is_added(&world, &console, &browser).await;
    a_template_is_added(&console, &browser).await;
    a_second_change_overwrites_nothing(&world, &console, &browser).await;
    a_flow_is_chosen(&console, &browser).await;
    answers_have_labels(&world, &console, &browser).await;
    a_sender_is_added(&console, &browser).await;
    browser.open(&console.address("/senders/ke-main/flows/1197715005513101/remove")).await;
    browser.press("#ask .danger").await;
    browser.shows("h1", "ke-main").await;
    assert_eq!(world.count("select count(*) from flow").await, 0);
    assert_eq!(browser.violations().await, Vec::<String>::new());
    drop(browser);
    world
        .ok(&[
            "flow",
            "set",
            "ke-main",
            "1197715005513101",
            &world.file("flow.json", FLOW_JSON),
            "--name",
            "Visit",
        ])
        .await;
    let plain = Browser::start_without_scripts().await;
    console.person(&world, &plain, "paul", "marketer").await;
    a_template_is_chosen_without_scripts(&console, &plain).await;
    world.close().await;
}
