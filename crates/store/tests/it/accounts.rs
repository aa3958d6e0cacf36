//! Accounts and one-time links.

use std::time::Duration;

use store::{AccountChange, AccountId, AccountRow, Error, Grant, NewAccount, Store};

use crate::sessions::open;
use crate::world::World;

pub(crate) const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaA";
pub(crate) const HOUR: Duration = Duration::from_hours(1);

pub(crate) fn grant(role: &str) -> Grant {
    Grant { role: role.into(), has_numbers: false, senders: None }
}

pub(crate) async fn add(store: &Store, name: &str, role: &str) -> AccountRow {
    let new = NewAccount { name: name.into(), email: None, grant: grant(role), created_by: "test".into() };
    store.add_account(&new).await.unwrap()
}

/// Sets the password of an account with a link.
pub(crate) async fn set_password(store: &Store, account: AccountId) {
    let token_hash: [u8; 32] = std::array::from_fn(|_| fastrand::u8(..));
    store.add_link(account, &token_hash, HOUR, "test").await.unwrap();
    assert!(store.use_link(&token_hash, HASH).await.unwrap());
}

#[tokio::test]
async fn an_account_is_found_by_its_name_in_any_case_and_the_name_is_taken_once() {
    let world = World::new("account_names", None).await;
    let account = add(&world.store, "Anna.W", "viewer").await;
    assert_eq!(world.store.account("anna.w").await.unwrap().id, account.id);
    let again =
        NewAccount { name: "ANNA.w".into(), email: None, grant: grant("admin"), created_by: "test".into() };
    let error = world.store.add_account(&again).await.unwrap_err();
    assert_eq!(error.to_string(), "account 'ANNA.w' exists already; choose another name");
    for name in ["", "unknown", "Unknown", "anna@example.org", "a b", "-a", &"x".repeat(61)] {
        let wrong = NewAccount { name: name.into(), ..again.clone() };
        let error = world.store.add_account(&wrong).await.unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{name}: {error}");
    }
    let none = NewAccount {
        name: "berta".into(),
        grant: Grant { senders: Some(Vec::new()), ..grant("viewer") },
        ..again.clone()
    };
    let error = world.store.add_account(&none).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "limited to no sender: {error}");
    let error = world.store.account("berta").await.unwrap_err();
    assert_eq!(error.to_string(), "there is no account 'berta'; see 'flowcast account list'");
    world.close().await;
}

#[tokio::test]
async fn a_change_of_an_account_leaves_the_other_fields() {
    let world = World::new("account_change", None).await;
    add(&world.store, "anna", "viewer").await;
    let change = AccountChange {
        email: Some(Some("anna@example.org".into())),
        senders: Some(Some(vec!["main".into()])),
        zone: Some(Some("Africa/Nairobi".into())),
        ..AccountChange::default()
    };
    world.store.change_account("anna", &change).await.unwrap();
    let change =
        AccountChange { role: Some("marketer".into()), has_numbers: Some(true), ..AccountChange::default() };
    let account = world.store.change_account("ANNA", &change).await.unwrap();
    assert_eq!(account.email.as_deref(), Some("anna@example.org"));
    assert_eq!(account.zone.as_deref(), Some("Africa/Nairobi"));
    let expected = Grant { role: "marketer".into(), has_numbers: true, senders: Some(vec!["main".into()]) };
    assert_eq!(account.grant, expected);
    let change = AccountChange { senders: Some(None), email: Some(None), ..AccountChange::default() };
    let account = world.store.change_account("anna", &change).await.unwrap();
    assert_eq!((account.grant.senders, account.email), (None, None));
    world.close().await;
}

