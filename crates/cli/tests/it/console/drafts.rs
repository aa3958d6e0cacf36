//! Drafts that two people edit, that change after their check, and whose import is interrupted.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use url::form_urlencoded::Serializer;

use crate::console::browser::Browser;
use crate::console::server::ConsoleServer;
use crate::receiving::free_address;
use crate::world::{PATIENCE, World};

/// The form of the example campaign with this text, at this version.
fn form(body: &str, version: &str) -> String {
    let fields = [
        ("version", version),
        ("name", "September survey"),
        ("sender", "ke-main"),
        ("kind", "flow"),
        ("header", "Two questions"),
        ("body", body),
        ("footer", "Reply STOP to opt out"),
        ("cta", "Open survey"),
        ("flow_id", "1197715005513101"),
        ("screen", "WELCOME"),
        ("action", "navigate"),
        ("mode", "published"),
        ("data", "first_name = {{ first_name }}"),
        ("assume_window", "open"),
    ];
    Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// A draft with 1,000 recipients that Marta edits in a browser, and Anna without one.
struct Draft<'a> {
    world: &'a World,
    console: &'a ConsoleServer,
    browser: &'a Browser,
    /// The cookie of Anna's session.
    anna: String,
    id: String,
}

impl Draft<'_> {
    /// Anna saves this text as an edit of this version.
    async fn edited_by_anna(&self, body: &str, version: &str) {
        let path = format!("/campaigns/{}/message", self.id);
        let saved = self.console.form(&path, &self.anna).body(form(body, version)).send().await;
        let list = format!("/campaigns/{}/list", self.id);
        assert_eq!((saved.status, saved.headers.get("location")), (303, Some(&list)), "{saved:?}");
    }

    /// How many campaigns are this one and meet this condition.
    async fn is(&self, condition: &str) -> bool {
        let select = format!("select count(*) from campaign where id = {} and {condition}", self.id);
        self.world.count(&select).await == 1
    }
}

#[tokio::test]
async fn a_second_editor_sees_both_versions_and_a_start_after_a_change_is_refused() {
    let mut world = World::new("console_drafts", "200/s", simulator::Config::default()).await;
    let console = ConsoleServer::start(&mut world).await;
    let browser = Browser::start().await;
    console.person(&world, &browser, "marta", "marketer").await;
    let anna = console.session(&world, "anna", "marketer").await;
    let id = world.draft(1_000).await;
    let draft = Draft { world: &world, console: &console, browser: &browser, anna, id };
    readers_are_refused(&draft).await;
    both_versions_are_shown(&draft).await;
    a_changed_draft_is_not_started(&draft).await;
    forms_are_executed_once(&draft).await;
    times_are_checked(&draft).await;
    assert_eq!(browser.violations().await, Vec::<String>::new());
    world.close().await;
}

#[tokio::test]
async fn a_page_that_is_read_while_its_import_ends_has_the_next_step() {
    let mut world = World::new("console_import_ends", "none", simulator::Config::default()).await;
    let console = ConsoleServer::start(&mut world).await;
    let anna = console.session(&world, "anna", "marketer").await;
    let id = world.draft(2).await;
    let list = format!("/campaigns/{id}/list");
    // The page waits for the jobs of the campaign, and meanwhile the import ends.
    for statement in ["update campaign set recipients = 0", "begin; lock table job in access exclusive mode"]
    {
        world.look.batch_execute(statement).await.unwrap();
    }
    let page = async { console.ask("GET", &list).header("cookie", &anna).send().await };
    let ends = async {
        let waiting = "
            select count(*), pg_stat_clear_snapshot()::text from pg_stat_activity
            where wait_event_type = 'Lock' and query like '%from job%order by id desc%'";
        let deadline = Instant::now() + PATIENCE;
        while world.count(waiting).await == 0 {
            assert!(Instant::now() < deadline, "the page does not wait; {}", world.logs());
            sleep(Duration::from_millis(20)).await;
        }
        world.look.batch_execute("update campaign set recipients = 2; commit").await.unwrap();
    };
    let (page, ()) = tokio::join!(page, ends);
    assert!(page.status == 200 && String::from_utf8_lossy(&page.body).contains("Next: check"), "{page:?}");
    world.close().await;
}

