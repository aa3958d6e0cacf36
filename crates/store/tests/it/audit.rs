//! The audit, and requests that are repeated.

use futures::future::join_all;
use serde_json::{Value, json};
use store::{Admission, AuditEntry, AuditFilter, IdempotentRequest};

use crate::world::World;

fn entry<'a>(action: &'a str, object: &'a str, details: &'a Value) -> AuditEntry<'a> {
    AuditEntry {
        actor_kind: "command",
        actor: "anna",
        action,
        object_kind: "campaign",
        object: Some(object),
        outcome: "done",
        details,
        address: Some([192, 0, 2, 7].into()),
        user_agent: Some("curl/8"),
        request_id: None,
    }
}

/// A world with this many rows in the audit.
async fn with_rows(name: &str, rows: i64) -> World {
    let world = World::new(name, None).await;
    for n in 1..=rows {
        let (object, details) = (n.to_string(), json!({ "n": n }));
        world.store.append_audit(&entry("campaign.start", &object, &details)).await.unwrap();
    }
    world
}

#[tokio::test]
async fn rows_of_the_audit_are_filtered_and_read_newest_first() {
    let world = with_rows("audit_read", 5).await;
    let details = json!({});
    world.store.append_audit(&entry("campaign.pause", "2", &details)).await.unwrap();
    let ids = async |filter: AuditFilter<'_>, most| {
        let rows = world.store.audit(filter, most).await.unwrap();
        rows.iter().map(|row| row.audit_id).collect::<Vec<_>>()
    };
    let all = AuditFilter::default();
    assert_eq!(ids(all, 100).await, [6, 5, 4, 3, 2, 1]);
    assert_eq!(ids(all, 2).await, [6, 5]);
    assert_eq!(ids(AuditFilter { before: Some(5), ..all }, 2).await, [4, 3]);
    assert_eq!(ids(AuditFilter { object_kind: Some("campaign"), object: Some("2"), ..all }, 9).await, [6, 2]);
    assert_eq!(ids(AuditFilter { action: Some("campaign.pause"), ..all }, 9).await, [6]);
    assert_eq!(ids(AuditFilter { actor: Some("berta"), ..all }, 9).await, [0; 0]);
    let row = world.store.audit(all, 1).await.unwrap().remove(0);
    assert_eq!((row.actor.as_str(), row.user_agent.as_deref()), ("anna", Some("curl/8")));
    assert_eq!(row.address.map(|address| address.to_string()).as_deref(), Some("192.0.2.7"));
    world.close().await;
}

#[tokio::test]
async fn no_row_of_the_audit_is_changed_or_removed_also_not_by_the_owner_of_the_table() {
    let world = with_rows("audit_refuses", 3).await;
    for statement in [
        "update audit set actor = 'berta' where id = 2",
        "update audit set actor = 'berta' where false",
        "delete from audit where id = 3",
        "truncate audit",
    ] {
        let error = world.look.batch_execute(statement).await.unwrap_err();
        let error = error.as_db_error().unwrap();
        assert_eq!(error.message(), "rows of audit are never changed or deleted", "{statement}");
    }
    assert_eq!(world.count("select count(*) from audit").await, 3);
    world.close().await;
}

#[tokio::test]
async fn a_changed_or_removed_row_breaks_the_chain() {
    let world = with_rows("audit_chain", 6).await;
    assert_eq!(world.store.first_broken_audit_row().await.unwrap(), None);
    world.look.batch_execute("alter table audit disable trigger refuse_change").await.unwrap();
    let changes = [
        ("actor = 'berta'", "actor = 'anna'"),
        ("details = '{\"n\": 40}'", "details = '{\"n\": 4}'"),
        ("at = at + interval '1 microsecond'", "at = at - interval '1 microsecond'"),
        ("outcome = 'refused'", "outcome = 'done'"),
        ("address = '192.0.2.8'", "address = '192.0.2.7'"),
        ("object = '5'", "object = '4'"),
        ("user_agent = null", "user_agent = 'curl/8'"),
    ];
    for (change, back) in changes {
        world.look.batch_execute(&format!("update audit set {change} where id = 4")).await.unwrap();
        assert_eq!(world.store.first_broken_audit_row().await.unwrap(), Some(4), "{change}");
        world.look.batch_execute(&format!("update audit set {back} where id = 4")).await.unwrap();
        assert_eq!(world.store.first_broken_audit_row().await.unwrap(), None, "{back}");
    }
    world.look.batch_execute("delete from audit where id = 2").await.unwrap();
    assert_eq!(world.store.first_broken_audit_row().await.unwrap(), Some(3), "the row after the removed one");
    world.close().await;
}