#[tokio::test]
async fn one_of_two_admins_stays_when_both_are_removed_at_the_same_time() {
    let world = World::new("last_admin", None).await;
    for role in ["viewer", "operator"] {
        add(&world.store, role, role).await;
    }
    add(&world.store, "anna", "admin").await;
    add(&world.store, "berta", "admin").await;
    let demote = AccountChange { role: Some("viewer".into()), ..AccountChange::default() };
    let disable = AccountChange { is_disabled: Some(true), ..AccountChange::default() };

    let (one, other) = (world.store.begin_change().await.unwrap(), world.store.begin_change().await.unwrap());
    one.store().lock_accounts().await.unwrap();
    one.store().change_account("anna", &demote).await.unwrap();
    let second = tokio::spawn(async move {
        other.store().lock_accounts().await.unwrap();
        let changed = other.store().change_account("berta", &disable).await;
        changed.map(|_| ())
    });
    // The second change waits for the lock of the first.
    let waits = "select count(*) from pg_locks where locktype = 'advisory' and not granted";
    while world.count(waits).await == 0 {
        tokio::task::yield_now().await;
    }
    let details = serde_json::json!({});
    let entry = store::AuditEntry {
        actor_kind: "command",
        actor: "test",
        action: "account.change",
        object_kind: "account",
        object: Some("anna"),
        outcome: "done",
        details: &details,
        address: None,
        user_agent: None,
        request_id: None,
    };
    one.commit(Some(&entry), &details).await.unwrap();
    let error = second.await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "account 'berta' is the last enabled admin; add another admin first");
    world.close().await;
}

#[tokio::test]
async fn the_last_enabled_admin_is_neither_demoted_nor_disabled() {
    let world = World::new("last_admin_alone", None).await;
    add(&world.store, "anna", "admin").await;
    add(&world.store, "berta", "admin").await;
    let demote = AccountChange { role: Some("operator".into()), ..AccountChange::default() };
    let disable = AccountChange { is_disabled: Some(true), ..AccountChange::default() };
    let enable = AccountChange { is_disabled: Some(false), ..AccountChange::default() };
    let change = async |name: &str, change: &AccountChange| {
        let bound = world.store.begin_change().await.unwrap();
        bound.store().lock_accounts().await.unwrap();
        bound.store().change_account(name, change).await.map(drop)
    };
    // Each of these changes is given up, so each begins with two admins.
    change("anna", &demote).await.unwrap();
    change("anna", &disable).await.unwrap();
    world.store.change_account("berta", &disable).await.unwrap();
    for refused in [&demote, &disable] {
        let error = change("anna", refused).await.unwrap_err();
        assert!(matches!(error, Error::Conflict(_)), "{error}");
    }
    let more = AccountChange { has_numbers: Some(true), ..AccountChange::default() };
    change("anna", &more).await.unwrap();
    world.store.change_account("berta", &enable).await.unwrap();
    change("anna", &disable).await.unwrap();
    world.close().await;
}

#[tokio::test]
async fn a_link_is_used_once_within_its_time_and_replaced_by_a_newer_one() {
    let world = World::new("links", None).await;
    let account = add(&world.store, "anna", "viewer").await.id;
    let store = &world.store;
    store.add_link(account, &[1; 32], HOUR, "test").await.unwrap();
    store.add_link(account, &[2; 32], HOUR, "test").await.unwrap();
    assert!(store.account_of_link(&[1; 32]).await.unwrap().is_none(), "the older link");
    assert!(!store.use_link(&[1; 32], HASH).await.unwrap());
    assert_eq!(store.account_of_link(&[2; 32]).await.unwrap().unwrap().name, "anna");

    world.look.batch_execute("update account_link set expires_at = clock_timestamp()").await.unwrap();
    assert!(
        store.account_of_link(&[2; 32]).await.unwrap().is_none()
            && !store.use_link(&[2; 32], HASH).await.unwrap()
    );
    world
        .look
        .batch_execute("update account_link set expires_at = clock_timestamp() + interval '1 h'")
        .await
        .unwrap();
    assert!(open(store, account, 1).await.is_none(), "an account without a password");
    let used = tokio::join!(store.use_link(&[2; 32], HASH), store.use_link(&[2; 32], HASH));
    assert_eq!(u8::from(used.0.unwrap()) + u8::from(used.1.unwrap()), 1);
    assert!(open(store, account, 1).await.is_some());

    store.add_link(account, &[3; 32], HOUR, "test").await.unwrap();
    let disable = AccountChange { is_disabled: Some(true), ..AccountChange::default() };
    store.change_account("anna", &disable).await.unwrap();
    assert!(!store.use_link(&[3; 32], HASH).await.unwrap(), "the link of a disabled account");
    let enable = AccountChange { is_disabled: Some(false), ..AccountChange::default() };
    store.change_account("anna", &enable).await.unwrap();
    assert!(!store.use_link(&[3; 32], HASH).await.unwrap(), "a link from before the account was disabled");
    world.close().await;
}
