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

/// The sentence of a refusal.
async fn refused(store: &Store) -> String {
    let Err(Error::Schema(problem)) = store.check_schema().await else { panic!("the tables are accepted") };
    problem
}

#[tokio::test]
async fn newer_tables_are_accepted_if_they_declare_this_build_compatible() {
    let world = World::new("newer_tables", None).await;
    let last = world.store.schema_version().await.unwrap();
    let ahead = format!(
        "insert into refinery_schema_history (version, name, applied_on, checksum)
         values ({}, 'of_a_later_version', now()::text, '1')",
        last + 1
    );
    world.look.batch_execute(&ahead).await.unwrap();
    world.store.check_schema().await.unwrap();

    let contract = format!("update installation set schema_compatible_from = {}", last + 1);
    world.look.batch_execute(&contract).await.unwrap();
    let problem = refused(&world.store).await;
    let needs = format!(
        "programs that know migration {}, and this program knows {last} at most; start the version",
        last + 1
    );
    assert!(problem.contains(&needs), "{problem}");

    let Err(Error::Schema(problem)) = world.store.migrate().await else { panic!("an old build migrates") };
    assert!(
        problem.contains("nothing was changed; run 'flowcast migrate' of the newest version"),
        "{problem}"
    );
    world.close().await;
}

#[tokio::test]
async fn tables_without_a_migration_that_this_build_needs_are_refused() {
    let world = World::new("older_tables", None).await;
    let back = "
        delete from refinery_schema_history where version >= 48;
        drop table live_producer, maintenance_task, failover_note cascade;
        drop function is_confirmed, database_now;
        alter table installation drop column system_identifier, drop column timeline, drop column database_id, drop column table_id,
            drop column confirmed_at, drop column confirmed_by, drop column difference_seen_at;
        alter table live_worker drop column recorded_again_at, drop column recorded_again, drop column knows_since";
    world.look.batch_execute(back).await.unwrap();
    let problem = refused(&world.store).await;
    assert!(problem.contains("this program needs migration 51; run 'flowcast migrate'"), "{problem}");
    world.store.migrate().await.unwrap();
    world.store.check_schema().await.unwrap();
    // The upgrade confirms the database that was in use.
    let state = world.store.database_state().await.unwrap();
    assert_eq!((state.is_confirmed, state.confirmed_by.as_deref()), (true, Some("flowcast migrate")));
    world.close().await;
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
