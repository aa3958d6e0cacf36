//! Delivers events: creates deliveries, posts them, and records the results.
//!
//! Several processes may run this at once. The database gives each endpoint to one of them at a time.

use std::sync::Arc;
use std::time::Duration;

use failpoint::Place;
use serde_json::json;
use store::{AttemptResult, DeliveryToMake, Error, Next, Store};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::poster::{Answer, PostError, Poster};
use crate::schedule::pause_after;
use crate::secret::WebhookKey;
use crate::signature::{Signed, sign};

/// Endpoints to which a process delivers at the same time.
const CONCURRENT: usize = 16;

/// An endpoint that has failed for this time is disabled when its next delivery is given up.
const PATIENCE: Duration = Duration::from_hours(5 * 24);

/// What the notifier is built from.
#[derive(Clone)]
pub struct Setup {
    /// The database.
    pub store: Store,
    /// The key of the secrets. Without it, events are kept and nothing is delivered.
    pub key: Option<WebhookKey>,
    /// Posts the deliveries.
    pub poster: Poster,
    /// The times.
    pub timing: Timing,
}

/// The times of the notifier.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// The time until the end of an answer. Default 15 s.
    pub limit: Duration,
    /// The time after which a delivery of a process that died is made again. Default 30 s.
    pub lease: Duration,
    /// The pause between two looks for new events. Default 1 s.
    pub look_every: Duration,
    /// The shortest pause between two events `answers.received` of a campaign. Default 10 s.
    pub answers_every: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            limit: Duration::from_secs(15),
            lease: Duration::from_secs(30),
            look_every: Duration::from_secs(1),
            answers_every: Duration::from_secs(10),
        }
    }
}

/// Delivers events until `shutdown`. Attempts that have begun are finished.
pub async fn run(setup: Setup, shutdown: CancellationToken) {
    warn_without_key(&setup).await;
    let setup = Arc::new(setup);
    let mut attempts = JoinSet::new();
    let mut answers_at = Instant::now();
    while !shutdown.is_cancelled() {
        if let Err(error) = look(&setup, &mut attempts, &mut answers_at).await {
            tracing::debug!(error = &error as &dyn std::error::Error, "cannot read events: {error}");
        }
        tokio::select! {
            () = shutdown.cancelled() => {}
            Some(ended) = attempts.join_next() => log_panic(ended),
            () = tokio::time::sleep(setup.timing.look_every) => {}
        }
    }
    while let Some(ended) = attempts.join_next().await {
        log_panic(ended);
    }
}

async fn warn_without_key(setup: &Setup) {
    let Setup { store, key: None, .. } = setup else { return };
    if store.endpoints().await.is_ok_and(|endpoints| !endpoints.is_empty()) {
        tracing::error!(
            "events are not delivered to webhook endpoints: [webhooks] key is not set; set it to the key with which they \
             were added"
        );
    }
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "a delivery to a webhook endpoint failed: {error}"
        );
    }
}

/// Writes and dispatches events, and begins deliveries up to the limit.
async fn look(setup: &Arc<Setup>, attempts: &mut JoinSet<()>, answers_at: &mut Instant) -> Result<(), Error> {
    let Setup { store, key, timing, .. } = &**setup;
    if *answers_at <= Instant::now() {
        *answers_at = Instant::now() + timing.answers_every / 2;
        store.tell_answers(timing.answers_every).await?;
    }
    while store.dispatch_events().await? > 0 {}
    let Some(key) = key else { return Ok(()) };
    while attempts.len() < CONCURRENT {
        let Some(made) = store.take_delivery(timing.lease).await? else { break };
        let (setup, key) = (Arc::clone(setup), key.clone());
        attempts.spawn(async move { attempt(&setup, &key, &made).await });
    }
    Ok(())
}

