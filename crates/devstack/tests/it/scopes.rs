//! Tests that run in parallel do not see each other.

use devstack::{Scope, Stack};
use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties, ExchangeKind};
use tokio_postgres::{Client, NoTls};
use url::Url;

use crate::{database, text};

const DATABASES: &str = "select coalesce(string_agg(datname, ' '), '') from pg_database";

/// Whether a queue exists.
async fn has_queue(connection: &Connection, name: &str) -> bool {
    let channel = connection.create_channel().await.unwrap();
    let options = QueueDeclareOptions { passive: true, ..Default::default() };
    channel.queue_declare(name.into(), options, FieldTable::default()).await.is_ok()
}

async fn has_exchange(connection: &Connection, name: &str) -> bool {
    let channel = connection.create_channel().await.unwrap();
    let options = ExchangeDeclareOptions { passive: true, ..Default::default() };
    let declared =
        channel.exchange_declare(name.into(), ExchangeKind::Direct, options, FieldTable::default());
    declared.await.is_ok()
}

/// Creates a table, a queue and an exchange in a scope, and returns the name of the latter two.
async fn create_objects(scope: &Scope, connection: &Connection) -> String {
    database(scope.database_url()).await.batch_execute("create table mine (n int)").await.unwrap();
    let name = format!("{}.mine", scope.queue_prefix());
    let channel = connection.create_channel().await.unwrap();
    let options = QueueDeclareOptions { durable: true, ..Default::default() };
    channel.queue_declare(name.as_str().into(), options, FieldTable::default()).await.unwrap();
    let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let kind = ExchangeKind::Direct;
    channel.exchange_declare(name.as_str().into(), kind, options, FieldTable::default()).await.unwrap();
    scope.track_queue(&name);
    scope.track_exchange(&name);
    name
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_are_disjoint_and_leave_nothing_behind() {
    let stack = Stack::start().await.unwrap();
    let connection = Connection::connect(stack.amqp_url(), ConnectionProperties::default()).await.unwrap();
    let (one, two) = tokio::try_join!(stack.scope("One, two; three"), stack.scope("")).unwrap();
    assert_ne!(one.queue_prefix(), two.queue_prefix());
    let (queue_one, queue_two) =
        (create_objects(&one, &connection).await, create_objects(&two, &connection).await);
    let (prefix_one, prefix_two) = (one.queue_prefix().to_owned(), two.queue_prefix().to_owned());

    let still_connected = database(one.database_url()).await;
    one.close().await.unwrap();
    assert!(still_connected.query("select 1", &[]).await.is_err());
    assert!(!has_queue(&connection, &queue_one).await && !has_exchange(&connection, &queue_one).await);
    assert!(has_queue(&connection, &queue_two).await && has_exchange(&connection, &queue_two).await);
    let names = text(&database(stack.database_url()).await, DATABASES).await;
    assert!(!names.contains(&prefix_one) && names.contains(&prefix_two), "{names}");

    drop(two);
    assert!(!has_queue(&connection, &queue_two).await && !has_exchange(&connection, &queue_two).await);
    let names = text(&database(stack.database_url()).await, DATABASES).await;
    assert!(!names.contains(&prefix_two), "{names}");
}

#[tokio::test]
async fn a_scope_is_cleared_when_its_test_panics_in_a_single_threaded_runtime() {
    let stack = Stack::start().await.unwrap();
    let connection = Connection::connect(stack.amqp_url(), ConnectionProperties::default()).await.unwrap();
    let scope = stack.scope("panics").await.unwrap();
    let queue = create_objects(&scope, &connection).await;
    let prefix = scope.queue_prefix().to_owned();
    let panicked = tokio::spawn(async move {
        let _scope = scope;
        panic!("on purpose");
    });
    assert!(panicked.await.unwrap_err().is_panic());
    assert!(!has_queue(&connection, &queue).await);
    let names = text(&database(stack.database_url()).await, DATABASES).await;
    assert!(!names.contains(&prefix), "{names}");
}

/// Creates a database and connects to it. Another test may drop it in between; then it is created again.
async fn database_in_use(stack: &Stack, name: &str) -> Client {
    let admin = database(stack.database_url()).await;
    let mut url = Url::parse(stack.database_url()).unwrap();
    url.set_path(name);
    loop {
        admin.batch_execute(&format!("create database {name}")).await.unwrap();
        if let Ok((client, connection)) = tokio_postgres::connect(url.as_str(), NoTls).await {
            tokio::spawn(connection);
            return client;
        }
        admin.batch_execute(&format!("drop database if exists {name}")).await.unwrap();
    }
}

#[tokio::test]
async fn databases_of_crashed_runs_are_swept_from_a_given_server_after_an_hour() {
    let owner = Stack::start().await.unwrap();
    let admin = database(owner.database_url()).await;
    let random = text(&admin, "select md5(random()::text)").await;
    let now: i64 = admin.query_one("select extract(epoch from now())::bigint", &[]).await.unwrap().get(0);
    let (old, used, fresh) = (now - 3700, now - 3800, now - 3000);
    for created in [old, fresh] {
        admin.batch_execute(&format!("create database flowcast_test_{created}_{random}")).await.unwrap();
    }
    let user = database_in_use(&owner, &format!("flowcast_test_{used}_{random}")).await;

    let guest = Stack::builder().amqp_url(owner.amqp_url()).database_url(owner.database_url());
    let guest = guest.start().await.unwrap();
    let scope = guest.scope("sweeper").await.unwrap();
    let names = text(&admin, DATABASES).await;
    assert!(!names.contains(&format!("{old}_{random}")), "the old one is still there: {names}");
    assert!(names.contains(&format!("{used}_{random}")), "one that is in use was dropped: {names}");
    assert!(names.contains(&format!("{fresh}_{random}")), "a fresh one was dropped: {names}");

    scope.close().await.unwrap();
    drop(user);
    // The scope of a parallel test may have dropped it by now.
    for created in [used, fresh] {
        let drop = format!("drop database if exists flowcast_test_{created}_{random} with (force)");
        admin.batch_execute(&drop).await.unwrap();
    }
}