#[tokio::test]
async fn rows_at_the_same_time_are_numbered_without_gaps_and_chained() {
    let world = World::new("audit_concurrent", None).await;
    let append = async |n: u32| {
        let (object, details) = (n.to_string(), json!({}));
        if n.is_multiple_of(3) {
            // A change that is given up leaves no gap.
            let change = world.store.begin_change().await.unwrap();
            change.store().append_audit(&entry("campaign.start", &object, &details)).await.unwrap();
        } else {
            world.store.append_audit(&entry("campaign.start", &object, &details)).await.unwrap();
        }
    };
    join_all((0..30).map(append)).await;
    let last = world.store.last_audit_row().await.unwrap().unwrap();
    assert_eq!((last.0, last.1.len()), (20, 64));
    assert_eq!(world.store.first_broken_audit_row().await.unwrap(), None);
    world.close().await;
}

fn request(actor: &str, key: &str, fingerprint: u8) -> IdempotentRequest {
    IdempotentRequest { actor: actor.into(), key: key.into(), fingerprint: [fingerprint; 32] }
}

#[tokio::test]
async fn of_two_requests_with_one_key_at_the_same_time_one_is_executed() {
    let world = World::new("idempotency", None).await;
    let (details, result) = (json!({}), json!({ "id": 7 }));
    let mut one = world.store.begin_change().await.unwrap();
    assert!(matches!(one.admit(request("api_key:a", "k", 1)).await.unwrap(), Admission::New));
    let mut other = world.store.begin_change().await.unwrap();
    assert!(matches!(other.admit(request("api_key:a", "k", 1)).await.unwrap(), Admission::Running));
    drop(other);
    one.commit(Some(&entry("campaign.create", "7", &details)), &result).await.unwrap();

    let mut again = world.store.begin_change().await.unwrap();
    let Admission::Executed(stored) = again.admit(request("api_key:a", "k", 1)).await.unwrap() else {
        panic!("executed again")
    };
    assert_eq!(stored, result);
    // The result is there for every client that asks while another one reads it.
    let mut third = world.store.begin_change().await.unwrap();
    let admission = third.admit(request("api_key:a", "k", 1)).await.unwrap();
    assert!(matches!(admission, Admission::Executed(_)), "{admission:?}");
    drop(third);
    assert!(matches!(again.admit(request("api_key:a", "k", 2)).await.unwrap(), Admission::OtherRequest));
    assert!(matches!(again.admit(request("api_key:b", "k", 1)).await.unwrap(), Admission::New));
    drop(again);
    assert_eq!(world.count("select count(*) from audit").await, 1);
    world.close().await;
}

#[tokio::test]
async fn a_request_whose_change_was_given_up_is_new_again() {
    let world = World::new("idempotency_given_up", None).await;
    let mut change = world.store.begin_change().await.unwrap();
    assert!(matches!(change.admit(request("api_key:a", "k", 1)).await.unwrap(), Admission::New));
    drop(change);
    let mut change = world.store.begin_change().await.unwrap();
    // Nobody waited for the rollback of the dropped change. It is sent before the next statement of its connection, so this may come before it.
    let admission = loop {
        match change.admit(request("api_key:a", "k", 1)).await.unwrap() {
            Admission::Running => tokio::task::yield_now().await,
            admission => break admission,
        }
    };
    assert!(matches!(admission, Admission::New), "{admission:?}");
    world.close().await;
}
