//! The daily tables for webhook requests: created a week ahead, and dropped when they are old. Creating and dropping do not wait
//! for each other, and requests wait for neither.

use std::time::Duration;

use store::Store;
use tokio::time::sleep;

/// The interval at which tables are created, and the interval after a failure.
const CREATE_INTERVAL: Duration = Duration::from_mins(10);
const CREATE_RETRY: Duration = Duration::from_secs(5);
/// The interval at which old requests are deleted, and the interval after a failure.
const DROP_INTERVAL: Duration = Duration::from_hours(1);
const DROP_RETRY: Duration = Duration::from_mins(1);

/// Creates tables ahead, forever. `created` is whether the first creation succeeded.
pub(crate) async fn create(store: Store, mut created: bool) {
    loop {
        sleep(if created { CREATE_INTERVAL } else { CREATE_RETRY }).await;
        created = create_once(&store).await;
    }
}

/// Creates tables ahead, once. Returns whether that succeeded.
pub(crate) async fn create_once(store: &Store) -> bool {
    match store.make_webhook_days().await {
        Ok(true) => true,
        Ok(false) => {
            tracing::debug!("the tables for webhook requests of the coming days are created later");
            false
        }
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "cannot create the tables for webhook requests, which may be answered 503 until they exist: {error}"
            );
            false
        }
    }
}

/// Deletes requests that are older than the settings allow, forever.
pub(crate) async fn drop_old(store: Store, keep_bodies: Duration) {
    loop {
        let pause = match store.forget_webhooks(keep_bodies).await {
            Ok(()) => DROP_INTERVAL,
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot delete old webhook requests yet: {error}"
                );
                DROP_RETRY
            }
        };
        sleep(pause).await;
    }
}
