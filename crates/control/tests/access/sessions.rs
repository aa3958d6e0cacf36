//! Sessions.

use control::{AccountEdit, Caller, LogIn, NewAccount, Problem, Role, SessionUse};

use crate::world::{PASSWORD, World, from, grant, limited, log_in, problem};

#[tokio::test]
async fn a_log_in_makes_a_new_token_and_ends_the_session_whose_token_the_client_had() {
    let world = World::new("session_fixation").await;
    world.account("anna", grant(Role::Viewer)).await;
    world.account("berta", grant(Role::Viewer)).await;
    // A token that an attacker chose is no session, before and after a log-in with it.
    let chosen = "A".repeat(43);
    assert_eq!(problem(world.caller_of(&chosen).await), Problem::Unauthorized);
    let with = |name: &str, token: &str| LogIn { replaces: Some(token.into()), ..log_in(name, PASSWORD) };
    let one = world.control.log_in(with("anna", &chosen), from("192.0.2.1")).await.unwrap();
    assert_eq!(problem(world.caller_of(&chosen).await), Problem::Unauthorized);
    let first = one.token.secret();
    let other = world.control.log_in(with("anna", first), from("192.0.2.1")).await.unwrap();
    assert_ne!(other.token.secret(), first);
    assert_eq!(problem(world.caller_of(first).await), Problem::Unauthorized, "the replaced session");
    // The log-in of another person does not end the session.
    world.control.log_in(with("berta", other.token.secret()), from("192.0.2.1")).await.unwrap();
    let caller = world.caller_of(other.token.secret()).await.unwrap();
    assert_eq!(caller.name(), "anna");

    world.control.log_out(&caller).await.unwrap();
    assert_eq!(
        problem(world.caller_of(other.token.secret()).await),
        Problem::Unauthorized,
        "after the log-out"
    );
    assert_eq!(problem(world.control.log_out(&world.ops).await), Problem::ConflictState);
    world.close().await;
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_for_an_hour_or_12_hours_old() {
    let world = World::new("session_times").await;
    world.account("anna", grant(Role::Viewer)).await;
    let session = world.log_in("anna", PASSWORD).await.unwrap();
    let token = session.token.secret();
    let ends = "select count(*) from session where until - created_at between '11:59:59' and '12:00:01'";
    assert_eq!(world.count(ends).await, 1);
    // Requests of a person begin the idle time again, requests of a page by itself do not.
    for _ in 0..3 {
        world.set("update session set last_seen_at = last_seen_at - interval '50 min'").await;
        assert!(world.caller_of(token).await.is_ok());
    }
    world.set("update session set last_seen_at = last_seen_at - interval '50 min'").await;
    let stream = async || world.control.caller_of_session(token, SessionUse::Stream, from("192.0.2.1")).await;
    assert!(stream().await.is_ok());
    world.set("update session set last_seen_at = last_seen_at - interval '10 min'").await;
    assert_eq!(problem(stream().await), Problem::Unauthorized);
    assert_eq!(problem(world.caller_of(token).await), Problem::Unauthorized);

    let session = world.log_in("anna", PASSWORD).await.unwrap();
    assert!(world.caller_of(session.token.secret()).await.is_ok());
    world.set("update session set until = until - interval '12 h'").await;
    assert_eq!(problem(world.caller_of(session.token.secret()).await), Problem::Unauthorized);
    world.close().await;
}

#[tokio::test]
async fn an_old_log_in_is_not_enough_for_accounts_and_keys() {
    let world = World::new("session_fresh").await;
    world.account("anna", grant(Role::Admin)).await;
    let session = world.log_in("anna", PASSWORD).await.unwrap();
    let token = session.token.secret();
    let add = async |caller: &Caller, name: &str| {
        let new = NewAccount { name: name.into(), email: None, grant: grant(Role::Viewer) };
        world.control.add_account(caller, new).await.map(drop)
    };
    add(&world.caller_of(token).await.unwrap(), "berta").await.unwrap();
    world.set("update session set fresh_at = fresh_at - interval '10 min'").await;
    let stale = world.caller_of(token).await.unwrap();
    assert_eq!(problem(add(&stale, "carla").await), Problem::LogInAgain);
    assert_eq!(problem(world.key(&stale, grant(Role::Viewer)).await), Problem::LogInAgain);
    assert_eq!(
        problem(world.control.change_account(&stale, "berta", AccountEdit::default()).await),
        Problem::LogInAgain
    );
    assert_eq!(problem(world.control.new_link(&stale, "berta").await), Problem::LogInAgain);
    world.control.accounts(&stale).await.unwrap();
    world.control.own_keys(&stale).await.unwrap();
    let session = world.log_in("anna", PASSWORD).await.unwrap();
    add(&world.caller_of(session.token.secret()).await.unwrap(), "carla").await.unwrap();
    world.close().await;
}

#[tokio::test]
async fn a_change_of_an_account_applies_at_the_next_request() {
    let world = World::new("session_changes").await;
    world.account("anna", grant(Role::Marketer)).await;
    let session = world.log_in("anna", PASSWORD).await.unwrap();
    let token = session.token.secret();
    let edit = AccountEdit {
        role: Some(Role::Viewer),
        senders: Some(Some(vec!["tz".into()])),
        ..AccountEdit::default()
    };
    world.control.change_account(&world.ops, "anna", edit).await.unwrap();
    let caller = world.caller_of(token).await.unwrap();
    assert_eq!(caller.rights, Role::Viewer.rights());
    assert!(caller.may_use("tz") && !caller.may_use("ke"));
    for (is_disabled, expected) in [(true, "disabled"), (false, "enabled again")] {
        let edit = AccountEdit { is_disabled: Some(is_disabled), ..AccountEdit::default() };
        world.control.change_account(&world.ops, "anna", edit).await.unwrap();
        assert_eq!(problem(world.caller_of(token).await), Problem::Unauthorized, "{expected}");
    }
    world.log_in("anna", PASSWORD).await.unwrap();
    world.close().await;
}

#[tokio::test]
async fn a_person_ends_its_own_sessions_and_an_admin_any() {
    let world = World::new("session_ends").await;
    let anna = world.person("anna", grant(Role::Operator)).await;
    let berta = world.person("berta", limited(Role::Viewer, &["ke"])).await;
    let admin = world.person("carla", grant(Role::Admin)).await;
    let second = world.log_in("anna", PASSWORD).await.unwrap();
    let (of_anna, of_berta) = (anna.session.unwrap().id, berta.session.unwrap().id);

    let own = world.control.own_sessions(&anna).await.unwrap();
    assert_eq!(own.iter().map(|session| session.id).collect::<Vec<_>>(), [second.session, of_anna]);
    assert_eq!(own.iter().map(|session| session.is_own).collect::<Vec<_>>(), [false, true]);
    assert_eq!(own[0].user_agent.as_deref(), Some("Firefox"));
    assert_eq!(problem(world.control.sessions(&anna).await), Problem::Forbidden);
    assert_eq!(world.control.sessions(&admin).await.unwrap().len(), 4);

    // To a person who may not end it, a session of another account looks like one that does not exist.
    let refused = world.control.end_session(&anna, of_berta).await.unwrap_err();
    let missing = world.control.end_session(&anna, 99).await.unwrap_err();
    assert_eq!(refused.to_string(), missing.to_string().replace("99", &of_berta.to_string()));
    assert_eq!((refused.problem(), missing.problem()), (Problem::NotFound, Problem::NotFound));
    assert_eq!(problem(world.control.end_sessions(&anna, "berta").await), Problem::Forbidden);
    world.control.end_session(&anna, second.session).await.unwrap();
    world.control.end_session(&anna, second.session).await.unwrap();
    world.control.end_session(&admin, of_berta).await.unwrap();
    assert_eq!(world.control.end_sessions(&anna, "ANNA").await.unwrap().result, 1);
    assert_eq!(world.control.end_sessions(&admin, "anna").await.unwrap().result, 0);
    assert_eq!(world.control.sessions(&admin).await.unwrap().len(), 1);
    world.close().await;
}

#[tokio::test]
async fn a_change_of_the_password_needs_the_present_one_and_ends_the_other_sessions() {
    let world = World::new("change_password").await;
    world.account("anna", grant(Role::Viewer)).await;
    let (own, other) =
        (world.log_in("anna", PASSWORD).await.unwrap(), world.log_in("anna", PASSWORD).await.unwrap());
    let anna = world.caller_of(own.token.secret()).await.unwrap();
    let new = "another-four-plain-words";
    let change =
        async |old: &str, new: &str| world.control.change_password(&anna, old.into(), new.into()).await;
    for (old, new, expected) in
        [("wrong", new, "the present password is wrong"), (PASSWORD, "short", "fewer than 12")]
    {
        let error = change(old, new).await.unwrap_err();
        assert!(error.problem() == Problem::InvalidBody && error.to_string().contains(expected), "{error}");
    }
    assert!(world.caller_of(other.token.secret()).await.is_ok(), "nothing was changed");
    change(PASSWORD, new).await.unwrap();
    assert!(world.caller_of(own.token.secret()).await.is_ok());
    assert_eq!(problem(world.caller_of(other.token.secret()).await), Problem::Unauthorized);
    assert_eq!(problem(world.log_in("anna", PASSWORD).await), Problem::Unauthorized);
    world.log_in("anna", new).await.unwrap();
    let audited =
        "select count(*) from audit where action = 'account.password' and object = 'anna' and outcome = ";
    assert_eq!(world.count(&format!("{audited}'refused'")).await, 2);
    assert_eq!(world.count(&format!("{audited}'done'")).await, 2, "the first password and the new one");

    for _ in 0..4 {
        drop(change("wrong", PASSWORD).await);
    }
    assert_eq!(
        problem(change(new, PASSWORD).await),
        Problem::TooManyRequests,
        "an open session is no way to guess"
    );
    let command = world.control.change_password(&world.ops, new.into(), PASSWORD.into()).await;
    assert_eq!(problem(command), Problem::ConflictState);
    world.close().await;
}
