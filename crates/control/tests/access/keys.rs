//! API keys.

use control::{AccountEdit, ActorKind, Caller, Grant, Idempotency, NewApiKey, Problem, Right, Role};

use crate::world::{HOUR, World, from, grant, limited, problem};

fn key(grant: Grant) -> NewApiKey {
    NewApiKey { name: "shop".into(), grant, networks: Vec::new(), valid: HOUR }
}

#[tokio::test]
async fn a_key_has_at_most_the_rights_and_senders_of_the_caller_that_adds_it() {
    let world = World::new("key_limits").await;
    let anna = world.person("anna", limited(Role::Marketer, &["ke"])).await;
    let with_numbers = Grant { has_numbers: true, ..limited(Role::Viewer, &["ke"]) };
    for more in [
        limited(Role::Operator, &["ke"]),
        limited(Role::Viewer, &["ke", "tz"]),
        grant(Role::Viewer),
        with_numbers,
    ] {
        assert_eq!(problem(world.key(&anna, more.clone()).await), Problem::Forbidden, "{more:?}");
    }
    let (added, text) = world.key(&anna, limited(Role::Marketer, &["ke"])).await.unwrap();
    assert_eq!((added.account.as_deref(), added.created_by.as_str()), (Some("anna"), "anna"));
    let caller = world.control.caller_of_key(&text, from("192.0.2.1")).await.unwrap();
    assert_eq!((caller.actor.kind, caller.name()), (ActorKind::ApiKey, added.id.as_str()));
    assert_eq!(caller.rights, Role::Marketer.rights());
    assert!(caller.may_use("ke") && !caller.may_use("tz") && caller.is_fresh());
    assert_eq!(
        problem(world.key(&caller, limited(Role::Viewer, &["ke"])).await),
        Problem::Forbidden,
        "by a key"
    );
    world.close().await;
}

#[tokio::test]
async fn a_key_never_does_more_than_its_account_may_do_now() {
    let world = World::new("key_of_account").await;
    let anna = world.person("anna", Grant { has_numbers: true, ..grant(Role::Admin) }).await;
    world.account("berta", grant(Role::Admin)).await;
    let (_, text) = world.key(&anna, Grant { has_numbers: true, ..grant(Role::Operator) }).await.unwrap();
    let caller = async || world.control.caller_of_key(&text, from("192.0.2.1")).await;
    let before = caller().await.unwrap();
    assert!(before.rights.has(Right::Numbers) && before.rights.has(Right::Operate));
    assert!(!before.rights.has(Right::ManageAccounts), "the key is an operator");
    let edit = AccountEdit {
        role: Some(Role::Viewer),
        has_numbers: Some(false),
        senders: Some(Some(vec!["tz".into()])),
        ..AccountEdit::default()
    };
    world.control.change_account(&world.ops, "anna", edit).await.unwrap();
    let after = caller().await.unwrap();
    assert_eq!(after.rights, Role::Viewer.rights());
    assert!(after.may_use("tz") && !after.may_use("ke"));
    let disable = AccountEdit { is_disabled: Some(true), ..AccountEdit::default() };
    world.control.change_account(&world.ops, "anna", disable).await.unwrap();
    let error = caller().await.unwrap_err();
    assert_eq!(error.problem(), Problem::Unauthorized, "{error}");
    world.close().await;
}

#[tokio::test]
async fn wrong_expired_and_revoked_keys_are_refused() {
    let world = World::new("key_refused").await;
    let (_, good) = world.key(&world.ops, grant(Role::Viewer)).await.unwrap();
    let (other, other_text) = world.key(&world.ops, grant(Role::Viewer)).await.unwrap();
    let says = async |text: &str| {
        let error = world.control.caller_of_key(text, from("192.0.2.1")).await.unwrap_err();
        assert_eq!(error.problem(), Problem::Unauthorized, "{error}");
        error.to_string()
    };
    let unknown = says("").await;
    // The id of one key with the secret of another, and a key that does not exist.
    let mixed = format!("fc_{}_{}", other.id, good.split_at(12).1);
    let missing = format!("fc_aaaaaaaa_{}", good.split_at(12).1);
    for wrong in [mixed, missing, format!("{good}x"), good.to_uppercase()] {
        assert_eq!(says(&wrong).await, unknown, "{wrong}");
    }
    world.control.caller_of_key(&good, from("192.0.2.1")).await.unwrap();
    assert_eq!(world.count("select count(*) from api_key where last_used_at is not null").await, 1);
    world.control.revoke_key(&world.ops, &other.id).await.unwrap();
    assert_eq!(says(&other_text).await, format!("API key {} was revoked", other.id));
    world.set("update api_key set expires_at = clock_timestamp()").await;
    assert!(says(&good).await.contains("has expired; add a new one"));
    let mixed = format!("fc_{}_{}", other.id, good.split_at(12).1);
    assert_eq!(says(&mixed).await, unknown, "without the secret nobody learns the state of a key");
    assert_eq!(problem(world.control.revoke_key(&world.ops, "nokeyatall").await), Problem::NotFound);
    world.close().await;
}

