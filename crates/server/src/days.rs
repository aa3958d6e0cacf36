//! The tables for the posts of each day: made a week ahead, dropped when they are old. Neither waits for the other, and no post waits
//! for either.

use std::time::Duration;

use store::Store;
use tokio::time::sleep;

/// How often tables are looked for, and how soon again if one is missing.
const LOOK_EVERY: Duration = Duration::from_mins(10);
const LOOK_AGAIN: Duration = Duration::from_secs(5);
/// How often old posts are forgotten, and how soon again if that failed.
const FORGET_EVERY: Duration = Duration::from_hours(1);
const FORGET_AGAIN: Duration = Duration::from_mins(1);

/// Makes tables ahead, for ever. The first time was `made` already, or failed.
pub(crate) async fn make(store: Store, mut made: bool) {
    loop {
        sleep(if made { LOOK_EVERY } else { LOOK_AGAIN }).await;
        made = make_once(&store).await;
    }
}

/// Makes tables ahead, once. Returns whether that succeeded.
pub(crate) async fn make_once(store: &Store) -> bool {
    match store.make_webhook_days().await {
        Ok(true) => true,
        Ok(false) => {
            tracing::debug!("tables for the posts of the coming days are made later");
            false
        }
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "posts may get 503 until this succeeds: {error}"
            );
            false
        }
    }
}

/// Forgets what is older than the operator wants it kept, for ever.
pub(crate) async fn forget(store: Store, keep_bodies: Duration) {
    loop {
        let pause = match store.forget_webhooks(keep_bodies).await {
            Ok(()) => FORGET_EVERY,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "old posts are forgotten later: {error}"
                );
                FORGET_AGAIN
            }
        };
        sleep(pause).await;
    }
}
