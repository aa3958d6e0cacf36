//! The check before a start, and the start.

use control::Problem;

use crate::world::{World, anna, definition, problem};

#[tokio::test]
async fn a_start_is_refused_if_the_campaign_was_changed_since_its_check() {
    let world = World::new("control_fingerprint").await;
    let (control, anna) = (&world.control, anna());
    let id = world.ready(&anna).await;
    let check = control.check_campaign(&anna, id).await.unwrap();
    assert!(check.can_start, "{check:?}");
    assert_eq!((check.recipients, check.samples.len()), (2, 2));
    world.import(&anna, id, "0712000003;Caro\n").await.unwrap();
    let start = control.start_campaign(&anna, id, Some(&check.fingerprint)).await;
    assert_eq!(problem(start), Problem::CheckOutdated);
    let check = control.check_campaign(&anna, id).await.unwrap();
    control.edit_campaign(&anna, id, 1, &definition("main")).await.unwrap();
    let start = control.start_campaign(&anna, id, Some(&check.fingerprint)).await;
    assert_eq!(problem(start), Problem::CheckOutdated);
    let check = control.check_campaign(&anna, id).await.unwrap();
    let started = control.start_campaign(&anna, id, Some(&check.fingerprint)).await.unwrap().result;
    assert_eq!(started.recipients, 3);
    world.close().await;
}

#[tokio::test]
async fn a_campaign_without_a_variable_is_not_started_and_the_check_says_why() {
    let world = World::new("control_lacking").await;
    let (control, anna) = (&world.control, anna());
    let id = world.draft(&anna).await;
    let empty = control.start_campaign(&anna, id, None).await.unwrap_err();
    assert!(empty.to_string().contains("has no recipients"), "{empty}");
    world.import(&anna, id, "0712000001;Anna\n0712000002;Ben\n").await.unwrap();
    let clear = "update recipient set variables = '{}' where seq = 2";
    world.look.batch_execute(clear).await.unwrap();
    let refused = control.start_campaign(&anna, id, None).await.unwrap_err().to_string();
    assert!(refused.contains("1 recipient lacks first_name (the first: 2)"), "{refused}");
    let check = control.check_campaign(&anna, id).await.unwrap();
    assert_eq!((check.can_start, check.problem), (false, Some(refused)));
    world.close().await;
}
