//! Starts, kills and loses real services. Needs a Docker engine, or an installed `rabbitmq-server` and `postgres`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in helpers too"
)]

mod binary;
mod faults;
mod pairs;
mod proxy;
mod scopes;

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use devstack::{Error, Places, Stack};
use tokio_postgres::{Client, NoTls};
use url::Url;

/// Waits until `done`, and fails after half a minute.
async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let wait = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let outcome = tokio::time::timeout(Duration::from_secs(30), wait).await;
    assert!(outcome.is_ok(), "not after 30 seconds: {what}");
}

/// Whether something listens at the host and port of this address.
fn listens(url: &str) -> bool {
    let url = Url::parse(url).unwrap();
    let addresses = (url.host_str().unwrap(), url.port().unwrap());
    let addresses: Vec<SocketAddr> = std::net::ToSocketAddrs::to_socket_addrs(&addresses).unwrap().collect();
    addresses.iter().any(|address| TcpStream::connect_timeout(address, Duration::from_secs(1)).is_ok())
}

async fn database(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn text(client: &Client, query: &str) -> String {
    client.query_one(query, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn with_nothing_installed_the_error_says_what_to_install() {
    let nowhere = tempfile::tempdir().unwrap();
    let places = Places {
        path: "".into(),
        postgres_root: nowhere.path().join("postgresql"),
        rabbitmq_root: nowhere.path().join("rabbitmq"),
        passwd: nowhere.path().join("passwd"),
        containers: false,
    };
    let error = Stack::builder().private().places(places).start().await.unwrap_err();
    assert!(matches!(error, Error::NothingAvailable { .. }), "{error:?}");
    for hint in ["scripts/bootstrap", "rabbitmq-server", "postgresql", "Docker engine", "AMQP_URL"] {
        assert!(error.to_string().contains(hint), "{error}");
    }
}

#[tokio::test]
async fn an_address_that_does_not_parse_is_refused_without_being_shown() {
    let builder = Stack::builder().amqp_url("secret").database_url("secret");
    let error = builder.start().await.unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("secret"));
}

#[tokio::test]
async fn nothing_is_left_after_drop() {
    let stack = Stack::private().await.unwrap();
    let (amqp_url, database_url) = (stack.amqp_url().to_owned(), stack.database_url().to_owned());
    let data_folder = text(&database(&database_url).await, "show data_directory").await;
    assert!(listens(&amqp_url) && listens(&database_url));

    drop(stack);
    assert!(!listens(&amqp_url), "RabbitMQ is still there");
    assert!(!listens(&database_url), "Postgres is still there");
    assert!(!std::path::Path::new(&data_folder).exists(), "{data_folder} is still there");
}

#[tokio::test]
async fn a_stack_is_described_without_its_passwords() {
    let stack = Stack::start().await.unwrap();
    let line = format!("{} {stack:?}", stack.describe());
    assert!(line.contains("RabbitMQ ") && line.contains("PostgreSQL "), "{line}");
    for url in [stack.amqp_url(), stack.database_url()] {
        let url = Url::parse(url).unwrap();
        assert!(line.contains(&url.port().unwrap().to_string()), "{line}");
        assert!(url.password().is_none_or(|password| !stack.describe().contains(password)));
    }
}
