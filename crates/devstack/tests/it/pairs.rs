//! A primary and its standby.

use devstack::{PostgresPair, Stack};

use crate::{database, text};

#[tokio::test]
async fn a_promoted_standby_has_what_it_received_and_nothing_of_the_time_that_it_missed() {
    let stack = Stack::private_installed().await.unwrap();
    let primary = database(stack.database_url()).await;
    primary.batch_execute("create table kept (n int)").await.unwrap();
    let pair = PostgresPair::synchronous(stack.postgres()).await.unwrap();
    primary.batch_execute("insert into kept values (1)").await.unwrap();
    // Its commits do not wait any more.
    primary.batch_execute("set synchronous_commit = local").await.unwrap();
    pair.let_standby_fall_behind().await.unwrap();
    primary.batch_execute("insert into kept values (2)").await.unwrap();
    pair.primary().kill().await.unwrap();
    pair.promote().await.unwrap();
    let url = pair.url_at_standby(stack.database_url()).unwrap();
    let promoted = database(&url).await;
    assert_eq!(text(&promoted, "select string_agg(n::text, ',') from kept").await, "1");
    promoted.batch_execute("insert into kept values (3)").await.unwrap();
    assert!(pair.url_of_both(stack.database_url()).unwrap().contains("127.0.0.1:"));
}
