//! Migrations, and what is said when they are missing or the database is away.

use devstack::Stack;
use secrecy::SecretString;
use store::{Config, Error, Store};

use crate::world::{World, new_sender};

#[tokio::test]
async fn two_migrations_at_once_do_not_disturb_each_other() {
    let scope = Stack::shared().await.unwrap().scope("migrate_twice").await.unwrap();
    let store = Store::connect(&Config::new(SecretString::from(scope.database_url()))).await.unwrap();
    assert!(matches!(store.check_schema().await, Err(Error::Schema(_))));
    assert!(matches!(store.senders().await, Err(Error::Schema(_))));
    let (one, other) = tokio::join!(store.migrate(), store.migrate());
    let (one, other) = (one.unwrap().applied.len(), other.unwrap().applied.len());
    assert!(one.min(other) == 0 && one.max(other) >= 6, "{one} and {other} migrations were applied");
    store.check_schema().await.unwrap();
    drop(store);
    scope.close().await.unwrap();
}

#[tokio::test]
async fn the_error_of_an_unreachable_database_does_not_contain_its_password() {
    let config = Config::new(SecretString::from("postgres://me:hunter2@127.0.0.1:1/db"));
    let error = Store::connect(&config).await.err().unwrap();
    assert!(error.is_transient(), "{error}");
    let said = format!("{error} {error:?}");
    assert!(!said.contains("hunter2"), "{said}");
    let config = Config::new(SecretString::from("postgres//me:hunter2"));
    let error = Store::connect(&config).await.err().unwrap();
    assert!(matches!(error, Error::Invalid(_)) && !format!("{error:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_senders_name_is_taken_once() {
    let world = World::new("sender_name", None).await;
    let error = world.store.add_sender(&new_sender("main", None)).await.unwrap_err();
    assert_eq!(error.to_string(), "sender 'main' exists already; choose another name");
    let error = world.store.add_sender(&new_sender("Main Sender", None)).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error}");
    let error = world.store.sender("nobody").await.unwrap_err();
    assert_eq!(error.to_string(), "there is no sender 'nobody'; see 'flowcast sender list'");
    world.close().await;
}