async fn attempt(setup: &Setup, key: &WebhookKey, made: &DeliveryToMake) {
    let started = Instant::now();
    let answer = post(setup, key, made).await;
    let latency = started.elapsed();
    failpoint::pass(Place::AfterDelivery);
    let next = next(answer.as_ref().ok(), made.attempt, fastrand::f64());
    let problem = answer.as_ref().err().map(ToString::to_string);
    let answer = answer.ok();
    let result = AttemptResult {
        next,
        status: answer.as_ref().map(|answer| answer.status),
        latency,
        answer: answer.as_ref().map(|answer| answer.beginning.as_str()),
        problem: problem.as_deref(),
    };
    if next != Next::Delivered {
        log_failure(made, &result);
    }
    let endpoint = made.name.as_str();
    match setup.store.record_attempt(made, &result).await {
        Ok(None) => {}
        Ok(Some(reason)) => log_disabled(endpoint, &reason),
        Err(error) => tracing::warn!(
            error = &error as &dyn std::error::Error,
            endpoint,
            event = made.event.id,
            "an event may be delivered twice to webhook endpoint '{endpoint}': {error}"
        ),
    }
}

fn log_failure(made: &DeliveryToMake, result: &AttemptResult<'_>) {
    let (endpoint, event, attempt, status) = (made.name.as_str(), made.event.id, made.attempt, result.status);
    let problem = result.problem.unwrap_or("the answer has not the HTTP status 2xx");
    tracing::warn!(
        endpoint,
        event,
        attempt,
        status,
        problem,
        "an event was not delivered to webhook endpoint '{endpoint}': {problem}"
    );
}

fn log_disabled(endpoint: &str, reason: &str) {
    let why = if reason == "gone" { "it answered with HTTP status 410" } else { "it has failed for 5 days" };
    tracing::error!(
        endpoint,
        reason,
        "webhook endpoint '{endpoint}' is disabled: {why}; mend the receiver, then run 'flowcast webhook-endpoint set {endpoint} \
         --enabled true' and 'flowcast webhook-endpoint resend {endpoint} --since TIME'"
    );
}

async fn post(setup: &Setup, key: &WebhookKey, made: &DeliveryToMake) -> Result<Answer, PostError> {
    let url: Url =
        made.url.parse().map_err(|_| PostError::Client("the stored address is not a URL".into()))?;
    let body = body(made);
    let signed = signed(key, made, &body);
    setup.poster.post(&url, Some(&signed), body, setup.timing.limit).await
}

/// `{type, timestamp, data}` as Standard Webhooks recommends, with the number that gives the order.
fn body(made: &DeliveryToMake) -> Vec<u8> {
    let event = &made.event;
    let body = json!({
        "type": event.kind,
        "timestamp": event.at.to_string(),
        "sequence": event.id,
        "data": event.data,
    });
    body.to_string().into_bytes()
}

/// Signs with the secret, and for a day after its renewal with the secret before as well.
fn signed(key: &WebhookKey, made: &DeliveryToMake, body: &[u8]) -> Signed {
    let mut secrets = vec![key.secret(made.endpoint, made.generation)];
    if made.is_renewed && made.generation > 1 {
        secrets.push(key.secret(made.endpoint, made.generation - 1));
    }
    let id = format!("evt_{}", made.event.message_id.simple());
    sign(&secrets, &id, made.now.as_second(), body)
}

/// What becomes of a delivery after this attempt.
fn next(answer: Option<&Answer>, attempt: i32, jitter: f64) -> Next {
    match answer.map(|answer| answer.status) {
        Some(200..=299) => Next::Delivered,
        Some(410) => Next::Gone,
        _ => pause_after(attempt, jitter).map_or(Next::Failed(PATIENCE), Next::Retry),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(status: Option<u16>, attempt: i32) -> Next {
        let answer = status.map(|status| Answer { status, beginning: String::new() });
        next(answer.as_ref(), attempt, 0.0)
    }

    #[test]
    fn success_ends_410_disables_and_everything_else_is_attempted_eight_times() {
        for status in [200, 202, 204, 299] {
            assert_eq!(after(Some(status), 8), Next::Delivered);
        }
        assert_eq!(after(Some(410), 1), Next::Gone);
        for status in [None, Some(199), Some(301), Some(302), Some(400), Some(404), Some(429), Some(500)] {
            assert_eq!(after(status, 1), Next::Retry(Duration::from_secs(5)), "{status:?}");
            assert_eq!(after(status, 7), Next::Retry(Duration::from_hours(14)), "{status:?}");
            assert_eq!(after(status, 8), Next::Failed(PATIENCE), "{status:?}");
        }
    }
}
