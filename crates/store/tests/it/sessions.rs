//! Sessions, and failed log-ins.

use std::time::Duration;

use store::{AccountChange, AccountId, LogInDelay, LogInKey, LogInKind, NewSession, SessionTimes, Store};

use crate::accounts::{HASH, HOUR, add, set_password};
use crate::world::World;

const TIMES: SessionTimes = SessionTimes { idle: HOUR, fresh: Duration::from_mins(10) };

pub(crate) async fn open(store: &Store, account: AccountId, token: u8) -> Option<i64> {
    let new = NewSession {
        account,
        password_hash: Some(HASH),
        token_hash: &[token; 32],
        longest: 12 * HOUR,
        address: None,
        pending: None,
        user_agent: Some("Firefox"),
        authenticated_at: None,
    };
    store.open_session(new).await.unwrap()
}

fn entry(details: &serde_json::Value) -> store::AuditEntry<'_> {
    store::AuditEntry {
        actor_kind: "account",
        actor: "anna",
        action: "session.open",
        object_kind: "account",
        object: Some("anna"),
        outcome: "done",
        details,
        address: None,
        user_agent: None,
        request_id: None,
    }
}

async fn is_live(store: &Store, token: u8) -> bool {
    store.live_session(&[token; 32], TIMES, true).await.unwrap().is_some()
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_too_old_ended_or_its_account_is_disabled_or_gets_a_new_password() {
    let world = World::new("sessions", None).await;
    let store = &world.store;
    let account = add(store, "anna", "viewer").await.id;
    set_password(store, account).await;
    for token in 1..=6 {
        open(store, account, token).await.unwrap();
    }
    let moved = async |token: u8, set: &str| {
        let update = format!("update session set {set} where token_hash = $1");
        assert_eq!(world.look.execute(&update, &[&[token; 32].as_slice()]).await.unwrap(), 1);
    };
    moved(1, "last_seen_at = clock_timestamp() - interval '59 min 50 s'").await;
    moved(2, "last_seen_at = clock_timestamp() - interval '60 min'").await;
    moved(3, "until = clock_timestamp()").await;
    let fourth =
        world.count("select id from session where token_hash = decode(repeat('04', 32), 'hex')").await;
    assert!(store.end_session(fourth).await.unwrap() && !store.end_session(fourth).await.unwrap());
    let live: Vec<bool> = vec![
        is_live(store, 1).await,
        is_live(store, 2).await,
        is_live(store, 3).await,
        is_live(store, 4).await,
        is_live(store, 5).await,
        is_live(store, 7).await,
    ];
    assert_eq!(live, [true, false, false, false, true, false]);
    let listed = store.sessions(Some("ANNA"), HOUR).await.unwrap();
    assert_eq!(listed.len(), 3, "{listed:?}");
    assert_eq!(store.sessions(Some("berta"), HOUR).await.unwrap().len(), 0);

    // The request of the first session began its idle time again.
    let seen = "select extract(epoch from clock_timestamp() - last_seen_at)::bigint from session
        where token_hash = decode(repeat('01', 32), 'hex')";
    assert!(world.count(seen).await < 60);
    moved(5, "fresh_at = clock_timestamp() - interval '10 min'").await;
    let is_fresh =
        async |token: u8| store.live_session(&[token; 32], TIMES, false).await.unwrap().unwrap().is_fresh;
    assert_eq!((is_fresh(5).await, is_fresh(6).await), (false, true));

    set_password(store, account).await;
    assert!(
        !is_live(store, 5).await && !is_live(store, 6).await,
        "sessions from before the password was set"
    );
    open(store, account, 8).await.unwrap();
    let disable = AccountChange { is_disabled: Some(true), ..AccountChange::default() };
    store.change_account("anna", &disable).await.unwrap();
    assert!(!is_live(store, 8).await && open(store, account, 9).await.is_none());
    let enable = AccountChange { is_disabled: Some(false), ..AccountChange::default() };
    store.change_account("anna", &enable).await.unwrap();
    assert!(!is_live(store, 8).await, "a session from before the account was disabled");
    world.close().await;
}

#[tokio::test]
async fn a_session_that_is_opened_while_the_password_is_set_is_not_left() {
    let world = World::new("session_race", None).await;
    let store = &world.store;
    let account = add(store, "anna", "viewer").await.id;
    set_password(store, account).await;
    store.add_link(account, &[1; 32], HOUR, "test").await.unwrap();
    let log_in = store.begin_change().await.unwrap();
    open(&log_in.store(), account, 1).await.unwrap();
    let other = HASH.replace("aGFzaA", "b3RoZXI");
    let setting = store.begin_change().await.unwrap();
    let set = tokio::spawn(async move {
        assert!(setting.store().use_link(&[1; 32], &other).await.unwrap());
        let details = serde_json::json!({});
        setting.commit(Some(&entry(&details)), &details).await.unwrap();
    });
    // The link waits for the account, which the log-in has locked.
    while world.count("select count(*) from pg_locks where not granted").await == 0 {
        tokio::task::yield_now().await;
    }
    let details = serde_json::json!({});
    log_in.commit(Some(&entry(&details)), &details).await.unwrap();
    set.await.unwrap();
    assert!(!is_live(store, 1).await, "the session was opened with the old password");
    assert!(
        open(store, account, 2).await.is_none(),
        "the old password was verified before the new one was set"
    );
    world.close().await;
}

#[tokio::test]
async fn the_last_request_of_a_session_is_written_at_most_once_a_minute() {
    let world = World::new("last_seen", None).await;
    let store = &world.store;
    let account = add(store, "anna", "viewer").await.id;
    set_password(store, account).await;
    open(store, account, 1).await.unwrap();
    let version = async || {
        let select = "select xmin::text from session";
        world.look.query_one(select, &[]).await.unwrap().get::<_, String>(0)
    };
    let before = version().await;
    assert!(is_live(store, 1).await);
    assert_eq!(version().await, before, "written within a minute");
    let move_back = "update session set last_seen_at = clock_timestamp() - interval '61 s'";
    world.look.batch_execute(move_back).await.unwrap();
    let before = version().await;
    assert!(store.live_session(&[1; 32], TIMES, false).await.unwrap().is_some());
    assert_eq!(version().await, before, "written by a stream");
    assert!(is_live(store, 1).await);
    assert_ne!(version().await, before, "not written after a minute");

    world.close().await;
}

#[tokio::test]
async fn log_ins_at_the_same_time_are_counted_one_after_another() {
    let world = World::new("log_in_failures", None).await;
    let keys = [
        LogInKey { kind: LogInKind::Account, hash: [1; 32] },
        LogInKey { kind: LogInKind::Address, hash: [2; 32] },
    ];
    // Two log-ins without a delay, then a minute.
    let rule = |kind, count, since: Duration| {
        let is_over = kind == LogInKind::Address || count < 2 || since > Duration::from_mins(1);
        let wait = if is_over { Duration::ZERO } else { Duration::from_mins(1) };
        LogInDelay { counted: count, wait }
    };
    let admitted = futures::future::join_all((0..10).map(|_| world.store.admit_log_in(&keys, rule))).await;
    let admitted = admitted.into_iter().filter(|wait| wait.as_ref().unwrap().is_zero()).count();
    assert_eq!(admitted, 2, "requests at the same time may not try more passwords");
    let failures = async |kind: &str| {
        let select = format!("select failures::bigint from login_failure where kind = '{kind}'");
        world.look.query_opt(&select, &[]).await.unwrap().map(|row| row.get::<_, i64>(0))
    };
    assert_eq!((failures("account").await, failures("address").await), (Some(2), Some(2)));
    world.store.forgive_log_in(&keys).await.unwrap();
    assert_eq!((failures("account").await, failures("address").await), (None, Some(1)));
    world.close().await;
}

#[tokio::test]
async fn rows_of_ended_sessions_links_and_failures_are_removed_in_time() {
    let world = World::new("forget_log_ins", None).await;
    let store = &world.store;
    let account = add(store, "anna", "viewer").await.id;
    set_password(store, account).await;
    store.add_link(account, &[1; 32], HOUR, "test").await.unwrap();
    open(store, account, 1).await.unwrap();
    open(store, account, 2).await.unwrap();
    let keys = [1, 2].map(|n| LogInKey { kind: LogInKind::Account, hash: [n; 32] });
    let rule = |_, counted, _| LogInDelay { counted, wait: Duration::ZERO };
    store.admit_log_in(&keys, rule).await.unwrap();
    assert_eq!(store.forget_log_ins().await.unwrap(), 0);
    world
        .look
        .batch_execute(
            "update session set until = clock_timestamp() - interval '30 days' where token_hash = decode(repeat('01', 32), 'hex');
            update account_link set expires_at = clock_timestamp() - interval '30 days' where used_at is not null;
            update login_failure set last_at = clock_timestamp() - interval '1 day' where key_hash = decode(repeat('01', 32), 'hex')",
        )
        .await
        .unwrap();
    assert_eq!(store.forget_log_ins().await.unwrap(), 3);
    let left = "select (select count(*) from session) + (select count(*) from account_link) + (select count(*) from login_failure)";
    assert_eq!(world.count(left).await, 3);
    world.close().await;
}
