//! Accounts and their links.

use std::time::Duration;

use control::{AccountEdit, Caller, Client, Grant, Idempotency, NewAccount, Problem, Role};

use crate::world::{PASSWORD, World, grant, limited, problem};

fn disable() -> AccountEdit {
    AccountEdit { is_disabled: Some(true), ..AccountEdit::default() }
}

#[tokio::test]
async fn a_person_sets_the_password_with_the_link_once_and_logs_in() {
    let world = World::new("account_link").await;
    let token = world.link("Anna.Wanjiru", limited(Role::Marketer, &["ke"])).await;
    assert_eq!(problem(world.log_in("Anna.Wanjiru", "").await), Problem::Unauthorized, "no password yet");
    let set = async |token: &str, password: &str| {
        world.control.set_password(token, password.into(), Client::default()).await
    };
    for refused in ["short", "password2026!!", "wanjiru-is-my-name", &"long".repeat(33)] {
        let error = set(&token, refused).await.unwrap_err();
        assert_eq!(error.problem(), Problem::InvalidBody, "{error}");
        assert!(!error.to_string().contains(refused), "{error}");
    }
    assert!(set(&token, PASSWORD).await.unwrap().has_password);
    for invalid in [&token, "", "x", &"A".repeat(43)] {
        assert_eq!(problem(set(invalid, PASSWORD).await), Problem::Unauthorized);
    }
    let session = world.log_in("anna.wanjiru", PASSWORD).await.unwrap();
    let caller = world.caller_of(session.token.secret()).await.unwrap();
    assert_eq!((caller.name(), &caller.rights), ("Anna.Wanjiru", &Role::Marketer.rights()));
    assert!(caller.may_use("ke") && !caller.may_use("tz"));
    world.close().await;
}

#[tokio::test]
async fn a_new_link_replaces_the_old_one_and_its_use_ends_all_sessions() {
    let world = World::new("account_new_link").await;
    world.account("anna", grant(Role::Viewer)).await;
    let session = world.log_in("anna", PASSWORD).await.unwrap();
    let link = async || world.control.new_link(&world.ops, "ANNA").await.unwrap().result.token.unwrap();
    let (old, new) = (link().await, link().await);
    let other = "another-long-password";
    let set = async |token: &str| world.control.set_password(token, other.into(), Client::default()).await;
    assert_eq!(problem(set(old.secret()).await), Problem::Unauthorized);
    assert!(world.caller_of(session.token.secret()).await.is_ok(), "until the link is used, nothing changes");
    set(new.secret()).await.unwrap();
    assert_eq!(problem(world.caller_of(session.token.secret()).await), Problem::Unauthorized);
    assert_eq!(problem(world.log_in("anna", PASSWORD).await), Problem::Unauthorized);
    world.log_in("anna", other).await.unwrap();

    world.control.change_account(&world.ops, "anna", AccountEdit::default()).await.unwrap();
    world.control.change_account(&world.ops, "anna", disable()).await.unwrap();
    assert_eq!(problem(world.control.new_link(&world.ops, "anna").await), Problem::ConflictState);
    assert_eq!(problem(world.control.new_link(&world.ops, "nobody").await), Problem::NotFound);
    world.close().await;
}

#[tokio::test]
async fn an_admin_neither_gives_nor_changes_more_than_it_has() {
    let world = World::new("account_limits").await;
    let chief = Grant { has_numbers: true, ..grant(Role::Admin) };
    world.account("chief", chief).await;
    let admin = world.person("anna", grant(Role::Admin)).await;
    let of_kenya = world.person("berta", limited(Role::Admin, &["ke"])).await;
    let add = async |caller: &Caller, name: &str, grant: Grant| {
        let new = NewAccount { name: name.into(), email: None, grant };
        world.control.add_account(caller, new).await.map(drop)
    };
    let with_numbers = Grant { has_numbers: true, ..grant(Role::Viewer) };
    assert_eq!(problem(add(&admin, "x", with_numbers).await), Problem::Forbidden);
    assert_eq!(problem(add(&of_kenya, "x", grant(Role::Viewer)).await), Problem::Forbidden);
    assert_eq!(problem(add(&of_kenya, "x", limited(Role::Viewer, &["ke", "tz"])).await), Problem::Forbidden);
    add(&of_kenya, "carla", limited(Role::Marketer, &["ke"])).await.unwrap();
    add(&admin, "dora", grant(Role::Admin)).await.unwrap();

    let edit = |edit: AccountEdit| edit;
    let own = edit(AccountEdit { has_numbers: Some(true), ..AccountEdit::default() });
    assert_eq!(problem(world.control.change_account(&admin, "anna", own).await), Problem::Forbidden);
    let more = AccountEdit { senders: Some(None), ..AccountEdit::default() };
    assert_eq!(problem(world.control.change_account(&of_kenya, "berta", more).await), Problem::Forbidden);
    // A reset of the password of an account with more rights would give these rights.
    assert_eq!(problem(world.control.new_link(&admin, "chief").await), Problem::Forbidden);
    assert_eq!(problem(world.control.new_link(&of_kenya, "anna").await), Problem::Forbidden);
    let less = AccountEdit { role: Some(Role::Viewer), has_numbers: Some(false), ..disable() };
    for edit in [disable(), less] {
        assert_eq!(problem(world.control.change_account(&admin, "chief", edit).await), Problem::Forbidden);
    }
    assert_eq!(
        world.count("select count(*) from account where has_numbers or disabled_at is not null").await,
        1
    );
    world.close().await;
}

