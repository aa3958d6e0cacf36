//! API keys.

use std::net::IpAddr;
use std::time::Duration;

use store::{AccountChange, ApiKeyState, Error, NewApiKey, Store};

use crate::accounts::{HOUR, add, grant};
use crate::world::World;

async fn key(store: &Store, id: &str, networks: Option<&[String]>, valid: Duration) -> Result<(), Error> {
    let new = NewApiKey {
        id,
        secret_hash: &[7; 32],
        name: "shop",
        grant: &grant("marketer"),
        networks,
        valid,
        created_by: "anna",
        account: store.find_account("anna").await?.map(|account| account.id),
    };
    store.add_api_key(&new).await.map(drop)
}

#[tokio::test]
async fn a_key_is_valid_until_it_expires_is_revoked_or_its_account_is_disabled() {
    let world = World::new("api_keys", None).await;
    let store = &world.store;
    add(store, "anna", "marketer").await;
    for id in ["aaaaaaaa", "bbbbbbbb", "cccccccc"] {
        key(store, id, None, HOUR).await.unwrap();
    }
    let state = async |id: &str| store.api_key_use(id, None).await.unwrap().map(|found| found.state);
    let expire = "update api_key set expires_at = clock_timestamp() where id = 'bbbbbbbb'";
    world.look.batch_execute(expire).await.unwrap();
    assert!(
        store.revoke_api_key("cccccccc").await.unwrap() && !store.revoke_api_key("cccccccc").await.unwrap()
    );
    assert_eq!(state("aaaaaaaa").await, Some(ApiKeyState::Valid));
    assert_eq!(state("bbbbbbbb").await, Some(ApiKeyState::Expired));
    assert_eq!(state("cccccccc").await, Some(ApiKeyState::Revoked));
    assert_eq!(state("dddddddd").await, None);
    let disable = AccountChange { is_disabled: Some(true), ..AccountChange::default() };
    store.change_account("anna", &disable).await.unwrap();
    assert_eq!(state("aaaaaaaa").await, Some(ApiKeyState::Disabled));
    assert_eq!(store.api_keys(Some("ANNA")).await.unwrap().len(), 3);
    assert_eq!(store.api_keys(Some("berta")).await.unwrap().len(), 0);
    assert_eq!(store.api_keys(None).await.unwrap()[0].account.as_deref(), Some("anna"));
    let error = key(store, "eeeeeeee", None, 24 * 367 * HOUR).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error}");
    let error = key(store, "eeeeeeee", Some(&["10.0.0.0/99".into()]), HOUR).await.unwrap_err();
    assert!(matches!(error, Error::Invalid(_)), "{error}");
    world.close().await;
}

#[tokio::test]
async fn a_key_with_networks_is_accepted_from_them_only() {
    let world = World::new("api_key_networks", None).await;
    let networks = ["203.0.113.0/24".to_owned(), "2001:db8::/32".to_owned()];
    key(&world.store, "aaaaaaaa", Some(&networks), HOUR).await.unwrap();
    key(&world.store, "bbbbbbbb", None, HOUR).await.unwrap();
    let is_accepted = async |id: &str, from: Option<&str>| {
        let address: Option<IpAddr> = from.map(|from| from.parse().unwrap());
        world.store.api_key_use(id, address).await.unwrap().unwrap().is_from_network
    };
    for (from, expected) in [
        (Some("203.0.113.9"), true),
        (Some("2001:db8:1::9"), true),
        (Some("203.0.114.9"), false),
        (Some("2001:db9::1"), false),
        (None, false),
    ] {
        assert_eq!(is_accepted("aaaaaaaa", from).await, expected, "{from:?}");
        assert!(is_accepted("bbbbbbbb", from).await, "{from:?}");
    }
    world.close().await;
}

#[tokio::test]
async fn the_last_request_of_a_key_is_written_at_most_once_a_minute() {
    let world = World::new("api_key_last_used", None).await;
    let store = &world.store;
    let version = async || {
        let select = "select xmin::text from api_key";
        world.look.query_one(select, &[]).await.unwrap().get::<_, String>(0)
    };
    key(store, "aaaaaaaa", None, HOUR).await.unwrap();
    store.note_api_key_use("aaaaaaaa").await.unwrap();
    let before = version().await;
    store.note_api_key_use("aaaaaaaa").await.unwrap();
    assert_eq!(version().await, before);
    let move_back = "update api_key set last_used_at = clock_timestamp() - interval '61 s'";
    world.look.batch_execute(move_back).await.unwrap();
    let before = version().await;
    store.note_api_key_use("aaaaaaaa").await.unwrap();
    assert_ne!(version().await, before);
    world.close().await;
}
