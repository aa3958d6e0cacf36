//! Each action is in the audit once, and the audit cannot be changed.

use campaign::CampaignId;
use control::{Problem, Role};
use store::ResendClass;

use crate::world::{World, anna, definition, problem, with_role};

#[tokio::test]
async fn each_action_is_in_the_audit_once_also_if_it_is_refused() {
    let world = World::new("control_audit").await;
    let (control, anna) = (&world.control, anna());
    let id = world.ready(&anna).await;
    control.edit_campaign(&anna, id, 1, &definition("main")).await.unwrap();
    control.start_campaign(&anna, id, None).await.unwrap();
    assert_eq!(problem(control.start_campaign(&anna, id, None).await), Problem::ConflictState);
    control.pause_campaign(&anna, id).await.unwrap();
    control.resume_campaign(&anna, id).await.unwrap();
    control.end_campaign(&anna, id).await.unwrap();
    let retry = control::Retry { class: ResendClass::Failed, code: None, reason: "again".into() };
    assert_eq!(problem(control.retry_recipients(&anna, id, &retry).await), Problem::ConflictState);
    let copy = control.clone_campaign(&anna, id, None).await.unwrap().result.campaign_id;
    control.delete_campaign(&anna, CampaignId(copy)).await.unwrap();
    assert_eq!(problem(control.pause_campaign(&with_role(Role::Viewer), id).await), Problem::Forbidden);
    // Reading is not in the audit.
    control.report(&anna, id).await.unwrap();
    control.check_campaign(&anna, id).await.unwrap();
    let object = |action: &str, outcome: &str| format!("campaign.{action} {id} {outcome}");
    let deleted = format!("campaign.delete {copy} done");
    assert_eq!(
        world.audit().await,
        [
            "campaign.create main done".to_owned(),
            object("import", "done"),
            object("edit", "done"),
            object("start", "done"),
            object("start", "refused"),
            object("pause", "done"),
            object("resume", "done"),
            object("end", "done"),
            object("retry", "refused"),
            object("clone", "done"),
            deleted,
            object("pause", "refused"),
        ]
    );
    assert_eq!(world.store.first_broken_audit_row().await.unwrap(), None);
    world.close().await;
}

#[tokio::test]
async fn a_row_of_the_audit_cannot_be_changed_and_a_forged_row_is_found() {
    let world = World::new("control_chain").await;
    for _ in 0..3 {
        world.draft(&anna()).await;
    }
    for change in ["update audit set actor = 'x'", "delete from audit", "truncate audit"] {
        let error = world.look.batch_execute(change).await.unwrap_err();
        let message = error.as_db_error().unwrap().message().to_owned();
        assert_eq!(message, "rows of audit are never changed or deleted", "{change}");
    }
    let forge = "
        alter table audit disable trigger refuse_change;
        update audit set details = '{}' where id = 2;
        alter table audit enable trigger refuse_change";
    world.look.batch_execute(forge).await.unwrap();
    assert_eq!(world.store.first_broken_audit_row().await.unwrap(), Some(2));
    world.close().await;
}

#[tokio::test]
async fn the_audit_has_no_phone_numbers_and_no_variables() {
    let world = World::new("control_private").await;
    let id = world.ready(&anna()).await;
    world.control.start_campaign(&anna(), id, None).await.unwrap();
    let rows = "select string_agg(a::text, ' ') from audit a";
    let text: String = world.look.query_one(rows, &[]).await.unwrap().get(0);
    for planted in ["712000001", "Anna", "Hello"] {
        assert!(!text.contains(planted), "{planted}: {text}");
    }
    world.close().await;
}

#[tokio::test]
async fn a_change_that_fails_leaves_nothing_and_its_connection_is_used_again() {
    let world = World::new("control_rollback").await;
    let mut changes = Vec::new();
    for _ in 0..40 {
        // More changes than connections: each is given up in the middle of its transaction.
        let change = world.store.begin_change().await.unwrap();
        let sender = change.store().sender("main").await.unwrap().id;
        change.store().set_rate(sender, "1/s".parse().ok()).await.unwrap();
        assert!(change.store().dead_letters(1).await.unwrap_err().to_string().contains("part of a change"));
        changes.push(());
    }
    assert_eq!(world.store.sender("main").await.unwrap().rate, None);
    assert_eq!(changes.len(), 40);
    world.close().await;
}
