//! People log in with the account of their company.

use jiff::Timestamp;
use serde_json::{Value, json};
use url::Url;

use crate::api_server::Answer;
use crate::console::openid_provider::{CLIENT, OpenIdProvider, SECRET, Signature};
use crate::console::server::ConsoleServer;
use crate::world::World;

/// Changes the claims of a token.
type Change = fn(&mut Value);

/// A log-in that a browser has begun: where it was sent, and its cookie.
struct Begun {
    state: String,
    nonce: String,
    challenge: String,
    cookie: String,
}

async fn begin(console: &ConsoleServer, query: &str) -> Begun {
    let sent = console.ask("GET", &format!("/log-in/company{query}")).send().await;
    assert_eq!(sent.status, 303, "{}", text(&sent));
    let address = Url::parse(&sent.headers["location"]).unwrap();
    let value = |name: &str| address.query_pairs().find(|(found, _)| found == name).unwrap().1.into_owned();
    assert_eq!((value("response_type").as_str(), value("client_id").as_str()), ("code", CLIENT));
    assert_eq!(value("code_challenge_method"), "S256");
    assert_eq!(value("redirect_uri"), console.address("/log-in/company/callback"));
    let cookie = &sent.headers["set-cookie"];
    assert!(cookie.contains("HttpOnly; SameSite=Lax") && cookie.contains("Max-Age=600"), "{cookie}");
    let cookie = cookie.split(';').next().unwrap().to_owned();
    Begun { state: value("state"), nonce: value("nonce"), challenge: value("code_challenge"), cookie }
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

async fn come_back(console: &ConsoleServer, cookie: &str, query: &str) -> Answer {
    let address = format!("/log-in/company/callback?{query}");
    console.ask("GET", &address).header("cookie", cookie).send().await
}

fn claims(provider: &OpenIdProvider, begun: &Begun) -> Value {
    let now = Timestamp::now().as_second();
    json!({
        "iss": provider.issuer, "sub": "person-1", "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": begun.nonce,
        "auth_time": now, "preferred_username": "marta@example.org", "email": "marta@example.org", "email_verified": true,
        "groups": ["Everybody", "Marketing"],
    })
}

/// Logs in with these claims instead of the right ones.
async fn log_in(
    console: &ConsoleServer,
    provider: &OpenIdProvider,
    signature: Signature,
    change: impl Fn(&mut Value),
) -> Answer {
    let begun = begin(console, "?next=/senders").await;
    let mut claims = claims(provider, &begun);
    change(&mut claims);
    provider.expect(claims, signature, &begun.challenge);
    come_back(console, &begun.cookie, &format!("code=c0de&state={}", begun.state)).await
}

async fn start() -> (World, OpenIdProvider, ConsoleServer) {
    let mut world = World::new("console_company", "none", simulator::Config::default()).await;
    let provider = OpenIdProvider::start().await;
    world.file("secret", SECRET);
    let settings = format!(
        "[oidc]\nissuer = \"{}\"\nclient_id = \"{CLIENT}\"\nclient_secret = \"file:secret\"\nname = \"Example account\"\n\
         [oidc.roles]\n\"Marketing\" = \"marketer\"\n\"IT\" = \"operator\"\n",
        provider.issuer
    );
    world.file("flowcast.toml", settings);
    let console = ConsoleServer::start(&mut world).await;
    (world, provider, console)
}

#[tokio::test]
async fn a_person_logs_in_with_the_account_of_the_company_and_a_wrong_token_opens_nothing() {
    let (world, provider, console) = start().await;
    let form = console.ask("GET", "/log-in").send().await;
    assert!(text(&form).contains("Log in with Example account"), "{}", text(&form));

    wrong_tokens_are_refused(&console, &provider).await;
    assert_eq!(world.count("select count(*) from account").await, 0, "no account was added");
    assert_eq!(world.count("select count(*) from session").await, 0);
    wrong_answers_are_refused(&console, &provider).await;

    let opened = log_in(&console, &provider, Signature::Right, |_| {}).await;
    assert_eq!((opened.status, opened.headers["location"].as_str()), (303, "/senders"), "{}", text(&opened));
    let is_new = "select count(*) from account where name = 'marta' and role = 'marketer' and company_subject = 'person-1'";
    assert_eq!(world.count(is_new).await, 1);
    roles_follow_the_groups(&world, &console, &provider).await;
    an_account_of_an_admin_is_found(&world, &console, &provider).await;

    world.ok(&["account", "add", "root", "--role", "admin"]).await;
    world.ok(&["account", "disable", "marta"]).await;
    let disabled = log_in(&console, &provider, Signature::Right, |_| {}).await;
    assert!(disabled.status == 401 && text(&disabled).contains("disabled"), "{}", text(&disabled));
    let logs = world.logs();
    assert!(
        !logs.contains(SECRET) && !logs.contains("c0de") && !logs.contains("marta@example.org"),
        "{logs}"
    );
    world.close().await;
}

async fn wrong_tokens_are_refused(console: &ConsoleServer, provider: &OpenIdProvider) {
    let wrong: [(&str, Change); 7] = [
        ("nonce", |claims| claims["nonce"] = "of-another-log-in".into()),
        ("audience", |claims| claims["aud"] = "another-client".into()),
        ("issuer", |claims| claims["iss"] = "https://evil.example".into()),
        ("expired", |claims| claims["exp"] = (Timestamp::now().as_second() - 120).into()),
        ("no nonce", |claims| claims["nonce"] = Value::Null),
        ("no audience", |claims| claims["aud"] = json!([])),
        ("no expiry", |claims| claims["exp"] = Value::Null),
    ];
    for (name, change) in wrong {
        let answer = log_in(console, provider, Signature::Right, change).await;
        assert!(answer.status == 401 && !text(&answer).contains("evil"), "{name}: {}", text(&answer));
        assert!(!answer.headers["set-cookie"].contains("flowcast="), "{name}");
    }
    for signature in [Signature::OfAnotherKey, Signature::Missing] {
        let answer = log_in(console, provider, signature, |_| {}).await;
        assert!(
            answer.status == 401 && text(&answer).contains("not valid"),
            "{signature:?}: {}",
            text(&answer)
        );
    }
    let nobody =
        log_in(console, provider, Signature::Right, |claims| claims["groups"] = json!(["Everybody"])).await;
    assert!(nobody.status == 401 && text(&nobody).contains("None of your groups"), "{}", text(&nobody));
}

async fn wrong_answers_are_refused(console: &ConsoleServer, provider: &OpenIdProvider) {
    let begun = begin(console, "").await;
    provider.expect(claims(provider, &begun), Signature::Right, &begun.challenge);
    for (cookie, query) in [
        (begun.cookie.as_str(), "code=c0de&state=of-another".to_owned()),
        (begun.cookie.as_str(), "code=c0de".to_owned()),
        ("flowcast-company=e30", format!("code=c0de&state={}", begun.state)),
        ("", format!("code=c0de&state={}", begun.state)),
    ] {
        let answer = come_back(console, cookie, &query).await;
        assert!(
            answer.status == 401 && text(&answer).contains("begin it again"),
            "{query}: {}",
            text(&answer)
        );
    }
    // A code that was asked for with another verifier cannot be redeemed.
    provider.expect(claims(provider, &begun), Signature::Right, "another-challenge");
    let stolen = come_back(console, &begun.cookie, &format!("code=c0de&state={}", begun.state)).await;
    assert_eq!(stolen.status, 401, "{}", text(&stolen));
    let denied =
        come_back(console, &begun.cookie, &format!("error=access_denied&state={}", begun.state)).await;
    assert!(text(&denied).contains("refused: access_denied"), "{}", text(&denied));
    let elsewhere = begin(console, "?next=//evil.example").await;
    provider.expect(claims(provider, &elsewhere), Signature::Right, "unused");
    let kept = come_back(console, &elsewhere.cookie, "error=x").await;
    assert!(!text(&kept).contains("evil"), "{}", text(&kept));
}

async fn roles_follow_the_groups(world: &World, console: &ConsoleServer, provider: &OpenIdProvider) {
    let opened =
        log_in(console, provider, Signature::Right, |claims| claims["groups"] = json!(["IT", "Marketing"]))
            .await;
    assert_eq!(opened.status, 303, "{}", text(&opened));
    assert_eq!(
        world.count("select count(*) from account where name = 'marta' and role = 'operator'").await,
        1
    );

    // A log-in whose time the company does not say is not fresh; a fresh one is asked for with max_age.
    let stale = log_in(console, provider, Signature::Right, |claims| claims["auth_time"] = Value::Null).await;
    let cookies = &stale.headers["set-cookie"];
    let cookie = cookies.lines().find(|cookie| cookie.starts_with("flowcast=")).unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let page = console.ask("GET", "/settings/keys").header("cookie", &cookie).send().await;
    assert!(text(&page).contains("enter your password again"), "{}", text(&page));
    let fresh = console.ask("GET", "/log-in/company?fresh=true").send().await;
    assert!(fresh.headers["location"].contains("max_age=0"), "{fresh:?}");
}

async fn an_account_of_an_admin_is_found(world: &World, console: &ConsoleServer, provider: &OpenIdProvider) {
    world.ok(&["account", "add", "berta", "--role", "viewer", "--email", "berta@example.org"]).await;
    let berta = |claims: &mut Value| {
        claims["sub"] = "person-2".into();
        claims["preferred_username"] = "berta".into();
        claims["email"] = "Berta@example.org".into();
    };
    let unverified = log_in(console, provider, Signature::Right, |claims| {
        berta(claims);
        claims["email_verified"] = false.into();
    });
    let unverified = unverified.await;
    assert!(text(&unverified).contains("is not linked to your company account"), "{}", text(&unverified));
    let opened = log_in(console, provider, Signature::Right, berta).await;
    assert_eq!(opened.status, 303, "{}", text(&opened));
    let linked = "select count(*) from account where name = 'berta' and company_subject = 'person-2' and role = 'marketer'";
    assert_eq!(world.count(linked).await, 1);
}