#[tokio::test]
async fn a_refused_change_changes_nothing_and_says_what_is_wrong() {
    let world = World::new("account_refusals").await;
    let says = async |name: &str, edit: AccountEdit| {
        world.control.change_account(&world.ops, name, edit).await.unwrap_err().to_string()
    };
    world.account("anna", limited(Role::Viewer, &["ke"])).await;
    let none = AccountEdit::default();
    assert!(says("nobody", none.clone()).await.starts_with("there is no account 'nobody'"));
    let edit = AccountEdit { senders: Some(Some(vec!["ke".into(), "ug".into()])), ..none.clone() };
    assert!(says("anna", edit).await.starts_with("there is no sender 'ug'"));
    let edit = AccountEdit { zone: Some(Some("Nairobi".into())), role: Some(Role::Admin), ..none };
    assert_eq!(says("anna", edit).await, "'Nairobi' is not a time zone; write one like Africa/Nairobi");
    let account = world.control.account(&world.ops, "anna").await.unwrap();
    assert_eq!(account.grant, limited(Role::Viewer, &["ke"]));
    world.close().await;
}

#[tokio::test]
async fn of_two_admins_who_remove_each_other_at_the_same_time_one_stays() {
    let world = World::new("account_last_admin").await;
    let anna = world.person("anna", grant(Role::Admin)).await;
    let berta = world.person("berta", grant(Role::Admin)).await;
    let demote = AccountEdit { role: Some(Role::Viewer), ..AccountEdit::default() };
    // Both changes begin before one of them is done: they wait for the lock that this test holds.
    let hold = "begin; select pg_advisory_xact_lock(hashtextextended('flowcast: accounts', 0))";
    world.look.batch_execute(hold).await.unwrap();
    let release = async {
        let waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted";
        while world.count(waiting).await < 2 {
            tokio::task::yield_now().await;
        }
        world.look.batch_execute("commit").await.unwrap();
    };
    let (one, other, released) = tokio::join!(
        world.control.change_account(&anna, "berta", demote),
        world.control.change_account(&berta, "anna", disable()),
        tokio::time::timeout(Duration::from_secs(30), release)
    );
    assert!(released.is_ok(), "a change was made without the lock");
    let refused: Vec<Problem> =
        [one, other].into_iter().filter_map(Result::err).map(|error| error.problem()).collect();
    assert_eq!(refused, [Problem::ConflictState]);
    assert_eq!(
        world.count("select count(*) from account where role = 'admin' and disabled_at is null").await,
        1
    );
    world.close().await;
}

#[tokio::test]
async fn a_repeated_request_adds_one_account_and_shows_its_link_once() {
    let world = World::new("account_repeated").await;
    let key = Idempotency { key: "k".into(), fingerprint: [1; 32] };
    let caller = Caller { idempotency: Some(key), ..world.ops.clone() };
    let add = async || {
        let new = NewAccount { name: "anna".into(), email: None, grant: grant(Role::Viewer) };
        world.control.add_account(&caller, new).await
    };
    let both = tokio::join!(add(), add());
    let (mut links, mut others) = (0, Vec::new());
    for done in [both.0, both.1] {
        match done {
            Ok(done) => links += usize::from(done.result.token.is_some()),
            Err(error) => others.push(error.problem()),
        }
    }
    assert!(links == 1 && others.iter().all(|problem| *problem == Problem::IdempotencyRunning), "{others:?}");
    let again = add().await.unwrap();
    assert!(again.is_replayed && again.result.token.is_none() && again.result.account.name == "anna");
    assert_eq!(world.count("select count(*) from account").await, 1);
    world.close().await;
}
