//! The check before a start, and the start.

use campaign::FlowMode;
use control::{Place, Problem};

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

#[tokio::test]
async fn the_check_says_where_each_finding_is_corrected() {
    let world = World::new("control_findings").await;
    let (control, anna) = (&world.control, anna());
    let id = world.draft(&anna).await;
    let places = async || {
        let check = control.check_campaign(&anna, id).await.unwrap();
        let texts = check.findings.iter().filter(|found| !found.is_problem).map(|found| &found.text);
        assert!(check.warnings.iter().eq(texts), "{check:?}");
        assert_eq!(check.can_start, check.findings.iter().all(|found| !found.is_problem), "{check:?}");
        check.findings.into_iter().map(|found| (found.is_problem, found.place)).collect::<Vec<_>>()
    };
    assert_eq!(places().await, [(true, Place::Lists)], "no list");
    world.import(&anna, id, "0712000001;Anna\n").await.unwrap();
    assert_eq!(places().await, []);
    let mut late = definition("main");
    late.policy.deadline = "2026-01-01T00:00:00Z".parse().ok();
    control.edit_campaign(&anna, id, 1, &late).await.unwrap();
    assert_eq!(places().await, [(true, Place::Times)]);
    let mut past = definition("main");
    past.schedule.start_at = "2026-01-01T00:00:00Z".parse().ok();
    past.flow.as_mut().unwrap().mode = FlowMode::Draft;
    control.edit_campaign(&anna, id, 2, &past).await.unwrap();
    assert_eq!(places().await, [(false, Place::Message), (false, Place::Times)]);
    control.edit_campaign(&anna, id, 3, &definition("main")).await.unwrap();
    world.look.batch_execute("update recipient set variables = '{}'").await.unwrap();
    assert_eq!(places().await, [(true, Place::Lists), (false, Place::Message)], "a variable is missing");
    let campaign = control.campaign(&anna, id).await.unwrap();
    assert_eq!(campaign.fingerprint(), control.check_campaign(&anna, id).await.unwrap().fingerprint);
    world.close().await;
}
