//! Imports: whole or not at all.

use campaign::CampaignId;
use store::{Error, LeftOut, Numbers, Rejection, SuppressionReason};

use crate::world::{World, msisdn, origin, variables};

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
    let refused =
        vec![Rejection { line: 4, reason: "not_a_number", column: Some("phone".into()), cell: "n/a".into() }];
    let left_out = LeftOut { duplicates: 2, suppressed: 3, excluded: 4, rejected: 1 };
    let counts = import.finish(&origin(), left_out, [refused].into_iter(), None).await.unwrap();
    assert_eq!((counts.uploaded, counts.imported, counts.left_out), (11, 1, left_out));
    let rejections =
        "select count(*) from import_rejection where line = 4 and reason = 'not_a_number' and cell = 'n/a'
         and column_name = 'phone'";
    assert_eq!(world.count(rejections).await, 1);
    assert_eq!(world.count("select difference::bigint from report.conservation").await, 0);
    world.close().await;
}

#[tokio::test]
async fn the_same_file_is_recognised_in_its_campaign_and_in_no_other() {
    let world = World::new("import_again", None).await;
    let first = world.draft(2).await;
    let definition = world.store.campaign(first).await.unwrap().definition;
    let second = world.store.create_campaign(&definition, None).await.unwrap();
    let mut other = origin();
    other.sha256 = [1; 32];
    for (campaign, origin, is_known) in
        [(first, origin(), true), (first, other, false), (second, origin(), false)]
    {
        let import = world.store.begin_import(campaign).await.unwrap();
        let refused = import.refuse_again(&origin).await;
        assert_eq!(matches!(refused, Err(Error::Known(_))), is_known, "{refused:?}");
    }
    world.close().await;
}

#[tokio::test]
async fn the_suppressed_and_the_recipients_of_a_campaign_are_handed_over() {
    let world = World::new("import_known", None).await;
    let campaign = world.draft(3).await;
    let other = world.store.add_sender(&crate::world::new_sender("other", None)).await.unwrap();
    let reason = SuppressionReason::Operator;
    let suppress =
        async |n, sender| world.store.suppress([msisdn(n)].into_iter(), sender, reason).await.unwrap();
    assert_eq!(suppress(7, None).await, 1);
    assert_eq!(suppress(7, None).await, 0);
    assert_eq!(suppress(8, Some(world.sender)).await, 1);
    assert_eq!(suppress(9, Some(other)).await, 1);
    let import = world.store.begin_import(campaign).await.unwrap();
    let numbers = async |which| {
        let mut found = Vec::new();
        import.each_number(which, |msisdn| found.push(msisdn)).await.unwrap();
        found.sort();
        found
    };
    assert_eq!(numbers(Numbers::Suppressed).await, [msisdn(7), msisdn(8)]);
    assert_eq!(numbers(Numbers::OfCampaign(campaign)).await, [msisdn(0), msisdn(1), msisdn(2)]);
    let missing = import.each_number(Numbers::OfCampaign(CampaignId(99)), |_| ()).await.unwrap_err();
    assert!(matches!(missing, Error::NotFound(_)), "{missing}");
    drop(import);
    let (list, all) = world.store.suppressed(2).await.unwrap();
    assert_eq!((list.len(), all, list[0].sender.as_deref()), (2, 3, Some("other")));
    assert!(world.store.unsuppress(msisdn(7), None).await.unwrap());
    assert!(!world.store.unsuppress(msisdn(7), None).await.unwrap());
    assert!(!world.store.unsuppress(msisdn(8), None).await.unwrap(), "that one is of a sender");
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
