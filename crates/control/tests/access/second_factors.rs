//! The second factor: who needs one, what a half log-in may do, and that each code is accepted once.

use control::{Caller, ConfirmedFactor, Error, LoggedIn, Problem, Role, SecondFactorRule, SecondFactors};
use identity::{Factor, FactorKey};
use secrecy::ExposeSecret;
use store::PendingFactor;

use crate::world::{PASSWORD, World, grant, limited, problem};

/// A time at the beginning of a step.
const NOW: u64 = 1_800_000_000;
const KEY: &str = "0123456789abcdef0123456789abcdef";

fn key() -> FactorKey {
    FactorKey::new(KEY.into()).unwrap()
}

async fn world(name: &str, rule: SecondFactorRule) -> World {
    let mut world = World::new(name).await;
    world.control = world.control.with_second_factors(SecondFactors { rule, key: Ok(key()) });
    world
}

/// The app of an account, as its set-up would fill it.
async fn app(world: &World, name: &str) -> Factor {
    let select = "
        select a.id, f.generation from account a join second_factor f on f.account_id = a.id where a.name = $1";
    let row = world.look.query_one(select, &[&name]).await.unwrap();
    key().factor(row.get(0), row.get(1), name)
}

async fn confirm(world: &World, caller: &Caller, code: &str) -> Result<ConfirmedFactor, Error> {
    world.control.confirm_second_factor(caller, &code.into(), NOW).await
}

async fn enter(world: &World, caller: &Caller, code: &str, now: u64) -> Result<LoggedIn, Error> {
    world.control.enter_code(caller, &code.into(), now).await
}

/// Logs in with the password.
async fn half(world: &World, name: &str) -> (LoggedIn, Caller) {
    let opened = world.log_in(name, PASSWORD).await.unwrap();
    let caller = world.caller_of(opened.token.secret()).await.unwrap();
    (opened, caller)
}

#[tokio::test]
async fn an_operator_sets_up_an_app_and_logs_in_with_its_codes() {
    let world = world("factor_app", SecondFactorRule::Operators).await;
    world.account("olga", grant(Role::Operator)).await;
    let (opened, caller) = half(&world, "olga").await;
    assert_eq!(opened.pending, Some(PendingFactor::Enrollment));
    assert_eq!(
        problem(world.control.senders(&caller, &control::PageRequest::default()).await),
        Problem::LogInAgain
    );
    assert_eq!(problem(confirm(&world, &caller, "000000").await), Problem::ConflictState, "not begun");

    let set_up = world.control.set_up_second_factor(&caller).await.unwrap();
    let app = app(&world, "olga").await;
    assert_eq!(set_up.base32.expose_secret(), app.base32().expose_secret());
    let again = world.control.set_up_second_factor(&caller).await.unwrap();
    assert_eq!(again.base32.expose_secret(), set_up.base32.expose_secret(), "a page that is loaded again");
    assert_eq!(problem(confirm(&world, &caller, "000000").await), Problem::Unauthorized);
    let confirmed = confirm(&world, &caller, &app.code_at(NOW)).await.unwrap();
    assert_eq!(confirmed.recovery_codes.len(), 10);
    assert_eq!(
        problem(world.caller_of(opened.token.secret()).await),
        Problem::Unauthorized,
        "the token is new"
    );
    let complete = world.caller_of(confirmed.token.secret()).await.unwrap();
    world.control.senders(&complete, &control::PageRequest::default()).await.unwrap();
    assert_eq!(problem(world.control.set_up_second_factor(&complete).await), Problem::ConflictState);

    let (opened, caller) = half(&world, "olga").await;
    assert_eq!(opened.pending, Some(PendingFactor::Code));
    assert_eq!(problem(world.control.set_up_second_factor(&caller).await), Problem::ConflictState);
    assert_eq!(problem(world.control.remove_second_factor(&caller, "olga").await), Problem::LogInAgain);
    // The code of the set-up, of a step before it, and of another time.
    for code in [app.code_at(NOW), app.code_at(NOW - 30), app.code_at(NOW + 90), "12 34".into()] {
        assert_eq!(problem(enter(&world, &caller, &code, NOW).await), Problem::Unauthorized, "{code}");
        world.set("update login_failure set last_at = last_at - interval '1 hour'").await;
    }
    let entered = enter(&world, &caller, &app.code_at(NOW + 30), NOW + 30).await.unwrap();
    let complete = world.caller_of(entered.token.secret()).await.unwrap();
    world.control.senders(&complete, &control::PageRequest::default()).await.unwrap();
    let (_, other) = half(&world, "olga").await;
    assert_eq!(problem(enter(&world, &other, &app.code_at(NOW + 30), NOW + 30).await), Problem::Unauthorized);
    world.control.log_out(&other).await.unwrap();
    world.close().await;
}

