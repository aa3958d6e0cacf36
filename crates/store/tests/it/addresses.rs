//! Several hosts in `DATABASE_URL`, and servers that accept connections and do not answer.

use std::net::SocketAddr;
use std::time::Duration;

use devstack::Proxy;
use secrecy::SecretString;
use store::{Config, Error, Store};
use tokio::time::Instant;
use url::Url;

use crate::world::World;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);
/// Shorter than the other limits, and longer than an answer takes on a busy machine.
const SHORT: Duration = Duration::from_secs(2);

/// The address of a database at these places.
fn at(database_url: &str, places: &[SocketAddr]) -> SecretString {
    let url = Url::parse(database_url).unwrap();
    let places: Vec<String> = places.iter().map(ToString::to_string).collect();
    let (user, password) = (url.username(), url.password().unwrap_or_default());
    format!("postgres://{user}:{password}@{}{}", places.join(","), url.path()).into()
}

async fn proxy(database_url: &str) -> Proxy {
    let url = Url::parse(database_url).unwrap();
    let place = (url.host_str().unwrap(), url.port().unwrap_or(5432));
    Proxy::start(tokio::net::lookup_host(place).await.unwrap().next().unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_host_that_does_not_answer_is_left_for_the_next_one_and_avoided_afterwards() {
    let world = World::new("silent_host", None).await;
    let database = world.scope.database_url();
    let (silent, good) = (proxy(database).await, proxy(database).await);
    silent.black_hole(true);
    let url = at(database, &[silent.addr(), good.addr()]);
    // Only the limit of the address ends the attempt at the silent host in time.
    let config = Config { address_timeout: SHORT, wait: PATIENCE, ..Config::new(url) };
    let store = tokio::time::timeout(PATIENCE, Store::connect(&config)).await.unwrap().unwrap();
    store.check_schema().await.unwrap();
    assert_eq!((silent.connections(), good.connections()), (1, 1));
    // The host that worked last is first.
    let watching = Store::connect(&config.for_watching()).await.unwrap();
    watching.check_schema().await.unwrap();
    assert_eq!(silent.connections(), 1);
    // It is a host that takes writes, and its connections for reading take none.
    let refused = watching.rewind(campaign::CampaignId(1)).await.unwrap_err();
    assert!(refused.to_string().contains("25006"), "{refused}");

    good.black_hole(true);
    let error = Store::connect(&config).await.err().unwrap();
    for host in [silent.addr(), good.addr()] {
        assert!(error.to_string().contains(&format!("{host} did not answer within 2s")), "{error}");
    }
    let password = Url::parse(database).unwrap().password().unwrap().to_owned();
    assert!(error.is_transient() && !format!("{error} {error:?}").contains(&password), "{error}");
    drop((store, watching));
    world.close().await;
}

#[tokio::test]
async fn a_statement_without_an_answer_costs_its_connection_and_the_next_one_has_another() {
    let world = World::new("no_answer", None).await;
    let proxy = proxy(world.scope.database_url()).await;
    let url = at(world.scope.database_url(), &[proxy.addr()]);
    let config = Config { answer_timeout: SHORT, ..Config::new(url) };
    let store = Store::connect(&config).await.unwrap();
    store.check_schema().await.unwrap();
    let connections = proxy.connections();
    proxy.black_hole(true);
    let unanswered = tokio::time::timeout(PATIENCE, store.schema_version()).await.unwrap().unwrap_err();
    assert!(matches!(unanswered, Error::Unavailable { .. }), "{unanswered:?}");
    assert!(
        unanswered.to_string().contains("did not answer a statement within [postgres] answer_timeout"),
        "{unanswered}"
    );
    // The old connection would work again.
    proxy.black_hole(false);
    store.schema_version().await.unwrap();
    assert_eq!(proxy.connections(), connections + 1);
    drop(store);
    world.close().await;
}

#[tokio::test]
async fn a_host_that_accepts_no_log_in_is_left_before_the_answer_timeout_and_a_slow_one_is_not() {
    let world = World::new("log_ins", None).await;
    let database = world.scope.database_url();
    let (first, second) = (proxy(database).await, proxy(database).await);
    let url = at(database, &[first.addr(), second.addr()]);
    // Only the attempt to log in ends the wait in time.
    let config = Config {
        address_timeout: SHORT,
        answer_timeout: PATIENCE * 10,
        statement_timeout: PATIENCE,
        ..Config::new(url)
    };
    let store = Store::connect(&config).await.unwrap();
    world.look.batch_execute("begin; lock table campaign_feed in access exclusive mode").await.unwrap();
    let connections = first.connections();
    let slow = tokio::spawn({
        let store = store.clone();
        async move { store.rewind(campaign::CampaignId(1)).await }
    });
    let deadline = Instant::now() + PATIENCE;
    while first.connections() == connections {
        assert!(!slow.is_finished() && Instant::now() < deadline, "no log-in was tried");
        tokio::time::sleep(SHORT / 40).await;
    }
    world.look.batch_execute("rollback").await.unwrap();
    slow.await.unwrap().unwrap();

    first.black_hole(true);
    let left = tokio::time::timeout(PATIENCE, store.schema_version()).await.unwrap().unwrap_err();
    assert!(left.to_string().contains("or accepts no log-in"), "{left}");
    store.schema_version().await.unwrap();
    assert_eq!(second.connections(), 1);
    drop(store);
    world.close().await;
}

#[tokio::test]
async fn work_outside_the_pool_and_reports_have_addresses_of_their_own() {
    let world = World::new("own_addresses", None).await;
    let campaign = world.campaign(3).await;
    let database = world.scope.database_url();
    let (direct, standby) = (proxy(database).await, proxy(database).await);
    let config = Config {
        direct_url: Some(at(database, &[direct.addr()])),
        report_url: Some(at(database, &[standby.addr()])),
        ..Config::new(database.into())
    };
    let store = Store::connect(&config).await.unwrap();
    store.check_schema().await.unwrap();
    assert_eq!((direct.connections(), standby.connections()), (0, 0));
    store.migrate().await.unwrap();
    let migrating = direct.connections();
    assert!(migrating > 0 && standby.connections() == 0);
    store.report(campaign).await.unwrap();
    store.waiting(None).await.unwrap();
    assert_eq!((direct.connections(), standby.connections()), (migrating, 2));
    // Reports go where other work outside the pool goes, if they have no address.
    let store = Store::connect(&Config { report_url: None, ..config.clone() }).await.unwrap();
    store.report(campaign).await.unwrap();
    assert_eq!((direct.connections(), standby.connections()), (migrating + 1, 2));
    let wrong = Config { report_url: Some("postgres://me:hunter2@host/db?sslmode=x".into()), ..config };
    let refused = Store::connect(&wrong).await.err().unwrap().to_string();
    assert!(refused.starts_with("sslmode in [postgres] report_url is none of"), "{refused}");
    drop(store);
    world.close().await;
}

#[tokio::test]
async fn a_pool_leaves_no_more_sessions_behind_than_it_may_have_connections() {
    let world = World::new("left_behind", None).await;
    let url = SecretString::from(world.scope.database_url());
    let config =
        Config { answer_timeout: SHORT, statement_timeout: PATIENCE, connections: 1, ..Config::new(url) };
    let store = Store::connect(&config).await.unwrap();
    world.look.batch_execute("begin; lock table campaign_feed in access exclusive mode").await.unwrap();
    let first = store.rewind(campaign::CampaignId(1)).await.unwrap_err();
    assert!(first.to_string().contains("answer_timeout"), "{first}");
    // The first session still waits for the lock, so the second one is not left.
    let second = tokio::spawn({
        let store = store.clone();
        async move { store.rewind(campaign::CampaignId(1)).await }
    });
    let waiting = "select count(*) from pg_locks where not granted and relation = 'campaign_feed'::regclass";
    while world.count(waiting).await < 2 {
        tokio::time::sleep(SHORT / 40).await;
    }
    tokio::time::sleep(SHORT * 2).await;
    assert_eq!(world.count(waiting).await, 2);
    world.look.batch_execute("rollback").await.unwrap();
    second.await.unwrap().unwrap();
    drop(store);
    world.close().await;
}

#[tokio::test]
async fn the_deletion_of_a_long_draft_may_take_longer_than_an_answer() {
    let world = World::new("long_draft", None).await;
    let draft = world.draft(5).await;
    let url = SecretString::from(world.scope.database_url());
    let config = Config { answer_timeout: SHORT, ..Config::new(url) };
    let store = Store::connect(&config).await.unwrap();
    let slow = "
        create function slow() returns trigger as $$ begin perform pg_sleep(3); return old; end $$ language plpgsql;
        create trigger slow before delete on campaign for each row execute function slow()";
    world.look.batch_execute(slow).await.unwrap();
    store.delete_draft(draft).await.unwrap();
    assert_eq!(world.count("select count(*) from campaign").await, 0);
    drop(store);
    world.close().await;
}
