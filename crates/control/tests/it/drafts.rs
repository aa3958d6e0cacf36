//! Drafts are edited, cloned and deleted.

use campaign::CampaignId;
use control::{Caller, Problem, Role};
use producer::ListOptions;

use crate::world::{World, anna, definition, problem, with_role};

#[tokio::test]
async fn of_two_edits_of_one_version_the_second_is_refused() {
    let world = World::new("control_edit").await;
    let (control, anna) = (&world.control, anna());
    let id = world.draft(&anna).await;
    let (first, second) = (definition("main"), definition("main"));
    let both = tokio::join!(
        control.edit_campaign(&anna, id, 1, &first),
        control.edit_campaign(&anna, id, 1, &second)
    );
    let (won, lost) = match both {
        (Ok(won), Err(lost)) | (Err(lost), Ok(won)) => (won, lost),
        other => panic!("{other:?}"),
    };
    assert_eq!(won.result.version, 2);
    assert_eq!(lost.problem(), Problem::VersionConflict);
    assert_eq!(
        lost.to_string(),
        format!(
            "campaign {id} was edited since you read it: it has version 2, your edit is based on version 1; read it again and \
             repeat your edit"
        )
    );
    world.close().await;
}

#[tokio::test]
async fn an_edit_changes_sender_rate_and_rule_and_keeps_the_lists() {
    let world = World::new("control_edit_all").await;
    let (control, anna) = (&world.control, anna());
    let id = world.draft(&anna).await;
    let mut changed = definition("other");
    changed.name = "changed".into();
    changed.policy.rate = "5/s".parse().ok();
    control.edit_campaign(&anna, id, 1, &changed).await.unwrap();
    let campaign = control.campaign(&anna, id).await.unwrap();
    assert_eq!((campaign.version, &campaign.definition), (2, &changed));
    assert_eq!(world.count("select permits::bigint from campaign_gate").await, 5);
    changed.policy.rate = None;
    control.edit_campaign(&anna, id, 2, &changed).await.unwrap();
    assert_eq!(world.count("select count(*) from campaign_gate").await, 0);
    // With recipients the sender stays: they were compared with its suppression list.
    world.import(&anna, id, "0712000001;Anna\n").await.unwrap();
    let error = control.edit_campaign(&anna, id, 3, &definition("main")).await.unwrap_err();
    assert!(error.to_string().contains("clone the campaign and import the lists again"), "{error}");
    changed.name = "again".into();
    control.edit_campaign(&anna, id, 3, &changed).await.unwrap();
    assert_eq!(control.report(&anna, id).await.unwrap().recipients(), 1);
    world.close().await;
}

#[tokio::test]
async fn a_started_campaign_is_neither_edited_nor_deleted() {
    let world = World::new("control_frozen").await;
    let (control, anna) = (&world.control, anna());
    let id = world.ready(&anna).await;
    control.start_campaign(&anna, id, None).await.unwrap();
    let edit = control.edit_campaign(&anna, id, 1, &definition("main")).await;
    assert_eq!(problem(edit), Problem::ConflictState);
    assert_eq!(problem(control.delete_campaign(&anna, id).await), Problem::ConflictState);
    assert_eq!(control.report(&anna, id).await.unwrap().recipients(), 2);
    world.close().await;
}

#[tokio::test]
async fn a_deleted_draft_leaves_nothing_and_its_clone_is_a_draft_without_lists() {
    let world = World::new("control_delete").await;
    let (control, anna) = (&world.control, anna());
    let id = world.ready(&anna).await;
    let copy = control.clone_campaign(&anna, id, None).await.unwrap().result.campaign_id;
    let copy = control.campaign(&anna, CampaignId(copy)).await.unwrap();
    assert_eq!((copy.definition.name.as_str(), copy.recipients), ("trial (copy)", 0));
    control.delete_campaign(&anna, id).await.unwrap();
    for table in ["recipient", "recipient_number", "import", "counter_now", "campaign_feed"] {
        let left = format!("select count(*) from {table} where campaign_id = {id}");
        assert_eq!(world.count(&left).await, 0, "{table}");
    }
    assert_eq!(problem(control.campaign(&anna, id).await), Problem::NotFound);
    // The same file may be imported into another draft, and the numbers are free.
    let other = world.ready(&anna).await;
    assert_eq!(control.report(&anna, other).await.unwrap().recipients(), 2);
    let campaigns = world.store.countable_campaigns().await.unwrap();
    assert_eq!(world.store.check_counters(&campaigns, |_| {}).await.unwrap(), []);
    world.close().await;
}

#[tokio::test]
async fn a_message_is_previewed_before_its_draft_exists_for_people_who_may_prepare_it() {
    let world = World::new("control_preview").await;
    let (control, anna) = (&world.control, anna());
    let item = control.preview_definition(&anna, &definition("main")).await.unwrap();
    assert_eq!((item.seq, item.body.as_deref()), (None, Some("Hello first_name")));
    let reader = with_role(Role::Viewer);
    assert_eq!(problem(control.preview_definition(&reader, &definition("main")).await), Problem::Forbidden);
    let limited = Caller { senders: Some(["other".to_owned()].into()), ..anna.clone() };
    assert_eq!(problem(control.preview_definition(&limited, &definition("main")).await), Problem::NotFound);
    assert_eq!(world.count("select count(*) from campaign").await, 0);
    world.close().await;
}

#[tokio::test]
async fn a_list_that_arrives_is_refused_at_its_limit() {
    let world = World::new("control_arriving").await;
    let mut list = world.control.arriving_list(20).unwrap();
    list.add(b"phone\n0712000001\n").await.unwrap();
    assert_eq!(problem(list.add(b"0712000002\n").await), Problem::TooLarge);
    let mut list = world.control.arriving_list(20).unwrap();
    list.add(b"phone\n").await.unwrap();
    list.add(b"0712000001\n").await.unwrap();
    let list = list.finish().await.unwrap().open("../a.csv", ListOptions::default()).await.unwrap();
    assert_eq!((list.name(), list.bytes()), ("a.csv", 17));
    world.close().await;
}