#[tokio::test]
async fn a_recovery_code_replaces_the_app_once() {
    let world = world("factor_recovery", SecondFactorRule::Everyone).await;
    world.account("vera", grant(Role::Viewer)).await;
    let (_, caller) = half(&world, "vera").await;
    world.control.set_up_second_factor(&caller).await.unwrap();
    let code = app(&world, "vera").await.code_at(NOW);
    let codes = confirm(&world, &caller, &code).await.unwrap().recovery_codes;
    let stored = "select count(*) from recovery_code where used_at is null";
    assert_eq!(world.count(stored).await, 10);
    let (_, caller) = half(&world, "vera").await;
    enter(&world, &caller, &codes[3].secret().to_uppercase(), NOW).await.unwrap();
    let (_, caller) = half(&world, "vera").await;
    assert_eq!(problem(enter(&world, &caller, &codes[3].secret(), NOW).await), Problem::Unauthorized);
    enter(&world, &caller, &codes[4].secret(), NOW).await.unwrap();
    assert_eq!(world.count(stored).await, 8);
    let texts = world.look.query("select details::text, actor from audit", &[]).await.unwrap();
    let texts: String = texts.iter().map(|row| row.get::<_, String>(0)).collect();
    assert!(
        texts.contains("recovery_code") && codes.iter().all(|code| !texts.contains(&code.secret())),
        "{texts}"
    );
    world.close().await;
}

#[tokio::test]
async fn codes_cannot_be_guessed_faster_than_passwords() {
    let world = world("factor_guess", SecondFactorRule::Everyone).await;
    world.account("anna", grant(Role::Marketer)).await;
    let (_, caller) = half(&world, "anna").await;
    world.control.set_up_second_factor(&caller).await.unwrap();
    let app = app(&world, "anna").await;
    confirm(&world, &caller, &app.code_at(NOW)).await.unwrap();
    let (_, caller) = half(&world, "anna").await;
    let mut tried = 0;
    let refused = loop {
        match enter(&world, &caller, "000000", NOW).await {
            Err(error) if error.problem() == Problem::Unauthorized => tried += 1,
            other => break other,
        }
        assert!(tried < 100, "100 codes were tried");
    };
    assert_eq!(problem(refused), Problem::TooManyRequests);
    // The right password does not forgive wrong codes.
    assert_eq!(problem(world.log_in("anna", PASSWORD).await), Problem::TooManyRequests);
    let right = app.code_at(NOW + 60);
    assert_eq!(problem(enter(&world, &caller, &right, NOW + 60).await), Problem::TooManyRequests);
    world.close().await;
}

#[tokio::test]
async fn an_admin_removes_a_lost_factor_and_its_secret_is_never_valid_again() {
    let world = world("factor_removed", SecondFactorRule::Optional).await;
    world.account("chief", grant(Role::Admin)).await;
    let admin = world.person("berta", limited(Role::Admin, &["ke"])).await;
    let (opened, caller) = half(&world, "chief").await;
    assert_eq!(opened.pending, None);
    world.control.set_up_second_factor(&caller).await.unwrap();
    let old = app(&world, "chief").await;
    let confirmed = confirm(&world, &caller, &old.code_at(NOW)).await.unwrap();
    let chief = world.caller_of(confirmed.token.secret()).await.unwrap();
    // An admin of one sender may not weaken the account of an admin of all.
    assert_eq!(problem(world.control.remove_second_factor(&admin, "chief").await), Problem::Forbidden);
    let viewer = world.person("vera", grant(Role::Viewer)).await;
    assert_eq!(problem(world.control.remove_second_factor(&viewer, "chief").await), Problem::Forbidden);
    assert!(world.control.remove_second_factor(&chief, "chief").await.unwrap().result);
    assert!(!world.control.remove_second_factor(&world.ops, "chief").await.unwrap().result);
    let (opened, caller) = half(&world, "chief").await;
    assert_eq!(opened.pending, None);
    world.control.set_up_second_factor(&caller).await.unwrap();
    assert_eq!(problem(confirm(&world, &caller, &old.code_at(NOW + 30)).await), Problem::Unauthorized);
    assert_eq!(world.count("select count(*) from recovery_code").await, 0);
    world.close().await;
}

#[tokio::test]
async fn without_the_key_no_code_is_accepted_and_nobody_new_needs_one() {
    let world = world("factor_no_key", SecondFactorRule::Everyone).await;
    world.account("anna", grant(Role::Admin)).await;
    let (_, caller) = half(&world, "anna").await;
    world.control.set_up_second_factor(&caller).await.unwrap();
    let app = app(&world, "anna").await;
    confirm(&world, &caller, &app.code_at(NOW)).await.unwrap();
    let mut without = world;
    without.control = without.control.with_second_factors(SecondFactors::default());
    let (opened, caller) = half(&without, "anna").await;
    assert_eq!(opened.pending, Some(PendingFactor::Code));
    let error = enter(&without, &caller, &app.code_at(NOW + 30), NOW + 30).await.unwrap_err();
    assert!(error.to_string().contains("[console] key"), "{error}");
    without.account("berta", grant(Role::Admin)).await;
    assert_eq!(half(&without, "berta").await.0.pending, None);
    without.close().await;
}
