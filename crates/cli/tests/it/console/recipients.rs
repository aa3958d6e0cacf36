//! Recipients, answers, lists and the suppression list in a browser.

use std::io::Read as _;

use fantoccini::Locator;
use flate2::read::GzDecoder;

use crate::api_server::Answer;
use crate::console::actions::press;
use crate::console::browser::Browser;
use crate::console::server::ConsoleServer;
use crate::receiving::free_address;
use crate::world::{CAMPAIGN, World};

/// What must stay text wherever it is shown.
const MARKUP: &str = "<img src=x onerror=\"alert(1)\"><script>alert(2)</script>{{7*7}}'\"></title>";

/// A completed campaign with markup in its name, a code and answers.
async fn completed(world: &mut World) -> String {
    let named = CAMPAIGN.replacen("name = \"", &format!("name = \"{} ", MARKUP.replace('\"', "\\\"")), 1);
    let _processes = [world.start("producer"), world.start("consumer")];
    let campaign = world.draft_of(&named, 60).await;
    world.ok(&["campaign", "start", &campaign]).await;
    world.finished(&campaign).await;
    let answers = "
        insert into flow_answer (campaign_id, seq, inbound_id, answered_at, asked_at, answer, from_other_number)
        select $1, n, 'in-' || n, now(), now() - interval '3 min',
            jsonb_build_object('stars', ((n % 5) + 1)::text, 'comment', $2::text, 'topics', jsonb_build_array('price', 'staff')), false
        from generate_series(1, 10) n";
    world.look.execute(answers, &[&campaign.parse::<i64>().unwrap(), &MARKUP]).await.unwrap();
    campaign
}

#[tokio::test]
async fn a_person_is_found_by_number_that_is_in_no_address_log_or_history_and_markup_stays_text() {
    let mut world = World::new("console_find", "none", simulator::Config::default()).await;
    let country = [("FLOWCAST_CONSOLE_COUNTRY", "KE")];
    let console = ConsoleServer::start_at(&mut world, free_address(), &country).await;
    let browser = Browser::start().await;
    console.person(&world, &browser, "olga", "operator").await;
    let campaign = completed(&mut world).await;

    // From a number on the overview to the people behind it, to one of them.
    browser.open(&console.address(&format!("/campaigns/{campaign}"))).await;
    browser.press("#live-progress .tile .value a").await;
    browser.shows("tbody tr:nth-child(1)", "Answered").await;
    browser.shows("tbody tr:nth-child(50)", "Accepted").await;
    press(&browser, "Next →").await;
    browser.shows("tbody tr:nth-child(10)", "60").await;
    browser.open(&console.address(&format!("/campaigns/{campaign}/recipients?state=answered"))).await;
    browser.press("tbody a.title").await;
    browser.shows(".timeline", "Accepted").await;
    browser.shows(".timeline", MARKUP).await;
    assert!(!browser.text("main").await.contains("254712"), "the number is masked");

    // A number is found by a form.
    browser.open(&console.address("/recipients")).await;
    browser.fill(&[("number", "0712 000 004")]).await;
    browser.send("form[action='/recipients']").await;
    browser.shows("main", "Not on the suppression list").await;
    browser.shows("tbody tr", "<img src=x").await;
    browser.shows("tbody tr", "Answered").await;
    browser.press("tbody a.title").await;
    press(&browser, "Never send to this person again").await;
    browser.shows("[role=status].alert", "suppression list").await;
    assert_eq!(world.count("select count(*) from suppression where msisdn = 254712000004").await, 1);
    browser.open(&console.address("/recipients")).await;
    browser.fill(&[("number", "nonsense")]).await;
    browser.send("form[action='/recipients']").await;
    browser.shows("#form-error", "write the number with its country code").await;
    assert_eq!(browser.attribute("form[action='/recipients'] input", "value").await, "nonsense");
    browser.press("details summary").await;
    let pasted = browser.client.find(Locator::Css("textarea")).await.unwrap();
    pasted.send_keys("+254712000101\n+254712000102").await.unwrap();
    press(&browser, "Import").await;
    browser.shows("[role=status].alert", "2 numbers were added").await;
    press(&browser, "Remove").await;
    browser.shows("[role=status].alert", "is removed").await;
    assert_eq!(world.count("select count(distinct msisdn) from suppression").await, 2);
    let searched = "select count(*) from report.audit where action = 'suppression.lookup' and actor = 'olga'";
    assert_eq!(world.count(searched).await, 2);
    assert_eq!(world.count("select count(*) from report.audit where details::text like '%254712%'").await, 0);
    let history = browser
        .run("return [location.href, document.referrer, history.length > 0 && document.cookie].join(' ')")
        .await;
    assert!(!history.to_string().contains("254"), "{history}");

    // No alert is open, and the policy refused nothing.
    for page in ["", "/recipients", "/answers", "/lists", "/rules"] {
        browser.open(&console.address(&format!("/campaigns/{campaign}{page}"))).await;
        browser.shows("h1", "<img src=x").await;
        assert!(browser.client.get_alert_text().await.is_err(), "{page}");
    }
    assert_eq!(browser.violations().await, Vec::<String>::new());
    world.close().await;
}