/// A reader gets no page of the wizard, and its forms change nothing.
async fn readers_are_refused(Draft { world, console, id, .. }: &Draft<'_>) {
    let reader = console.session(world, "rita", "viewer").await;
    for (method, step) in [
        ("GET", "message"),
        ("GET", "list"),
        ("GET", "check"),
        ("GET", "start"),
        ("POST", "message"),
        ("POST", "list"),
        ("POST", "list/remove"),
        ("POST", "check"),
        ("POST", "times"),
        ("POST", "test"),
        ("POST", "start"),
        ("POST", "duplicate"),
    ] {
        let path = format!("/campaigns/{id}/{step}");
        let ask = if method == "GET" {
            console.ask("GET", &path).header("cookie", &reader)
        } else {
            console.form(&path, &reader)
        };
        let ask = if step == "list" && method == "POST" {
            console
                .ask("POST", &path)
                .header("cookie", &reader)
                .header("sec-fetch-site", "same-origin")
                .header("content-type", "multipart/form-data; boundary=x")
                .body("--x--\r\n")
        } else if method == "POST" {
            ask.body(form("Hello", "1") + "&fingerprint=1-1000")
        } else {
            ask
        };
        let refused = ask.send().await;
        assert_eq!(refused.status, 403, "{method} {step}: {refused:?}");
    }
    for (method, path) in
        [("GET", "/campaigns/new"), ("POST", "/campaigns/new"), ("POST", "/campaigns/new/preview")]
    {
        let ask = if method == "GET" {
            console.ask("GET", path).header("cookie", &reader)
        } else {
            console.form(path, &reader).body(form("Hello", "1"))
        };
        let answer = ask.send().await;
        assert_eq!(answer.status, 403, "{method} {path}: {answer:?}");
    }
    assert_eq!(world.count("select count(*) from campaign").await, 1);
}

async fn both_versions_are_shown(draft: &Draft<'_>) {
    let Draft { console, browser, id, .. } = draft;
    // Both open version 1; Anna saves first.
    browser.open(&console.address(&format!("/campaigns/{id}/message"))).await;
    draft.edited_by_anna("Hello {{ first_name }} from Anna", "1").await;
    browser.write("#f-body", "Hello {{ first_name }} from Marta").await;
    browser.press(".stepper .primary").await;
    browser.shows("h1", "Two versions").await;
    browser.shows(".alert", "anna changed this campaign").await;
    browser.shows(".versions tbody", "Hello {{ first_name }} from Marta").await;
    browser.shows(".versions tbody", "Hello {{ first_name }} from Anna").await;
    assert!(draft.is("definition::text like '%from Anna%'").await, "nothing was overwritten");
    // A third version meanwhile is shown again, not overwritten.
    draft.edited_by_anna("Hello {{ first_name }}, Anna again", "2").await;
    browser.press("main form .button").await;
    browser.shows(".versions tbody", "Anna again").await;
    browser.press("main form .button").await;
    browser.shows(".equation", "1,000 recipients").await;
    assert!(draft.is("definition::text like '%from Marta%'").await);
}

async fn a_changed_draft_is_not_started(draft: &Draft<'_>) {
    let Draft { world, browser, id, .. } = draft;
    // The list changes after the check that Marta has seen.
    browser.press(".stepper .primary").await;
    browser.shows(".alert", "Nothing is missing").await;
    browser.press(".stepper .primary").await;
    browser.shows(".stepper .primary", "Start: send to 1,000 recipients").await;
    let more = world.file("more.csv", "phone,first_name\n254712900001,Otieno\n254712900002,Wanjiru\n");
    world.ok(&["campaign", "import", id, &more]).await;
    browser.press(".stepper .primary").await;
    browser.shows("#refused", "The campaign was not started").await;
    browser.shows(".versions tbody", "1,000").await;
    browser.shows(".versions tbody", "1,002").await;
    assert!(draft.is("state = 'draft'").await);

    // So does the message.
    browser.press("form[action$='/check'] button").await;
    browser.shows(".stepper .primary", "Start: send to 1,002 recipients").await;
    draft.edited_by_anna("Hello {{ first_name }}, another text", "4").await;
    browser.press(".stepper .primary").await;
    browser.shows("#refused", "The campaign was not started").await;
    browser.shows(".versions tbody", "another text").await;
    assert!(draft.is("state = 'draft'").await);
    assert_eq!(world.ledger().summary().requests, 0);
}

async fn forms_are_executed_once(Draft { world, console, anna, .. }: &Draft<'_>) {
    let new = form("Hello", "1") + "&once=one-draft";
    let (one, two) = tokio::join!(
        console.form("/campaigns/new", anna).body(new.clone()).send(),
        console.form("/campaigns/new", anna).body(new.clone()).send()
    );
    let again = console.form("/campaigns/new", anna).body(new).send().await;
    let created: Vec<&String> =
        [&one, &two, &again].iter().filter_map(|answer| answer.headers.get("location")).collect();
    assert!(created.len() >= 2 && created.iter().all(|at| at == &created[0]), "{one:?} {two:?} {again:?}");
    assert_eq!(world.count("select count(*) from campaign").await, 2);
    let test = created[0].replace("/list", "/test");
    for _ in 0..2 {
        let sent = console.form(&test, anna).body("once=one-test&numbers=%2B254713000999").send().await;
        assert!(sent.status == 200 && String::from_utf8_lossy(&sent.body).contains("Accepted"), "{sent:?}");
    }
    assert_eq!(world.ledger().summary().requests, 1);
}