#[tokio::test]
async fn a_key_expires_within_a_year() {
    let world = World::new("key_expiry").await;
    for (hours, is_allowed) in [(0, false), (1, true), (365 * 24, true), (365 * 24 + 1, false)] {
        let new = NewApiKey { valid: hours * HOUR, ..key(grant(Role::Viewer)) };
        let added = world.control.add_key(&world.ops, new).await;
        assert_eq!(added.is_ok(), is_allowed, "{hours} hours");
    }
    world.close().await;
}

#[tokio::test]
async fn a_key_with_networks_is_refused_from_other_addresses() {
    let world = World::new("key_networks").await;
    let networks = vec!["203.0.113.7/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
    let new = NewApiKey { networks, ..key(grant(Role::Viewer)) };
    let text = world.control.add_key(&world.ops, new).await.unwrap().result.secret.unwrap().secret();
    for allowed in ["203.0.113.99", "::ffff:203.0.113.99", "2001:db8::1"] {
        assert!(world.control.caller_of_key(&text, from(allowed)).await.is_ok(), "{allowed}");
    }
    for refused in ["203.0.114.1", "2001:db9::1"] {
        let error = world.control.caller_of_key(&text, from(refused)).await.unwrap_err();
        assert_eq!(error.problem(), Problem::Forbidden, "{error}");
        assert!(error.to_string().contains(refused), "{error}");
    }
    let unknown = world.control.caller_of_key(&text, control::Client::default()).await;
    assert_eq!(problem(unknown), Problem::Forbidden, "without an address");
    world.close().await;
}

#[tokio::test]
async fn a_person_sees_and_revokes_its_own_keys_and_an_admin_all() {
    let world = World::new("key_owners").await;
    let anna = world.person("anna", grant(Role::Viewer)).await;
    let berta = world.person("berta", grant(Role::Operator)).await;
    let admin = world.person("carla", grant(Role::Admin)).await;
    let (of_anna, text) = world.key(&anna, grant(Role::Viewer)).await.unwrap();
    let (of_berta, _) = world.key(&berta, grant(Role::Viewer)).await.unwrap();
    let (of_ops, _) = world.key(&world.ops, grant(Role::Admin)).await.unwrap();
    let ids = |keys: Vec<control::ApiKey>| keys.into_iter().map(|key| key.id).collect::<Vec<_>>();
    assert_eq!(ids(world.control.own_keys(&anna).await.unwrap()), std::slice::from_ref(&of_anna.id));
    assert_eq!(problem(world.control.keys(&berta).await), Problem::Forbidden);
    assert_eq!(world.control.keys(&admin).await.unwrap().len(), 3);
    for other in [&of_berta.id, &of_ops.id] {
        assert_eq!(problem(world.control.revoke_key(&anna, other).await), Problem::NotFound);
    }
    // A program may give its own key back.
    let program = world.control.caller_of_key(&text, from("192.0.2.1")).await.unwrap();
    assert_eq!(problem(world.control.revoke_key(&program, &of_berta.id).await), Problem::NotFound);
    assert!(world.control.revoke_key(&program, &of_anna.id).await.unwrap().result.revoked_at.is_some());
    world.control.revoke_key(&berta, &of_berta.id).await.unwrap();
    world.control.revoke_key(&admin, &of_ops.id).await.unwrap();
    assert_eq!(world.count("select count(*) from api_key where revoked_at is null").await, 0);
    world.close().await;
}

#[tokio::test]
async fn a_repeated_request_adds_one_key_and_shows_it_once() {
    let world = World::new("key_repeated").await;
    let idempotency = Some(Idempotency { key: "k".into(), fingerprint: [1; 32] });
    let caller = Caller { idempotency, ..world.ops.clone() };
    let first = world.control.add_key(&caller, key(grant(Role::Viewer))).await.unwrap();
    let again = world.control.add_key(&caller, key(grant(Role::Viewer))).await.unwrap();
    assert!(first.result.secret.is_some() && !first.is_replayed);
    assert!(again.result.secret.is_none() && again.is_replayed);
    assert_eq!(again.result.key, first.result.key);
    let other = Caller {
        idempotency: Some(Idempotency { key: "k".into(), fingerprint: [2; 32] }),
        ..world.ops.clone()
    };
    assert_eq!(
        problem(world.control.add_key(&other, key(grant(Role::Admin))).await),
        Problem::IdempotencyReused
    );
    world.close().await;
}