/// The text of a body that was sent in chunks.
fn whole(answer: &Answer) -> String {
    String::from_utf8(dechunked(answer)).unwrap()
}

/// A body that was sent in chunks.
fn dechunked(answer: &Answer) -> Vec<u8> {
    let (mut rest, mut text) = (answer.body.as_slice(), Vec::new());
    while let Some(end) = rest.windows(2).position(|bytes| bytes == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        if length == 0 {
            break;
        }
        text.extend_from_slice(&rest[end + 2..][..length]);
        rest = &rest[end + 2 + length + 2..];
    }
    text
}

#[tokio::test]
async fn answers_are_counted_and_the_csv_holds_what_the_database_holds() {
    let mut world = World::new("console_answers", "none", simulator::Config::default()).await;
    let console = ConsoleServer::start(&mut world).await;
    let campaign = completed(&mut world).await;
    let cookie = console.session(&world, "marta", "marketer").await;
    let page = async |path: &str| {
        let path = format!("/campaigns/{campaign}{path}");
        let answer = console.ask("GET", &path).header("cookie", &cookie).send().await;
        (answer.status, String::from_utf8_lossy(&answer.body).into_owned())
    };
    let (status, shown) = page("/answers").await;
    assert!(status == 200 && shown.contains("10 answers") && !shown.contains("<img src=x"), "{shown}");
    assert!(shown.contains(r#"<th scope="row" class="value">price</th>"#), "{shown}");
    let path = format!("/campaigns/{campaign}/answers.csv");
    let answer = console.ask("GET", &path).header("cookie", &cookie).send().await;
    let csv = whole(&answer);
    let name = format!("attachment; filename=\"campaign-{campaign}-answers.csv\"");
    assert_eq!((answer.status, &answer.headers["content-disposition"]), (200, &name));
    let mut lines = csv.split("\r\n");
    assert_eq!(lines.next().unwrap(), "recipient,answered_at,from_other_number,comment,stars,topics");
    let expected = "
        select string_agg(seq || ',' || (answer->>'stars'), ';' order by seq) from flow_answer";
    let expected: String = world.look.query_one(expected, &[]).await.unwrap().get(0);
    let found: Vec<String> = lines
        .filter(|line| !line.is_empty())
        .map(|line| format!("{},{}", line.split(',').next().unwrap(), line.rsplit(',').nth(2).unwrap()))
        .collect();
    assert_eq!(found.join(";"), expected, "{csv}");
    assert!(csv.contains("\"price, staff\""), "{csv}");

    // A viewer sees no answers, and downloads need the right to numbers and a fresh log-in.
    let viewer = console.session(&world, "vera", "viewer").await;
    let refused =
        console.ask("GET", &format!("/campaigns/{campaign}/answers")).header("cookie", &viewer).send().await;
    assert_eq!(refused.status, 403);
    let (status, _) = page("/download?who=accepted").await;
    assert_eq!(status, 403);
    let nina = console.session_with(&world, "nina", &["marketer", "--numbers"]).await;
    let path = format!("/campaigns/{campaign}/download?who=accepted&format=csv");
    let list = console.ask("GET", &path).header("cookie", &nina).send().await;
    let list = whole(&list);
    assert!(list.lines().count() == 61 && list.contains("254712000059"), "{list}");
    // Browsers ask for compressed files.
    for path in [path.clone(), format!("/campaigns/{campaign}/answers.csv")] {
        let packed = console.ask("GET", &path).header("cookie", &nina).header("accept-encoding", "gzip");
        let packed = packed.send().await;
        assert_eq!(packed.headers["content-encoding"], "gzip");
        let mut plain = String::new();
        let packed = dechunked(&packed);
        GzDecoder::new(packed.as_slice()).read_to_string(&mut plain).unwrap();
        assert!(plain.contains("254712000059") || plain.contains("price, staff"), "{plain}");
    }
    assert_eq!(
        world
            .count("select count(*) from report.audit where action = 'campaign.export' and actor = 'nina'")
            .await,
        2
    );
    world.close().await;
}
