//! Imports: whole or not at all.

use campaign::CampaignId;
use store::{Error, Rejection};

use crate::world::{World, msisdn, variables};

#[tokio::test]
async fn an_import_that_breaks_off_stores_nothing() {
    let world = World::new("import_breaks", None).await;
    let campaign = world.draft(3).await;
    let mut import = world.store.begin_import(campaign).await.unwrap();
    let (rows, stored) = tokio::sync::mpsc::channel(1);
    rows.send(vec![(msisdn(10), variables()), (msisdn(11), variables())]).await.unwrap();
    drop(rows);
    import.copy(stored).await.unwrap();
    drop(import);
    // The next import waits for the lock of the one that broke off, so it sees its end.
    world.import(campaign, 3..5).await;
    assert_eq!(world.count("select count(*) from recipient").await, 5);
    assert_eq!(world.count("select max(seq)::bigint from recipient").await, 5);
    assert_eq!(world.count("select sum(uploaded)::bigint from import").await, 5);
    world.close().await;
}

#[tokio::test]
async fn counts_and_refusals_are_kept_with_the_list() {
    let world = World::new("import_counts", None).await;
    let campaign = world.draft(0).await;
    let mut import = world.store.begin_import(campaign).await.unwrap();
    let (rows, stored) = tokio::sync::mpsc::channel(1);
    rows.send(vec![(msisdn(1), variables())]).await.unwrap();
    drop(rows);
    import.copy(stored).await.unwrap();
    let refused = [Rejection { line: 4, reason: "not_a_number", cell: "n/a".into() }];
    let counts = import.finish("list.csv", 2, &refused).await.unwrap();
    assert_eq!((counts.uploaded, counts.imported, counts.duplicates, counts.rejected), (4, 1, 2, 1));
    let rejections =
        "select count(*) from import_rejection where line = 4 and reason = 'not_a_number' and cell = 'n/a'";
    assert_eq!(world.count(rejections).await, 1);
    assert_eq!(world.count("select difference::bigint from report.conservation").await, 0);
    world.close().await;
}

#[tokio::test]
async fn a_list_goes_into_a_draft_only_and_into_a_campaign_that_is_there() {
    let world = World::new("import_draft", None).await;
    let campaign = world.campaign(1).await;
    let error = world.store.begin_import(campaign).await.err().unwrap();
    assert!(matches!(error, Error::Conflict(_)), "{error}");
    let error = world.store.begin_import(CampaignId(999)).await.err().unwrap();
    assert_eq!(error.to_string(), "there is no campaign 999; see 'flowcast campaign list'");
    world.close().await;
}

#[tokio::test]
async fn rows_that_lack_a_variable_are_found_before_the_start() {
    let world = World::new("import_lacking", None).await;
    let campaign = world.draft(10).await;
    let update = "update recipient set variables = variables || '{\"town\": \" \"}' where seq in (3, 7)";
    world.look.execute(update, &[]).await.unwrap();
    let lacking = world.store.rows_lacking(campaign, &["first_name", "town"]).await.unwrap();
    assert_eq!(lacking, [("town".to_owned(), 2, vec![3, 7])]);
    world.close().await;
}
