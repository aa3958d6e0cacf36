//! What the console answers to clients that are no browser, or that another site controls.

use std::collections::BTreeMap;

use crate::api_server::{Answer, Ask};
use crate::console::server::{ConsoleServer, PASSWORD};
use crate::world::World;

const FORM: &str = "application/x-www-form-urlencoded";

fn form<'a>(ask: Ask<'a>, body: &str) -> Ask<'a> {
    ask.header("content-type", FORM).header("sec-fetch-site", "same-origin").body(body)
}

fn cookie(answer: &Answer) -> String {
    answer.headers["set-cookie"].split(';').next().unwrap().to_owned()
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

async fn log_in(console: &ConsoleServer, name: &str, password: &str) -> Answer {
    form(console.ask("POST", "/log-in"), &format!("name={name}&password={password}")).send().await
}

#[tokio::test]
async fn forged_requests_are_refused_and_every_answer_has_the_security_headers() {
    let mut world = World::new("console_forms", "none", simulator::Config::default()).await;
    let console = ConsoleServer::start(&mut world).await;
    let link = console.link(&world, "anna", "admin").await;
    headers_are_complete(&console, &link).await;
    let set = form(console.ask("POST", &link), &format!("password={PASSWORD}&again={PASSWORD}")).send().await;
    assert_eq!((set.status, set.headers["location"].as_str()), (303, "/log-in?after=password"));
    let used = console.ask("GET", &link).send().await;
    assert!(used.status == 401 && text(&used).contains("The link is not valid"), "{}", text(&used));

    forgeries_are_refused(&console).await;
    sessions_begin_and_end(&console, &world).await;
    wrong_passwords_are_delayed(&console).await;
    let token = link.strip_prefix("/link/").unwrap();
    assert!(!world.logs().contains(token), "the token of the link is in a log");
    assert!(!world.logs().contains(PASSWORD));
    world.close().await;
}

async fn headers_are_complete(console: &ConsoleServer, link: &str) {
    let mut nonces = BTreeMap::new();
    let style = text(&console.ask("GET", "/log-in").send().await);
    let style = style.split("href=\"").find(|part| part.starts_with("/assets/console.")).unwrap();
    let style = style.split('"').next().unwrap().to_owned();
    for (method, path, status) in [
        ("GET", "/log-in", 200),
        ("GET", link, 200),
        ("GET", "/link/x", 401),
        ("GET", "/campaigns/7", 303),
        ("GET", "/no-such-page", 303),
        ("GET", "/assets/none.js", 404),
        ("GET", &style, 200),
        ("PUT", "/log-in", 403),
        ("POST", "/log-in", 403),
    ] {
        let answer = console.ask(method, path).send().await;
        assert_eq!(answer.status, status, "{method} {path}: {}", text(&answer));
        let policy = &answer.headers["content-security-policy"];
        for rule in [
            "default-src 'none'",
            "script-src 'self' 'nonce-",
            "style-src 'self';",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types htmx",
        ] {
            assert!(policy.contains(rule), "{method} {path}: {policy}");
        }
        let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap();
        nonces.insert(nonce.to_owned(), path);
        for (name, value) in [
            ("strict-transport-security", "max-age=31536000; includeSubDomains"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cache-control", if path == style { "public, max-age=31536000, immutable" } else { "no-store" }),
            ("referrer-policy", if path.starts_with("/link/") { "no-referrer" } else { "same-origin" }),
        ] {
            assert_eq!(answer.headers[name], value, "{method} {path}: {name}");
        }
        assert!(!answer.headers.contains_key("set-cookie"), "{method} {path}");
    }
    assert_eq!(nonces.len(), 9, "each answer has its own nonce");
}

async fn forgeries_are_refused(console: &ConsoleServer) {
    let log_in = format!("name=anna&password={PASSWORD}");
    let host = console.at.to_string();
    let (own, foreign) = (format!("http://{host}"), "https://evil.example".to_owned());
    for (headers, status) in [
        (vec![], 403),
        (vec![("sec-fetch-site", "cross-site")], 403),
        (vec![("sec-fetch-site", "same-site")], 403),
        (vec![("sec-fetch-site", "cross-site"), ("origin", &own)], 403),
        (vec![("origin", &foreign)], 403),
        (vec![("origin", "null")], 403),
        (vec![("sec-fetch-site", "same-site"), ("x-http-method-override", "GET")], 403),
        (vec![("sec-fetch-site", "same-origin")], 303),
        (vec![("sec-fetch-site", "none")], 303),
    ] {
        let ask = console.ask("POST", "/log-in").header("content-type", FORM).body(log_in.as_str());
        let ask = headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value));
        let answer = ask.send().await;
        assert_eq!(answer.status, status, "{headers:?}: {}", text(&answer));
        assert_eq!(answer.headers.contains_key("set-cookie"), status == 303, "{headers:?}");
    }
}

