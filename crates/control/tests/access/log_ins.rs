//! Log-ins that fail, and their delay.

use control::{AccountEdit, Problem, Role};

use crate::world::{PASSWORD, World, from, grant, log_in, problem};

#[tokio::test]
async fn wrong_names_wrong_passwords_and_disabled_accounts_get_one_answer_for_the_same_work() {
    let world = World::new("log_in_wrong").await;
    world.account("anna", grant(Role::Viewer)).await;
    world.account("berta", grant(Role::Viewer)).await;
    world.link("carla", grant(Role::Viewer)).await;
    let disable = AccountEdit { is_disabled: Some(true), ..AccountEdit::default() };
    world.control.change_account(&world.ops, "berta", disable).await.unwrap();
    let mut answers = Vec::new();
    for (name, password) in [
        ("anna", "wrong"),
        ("berta", PASSWORD),
        ("carla", PASSWORD),
        ("nobody", PASSWORD),
        ("", ""),
        ("' or 1=1", ""),
    ] {
        let before = world.control.password_checks();
        let error = world.log_in(name, password).await.unwrap_err();
        assert_eq!(world.control.password_checks() - before, 1, "{name}: a hash is computed in any case");
        assert_eq!(error.problem(), Problem::Unauthorized, "{name}");
        answers.push(error.to_string());
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    world.log_in("anna", PASSWORD).await.unwrap();
    world.close().await;
}

#[tokio::test]
async fn failed_log_ins_of_an_account_are_delayed_from_any_address_and_never_locked_out() {
    let world = World::new("log_in_delay").await;
    world.account("anna", grant(Role::Viewer)).await;
    for n in 1..=4 {
        let failed = world.control.log_in(log_in("anna", "wrong"), from(&format!("192.0.2.{n}"))).await;
        assert_eq!(problem(failed), Problem::Unauthorized);
    }
    let audited = world.count("select count(*) from audit where action = 'session.open'").await;
    let checks = world.control.password_checks();
    for _ in 0..3 {
        let error = world.control.log_in(log_in("Anna", PASSWORD), from("198.51.100.1")).await.unwrap_err();
        assert_eq!(error.problem(), Problem::TooManyRequests, "{error}");
        assert!(
            error.to_string().ends_with("try again in 1 s"),
            "waiting does not extend the delay: {error}"
        );
    }
    assert_eq!(world.control.password_checks(), checks, "no password is checked");
    assert_eq!(world.count("select count(*) from audit where action = 'session.open'").await, audited);

    let forever = "update login_failure set failures = 1000000 where kind = 'account'";
    world.set(forever).await;
    assert_eq!(problem(world.log_in("anna", PASSWORD).await), Problem::TooManyRequests);
    world
        .set("update login_failure set last_at = last_at - interval '1 minute' where kind = 'account'")
        .await;
    world.log_in("anna", PASSWORD).await.unwrap();
    assert_eq!(world.count("select count(*) from login_failure where kind = 'account'").await, 0, "forgiven");
    world.log_in("anna", PASSWORD).await.unwrap();
    world.close().await;
}

#[tokio::test]
async fn failed_log_ins_of_an_address_with_many_names_are_delayed() {
    let world = World::new("log_in_address").await;
    world.account("anna", grant(Role::Viewer)).await;
    for n in 0..21 {
        assert_eq!(problem(world.log_in(&format!("name{n}"), "wrong").await), Problem::Unauthorized, "{n}");
    }
    assert_eq!(problem(world.log_in("another", "wrong").await), Problem::TooManyRequests);
    world.control.log_in(log_in("anna", PASSWORD), from("192.0.2.2")).await.unwrap();
    world.close().await;
}

#[tokio::test]
async fn invalid_links_of_an_address_are_delayed_and_do_not_fill_the_audit() {
    let world = World::new("log_in_links").await;
    let link = world.link("anna", grant(Role::Viewer)).await;
    let set = async |token: &str| world.control.set_password(token, PASSWORD.into(), from("192.0.2.1")).await;
    for n in 0..25 {
        let expected = if n < 21 { Problem::Unauthorized } else { Problem::TooManyRequests };
        assert_eq!(problem(set("invalid").await), expected, "{n}");
    }
    assert_eq!(world.count("select count(*) from audit where action = 'account.password'").await, 21);
    set(&link).await.unwrap();
    world.close().await;
}

#[tokio::test]
async fn passwords_tried_at_the_same_time_count_one_after_another() {
    let world = World::new("log_in_concurrent").await;
    world.account("anna", grant(Role::Viewer)).await;
    let before = world.control.password_checks();
    let (one, two, three, four, five, six) = tokio::join!(
        world.log_in("anna", "wrong1"),
        world.log_in("anna", "wrong2"),
        world.log_in("anna", "wrong3"),
        world.log_in("anna", "wrong4"),
        world.log_in("anna", "wrong5"),
        world.log_in("anna", "wrong6"),
    );
    let delayed = [one, two, three, four, five, six]
        .into_iter()
        .filter(|result| result.as_ref().is_err_and(|error| error.problem() == Problem::TooManyRequests));
    assert_eq!((delayed.count(), world.control.password_checks() - before), (2, 4));
    world.close().await;
}
