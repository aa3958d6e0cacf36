//! Large campaigns, which one person requests and another one starts.

use std::time::Duration;

use control::{Actor, ActorKind, Caller, Grant, NewAccount, NewApiKey, Problem, Role};

use crate::world::{World, anna, definition, problem};

/// A person who is logged in.
fn person(name: &str) -> Caller {
    Caller { actor: Actor { kind: ActorKind::Account, name: name.into() }, ..Caller::command(name) }
}

#[tokio::test]
async fn a_large_campaign_is_started_by_another_person_than_the_one_who_requested_it() {
    let world = World::new("control_approval").await;
    let control = world.control.clone().with_approval_above(Some(1));
    let (berta, cora) = (person("Berta"), person("cora"));
    let id = world.ready(&anna()).await;
    let needed = control.start_approval(&berta, id).await.unwrap();
    assert!(needed.is_needed && needed.requested_by.is_none(), "{needed:?}");
    let refused = control.start_campaign(&cora, id, None).await.unwrap_err();
    assert_eq!(refused.problem(), Problem::ApprovalNeeded);
    assert!(
        refused.to_string().contains("2 recipients, and a start of more than 1 needs two people"),
        "{refused}"
    );

    control.request_start(&berta, id, None).await.unwrap();
    let asked = control.start_approval(&berta, id).await.unwrap();
    assert!(asked.is_own && asked.requested_by.as_deref() == Some("Berta"), "{asked:?}");
    let own = control.start_campaign(&berta, id, None).await.unwrap_err();
    assert_eq!(own.problem(), Problem::ApprovalNeeded);
    assert!(own.to_string().contains("you requested the start"), "{own}");

    control.edit_campaign(&cora, id, 1, &definition("main")).await.unwrap();
    assert_eq!(
        problem(control.start_campaign(&cora, id, None).await),
        Problem::ApprovalNeeded,
        "void after an edit"
    );
    control.request_start(&berta, id, None).await.unwrap();
    world.import(&anna(), id, "0712000003;Caro\n").await.unwrap();
    assert_eq!(
        problem(control.start_campaign(&cora, id, None).await),
        Problem::ApprovalNeeded,
        "void after an import"
    );
    control.request_start(&berta, id, None).await.unwrap();
    assert!(!control.start_approval(&cora, id).await.unwrap().is_own);
    control.start_campaign(&cora, id, None).await.unwrap();
    let details =
        "select details->>'requested_by' from audit where action = 'campaign.start' and outcome = 'done'";
    let requested_by: String = world.look.query_one(details, &[]).await.unwrap().get(0);
    assert_eq!(requested_by, "Berta");
    world.close().await;
}

#[tokio::test]
async fn an_api_key_is_the_person_that_it_belongs_to() {
    let world = World::new("control_approval_key").await;
    let control = world.control.clone().with_approval_above(Some(1));
    let grant = Grant { role: Role::Marketer, has_numbers: false, senders: None };
    let account = NewAccount { name: "berta".into(), email: None, grant: grant.clone() };
    control.add_account(&anna(), account).await.unwrap();
    let key = NewApiKey { name: "till".into(), grant, networks: Vec::new(), valid: Duration::from_hours(1) };
    let berta = person("berta");
    let added = control.add_key(&berta, key).await.unwrap().result;
    let key = Caller { actor: Actor { kind: ActorKind::ApiKey, name: added.key.id }, ..berta.clone() };
    let id = world.ready(&anna()).await;
    control.request_start(&key, id, None).await.unwrap();
    assert_eq!(problem(control.start_campaign(&berta, id, None).await), Problem::ApprovalNeeded);
    control.start_campaign(&person("cora"), id, None).await.unwrap();
    world.close().await;
}

#[tokio::test]
async fn a_small_campaign_and_an_installation_without_a_limit_need_nobody_else() {
    let world = World::new("control_approval_none").await;
    for control in [world.control.clone(), world.control.clone().with_approval_above(Some(2))] {
        let id = world.ready(&anna()).await;
        assert!(!control.start_approval(&anna(), id).await.unwrap().is_needed);
        assert_eq!(problem(control.request_start(&anna(), id, None).await), Problem::ConflictState);
        control.start_campaign(&anna(), id, None).await.unwrap();
    }
    world.close().await;
}