async fn sessions_begin_and_end(console: &ConsoleServer, world: &World) {
    let began = log_in(console, "anna", PASSWORD).await;
    let set = &began.headers["set-cookie"];
    assert!(set.starts_with("flowcast=") && set.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{set}");
    let first = cookie(&began);
    let page = |cookie: &str| console.ask("GET", "/settings").header("cookie", cookie).send();
    let shown = page(&first).await;
    assert_eq!(shown.status, 200);
    let missing = console.ask("GET", "/no-such-page").header("cookie", &first).send().await;
    assert!(missing.status == 404 && text(&missing).contains("There is no such page"), "{}", text(&missing));

    // A log-in in the same browser makes a new token, and the old one is worth nothing.
    let again =
        form(console.ask("POST", "/log-in"), &format!("name=anna&password={PASSWORD}&next=//evil.example"));
    let again = again.header("cookie", &first).send().await;
    assert_eq!(again.headers["location"], "/");
    let second = cookie(&again);
    assert_ne!(first, second);
    assert_eq!((page(&first).await.status, page(&second).await.status), (303, 200));
    for fixed in ["flowcast=chosen-by-another", "__Host-flowcast=x", &format!("{second}; {second}")] {
        let answer = page(fixed).await;
        assert_eq!(
            (answer.status, answer.headers["location"].as_str()),
            (303, "/log-in?next=%2Fsettings"),
            "{fixed}"
        );
    }
    let key = format!("Bearer {}", second.strip_prefix("flowcast=").unwrap());
    let api = console.ask("GET", "/api/v1/campaigns").header("cookie", &second).send().await;
    let bearer = console.ask("GET", "/settings").header("authorization", &key).send().await;
    assert_eq!(
        (api.status, bearer.status),
        (401, 303),
        "cookies are for pages only, and keys for the API only"
    );

    let out = form(console.ask("POST", "/log-out"), "").header("cookie", &second).send().await;
    assert_eq!(out.headers["clear-site-data"], "\"cache\", \"storage\"");
    assert!(out.headers["set-cookie"].contains("Max-Age=0"), "{out:?}");
    assert_eq!(page(&second).await.status, 303, "a session that ended cannot be used again");

    let third = cookie(&log_in(console, "anna", PASSWORD).await);
    let moved = "update session set last_seen_at = last_seen_at - interval '61 min' where ended_at is null";
    world.look.execute(moved, &[]).await.unwrap();
    assert_eq!(page(&third).await.status, 303, "idle for too long");
    world.ok(&["account", "add", "berta", "--role", "admin"]).await;
    let fourth = cookie(&log_in(console, "anna", PASSWORD).await);
    world.ok(&["account", "disable", "anna"]).await;
    assert_eq!(page(&fourth).await.status, 303, "the account is disabled");
    world.ok(&["account", "enable", "anna"]).await;
}

async fn wrong_passwords_are_delayed(console: &ConsoleServer) {
    let (wrong, unknown) = (log_in(console, "anna", "wrong").await, log_in(console, "nobody", "wrong").await);
    assert_eq!((wrong.status, unknown.status), (401, 401));
    // The pages differ in the name that was typed, the nonce and nothing else.
    let comparable =
        |answer: &Answer, name: &str| text(answer).replace(&format!("value=\"{name}\""), "value=\"\"");
    assert_eq!(comparable(&wrong, "anna"), comparable(&unknown, "nobody"));
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(log_in(console, "anna", "wrong").await.status);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
    let delayed = log_in(console, "anna", PASSWORD).await;
    assert!(
        delayed.status == 429 && text(&delayed).contains("Too many failed attempts"),
        "{}",
        text(&delayed)
    );
}
