//! Requests that are repeated with an idempotency key.

use control::{Caller, Problem};
use futures::future::join_all;

use crate::world::{World, anna, definition, problem, with_key};

#[tokio::test]
async fn a_repeated_request_gets_the_first_result_and_changes_nothing() {
    let world = World::new("control_repeat").await;
    let caller = with_key(&anna(), "key-1", 1);
    let first = world.control.create_campaign(&caller, &definition("main")).await.unwrap();
    let second = world.control.create_campaign(&caller, &definition("main")).await.unwrap();
    assert_eq!((first.is_replayed, second.is_replayed), (false, true));
    assert_eq!(first.result, second.result);
    assert_eq!(world.count("select count(*) from campaign").await, 1);
    assert_eq!(world.audit().await.len(), 1);
    // The same key for another request, and the same key of another caller.
    let other = with_key(&anna(), "key-1", 2);
    assert_eq!(
        problem(world.control.create_campaign(&other, &definition("main")).await),
        Problem::IdempotencyReused
    );
    let ben = with_key(&Caller::command("ben"), "key-1", 1);
    assert!(!world.control.create_campaign(&ben, &definition("main")).await.unwrap().is_replayed);
    world.close().await;
}

#[tokio::test]
async fn of_twenty_equal_requests_at_once_one_is_executed() {
    let world = World::new("control_at_once").await;
    let (caller, definition) = (with_key(&anna(), "key", 1), definition("main"));
    let all = join_all((0..20).map(|_| world.control.create_campaign(&caller, &definition))).await;
    let mut executed = 0;
    for result in all {
        match result {
            Ok(done) => executed += usize::from(!done.is_replayed),
            Err(error) => assert_eq!(error.problem(), Problem::IdempotencyRunning, "{error}"),
        }
    }
    assert_eq!(executed, 1);
    assert_eq!(world.count("select count(*) from campaign").await, 1);
    world.close().await;
}

#[tokio::test]
async fn a_refused_request_is_not_remembered_and_old_results_are_forgotten() {
    let world = World::new("control_refused").await;
    let id = world.draft(&anna()).await;
    let caller = with_key(&anna(), "start", 1);
    assert_eq!(problem(world.control.start_campaign(&caller, id, None).await), Problem::ConflictState);
    world.import(&anna(), id, "0712000001;Anna\n").await.unwrap();
    let started = world.control.start_campaign(&caller, id, None).await.unwrap();
    assert!(!started.is_replayed);
    let again = world.control.start_campaign(&caller, id, None).await.unwrap();
    assert!(again.is_replayed && again.result == started.result);
    let age = "update idempotency set created_at = created_at - interval '25 hours'";
    world.look.batch_execute(age).await.unwrap();
    assert_eq!(world.store.forget_requests().await.unwrap(), 1);
    world.close().await;
}
