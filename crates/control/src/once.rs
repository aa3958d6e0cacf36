//! Actions that leave the database, such as a test message: executed at most once for each `Idempotency-Key`.
//!
//! The key is stored before the action, and its result after it. If the process ends between, nobody knows whether the action was
//! done; a repeated request is refused then, and never executes the action again.

use std::future::Future;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use store::Admission;

use crate::control::{Attempt, Control, Done, entry, merged};
use crate::error::{Error, Problem};
use crate::repeated::{read, request, reused, running, unwritable};

/// The member of a stored result that says since when the action is in progress.
const SINCE: &str = "in_progress_since";
/// An action that is in progress for longer has lost its process.
const LONGEST: SignedDuration = SignedDuration::from_mins(2);

impl Control {
    /// Executes an action that is no transaction, at most once for each `Idempotency-Key`. An error of `work` means that nothing was
    /// done.
    pub(crate) async fn act_once<T, Work>(&self, attempt: Attempt<'_>, work: Work) -> Result<Done<T>, Error>
    where
        T: Serialize + DeserializeOwned,
        Work: Future<Output = Result<(T, Value), Error>>,
    {
        let done = self.try_act_once(&attempt, work).await;
        self.audit_failure(&attempt, done.as_ref().err()).await;
        done
    }

    async fn try_act_once<T, Work>(&self, attempt: &Attempt<'_>, work: Work) -> Result<Done<T>, Error>
    where
        T: Serialize + DeserializeOwned,
        Work: Future<Output = Result<(T, Value), Error>>,
    {
        self.allow(attempt.caller, attempt.action, &attempt.object).await?;
        let Some(request) = request(attempt.caller) else {
            let text = "this action needs an Idempotency-Key";
            return Err(Error::refused(Problem::IdempotencyMissing, text));
        };
        let (actor, key) = (request.actor.clone(), request.key.clone());
        let mut change = self.store.begin_change().await?;
        let now = change.store().now().await?;
        match change.admit(request).await? {
            Admission::New => change.commit(None, &json!({ SINCE: now })).await?,
            Admission::Executed(result) => {
                return match since(&result) {
                    None => Ok(Done { result: read(result)?, is_replayed: true }),
                    Some(since) if now.duration_since(since) < LONGEST => Err(running()),
                    Some(_) => Err(lost()),
                };
            }
            Admission::OtherRequest => return Err(reused()),
            Admission::Running => return Err(running()),
        }
        let (result, more) = match work.await {
            Ok(done) => done,
            Err(error) => {
                self.store.forget_request(&actor, &key).await?;
                return Err(error);
            }
        };
        let details = merged(&attempt.details, more);
        let value = serde_json::to_value(&result).map_err(|error| unwritable(&error))?;
        let change = self.store.begin_change().await?;
        change.store().replace_result(&actor, &key, &value).await?;
        change.commit(Some(&entry(attempt, "done", &details)), &value).await?;
        Ok(Done { result, is_replayed: false })
    }
}

/// Since when the action is in progress; `None`: this is its result.
fn since(result: &Value) -> Option<Timestamp> {
    result.get(SINCE)?.as_str()?.parse().ok()
}

fn lost() -> Error {
    let text = "the server that executed the request with this Idempotency-Key ended before it noted the result; the message may have \
                been sent; if it did not arrive, send a new request with a new key";
    Error::conflict(text)
}