/// Times are saved, and the draft is checked again at once.
async fn times_are_checked(draft: &Draft<'_>) {
    let browser = draft.browser;
    browser.press("form[action$='/check'] button").await;
    browser.shows(".stepper .primary", "Start: send to 1,002 recipients").await;
    browser.press(".radios .segments label:nth-child(2)").await;
    let script = "document.getElementById('f-start_at').value = '2126-12-01T09:00'";
    browser.client.execute(script, vec![]).await.unwrap();
    // A start with times that are not saved would send at once.
    browser.press("#start").await;
    browser.shows("#form-error", "the times were changed and are not saved").await;
    assert_eq!(browser.attribute("#f-start_at", "value").await, "2126-12-01T09:00");
    assert!(draft.is("state = 'draft'").await);
    browser.press("form[action$='/times'] button").await;
    browser.shows(".read-aloud", "from 1 Dec 2126").await;
    browser.shows(".read-aloud", "Times are in UTC").await;
    browser.press(".stepper .primary").await;
    browser.shows("h1", "September survey").await;
    assert!(draft.is("state = 'running'").await);
    assert_eq!(draft.world.ledger().summary().requests, 1, "the test message");
}

#[tokio::test]
async fn an_import_survives_a_reload_and_a_second_tab_and_says_that_it_was_interrupted() {
    let mut world = World::new("console_import", "none", simulator::Config::default()).await;
    let limit = [("FLOWCAST_CONSOLE_MAX_LIST_BYTES", "4000000")];
    let console = ConsoleServer::start_at(&mut world, free_address(), &limit).await;
    let (browser, other) = (Browser::start().await, Browser::start().await);
    console.person(&world, &browser, "marta", "marketer").await;
    console.person(&world, &other, "anna", "marketer").await;
    let id = world.draft(0).await;
    let list = console.address(&format!("/campaigns/{id}/list"));
    let rows: String = (0..5_000)
        .map(|n| format!("{},Name{n}{}\n", 254_712_000_000_u64 + n, "x".repeat(500)))
        .collect::<Vec<_>>()
        .concat();
    let file = world.file("list.csv", format!("phone,first_name\n{rows}"));

    // The import waits for this lock.
    world.look.batch_execute("begin; lock table recipient in share mode").await.unwrap();
    browser.open(&list).await;
    browser.choose(&file).await;
    browser.press("#upload button[type=submit]").await;
    browser.shows("#job", "5,000 rows read").await;
    browser.client.refresh().await.unwrap();
    browser.shows("#job", "storing the recipients").await;
    other.open(&list).await;
    other.shows("#job", "5,000 rows read").await;
    let console = console.killed_and_started(&mut world, &limit).await;
    world.look.batch_execute("rollback").await.unwrap();
    browser.shows_after_reloads(".alert", "The import was interrupted").await;
    browser.shows(".alert", "nothing was imported").await;
    other.shows_after_reloads(".alert", "nothing was imported").await;
    assert_eq!(world.count("select count(*) from recipient").await, 0);

    // The page with the progress becomes the page with the result by itself.
    world.look.batch_execute("begin; lock table recipient in share mode").await.unwrap();
    browser.choose(&file).await;
    browser.press("#upload button[type=submit]").await;
    browser.shows("#job", "5,000 rows read").await;
    world.look.batch_execute("rollback").await.unwrap();
    browser.shows(".equation", "= 5,000 recipients").await;

    wrong_lists_are_refused(&world, &console, &browser, &id).await;
    assert_eq!(world.count("select count(*) from job where kind = 'import'").await, 2);
    drop(console);
    world.close().await;
}

/// A list that cannot be read, or is too long, is refused beside the form.
async fn wrong_lists_are_refused(world: &World, console: &ConsoleServer, browser: &Browser, id: &str) {
    browser.choose(&world.file("empty.csv", "")).await;
    browser.press("#upload button[type=submit]").await;
    browser.shows("#upload-state", "empty").await;
    let long = vec![b'1'; 5_000_000];
    browser.choose(&world.file("long.csv", &long)).await;
    browser.press("#upload button[type=submit]").await;
    browser.shows("#upload-state", "longer than the limit").await;
    assert_eq!(browser.violations().await, Vec::<String>::new());
    let paul = console.session(world, "paul", "marketer").await;
    let path = format!("/campaigns/{id}/list");
    let body = [
        b"--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\n\r\n".as_slice(),
        &long,
        b"\r\n--x--\r\n",
    ];
    let ask = console
        .ask("POST", &path)
        .header("cookie", &paul)
        .header("sec-fetch-site", "same-origin")
        .header("content-type", "multipart/form-data; boundary=x")
        .body(body.concat());
    if let Some(refused) = ask.try_send().await {
        let says = String::from_utf8_lossy(&refused.body).into_owned();
        assert!(
            refused.status == 413 && says.contains("The list is longer than 4000000 bytes; split it."),
            "{says}"
        );
    }
}
