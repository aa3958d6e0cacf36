//! Requests with an `Idempotency-Key`: the request as it is stored, its result, and the refusals.

use serde::de::DeserializeOwned;
use serde_json::Value;
use store::IdempotentRequest;

use crate::access::caller::Caller;
use crate::error::{Error, Problem};

pub(crate) fn reused() -> Error {
    let text = "this Idempotency-Key was used for another request in the last 24 hours; use a new key for each request";
    Error::refused(Problem::IdempotencyReused, text)
}

pub(crate) fn running() -> Error {
    let text = "a request with this Idempotency-Key is being executed; repeat it in a second";
    Error::refused(Problem::IdempotencyRunning, text)
}

pub(crate) fn request(caller: &Caller) -> Option<IdempotentRequest> {
    let key = caller.idempotency.as_ref()?;
    let actor = format!("{}:{}", caller.actor.kind.word(), caller.actor.name);
    Some(IdempotentRequest { actor, key: key.key.clone(), fingerprint: key.fingerprint })
}

pub(crate) fn read<T: DeserializeOwned>(result: Value) -> Result<T, Error> {
    serde_json::from_value(result).map_err(|error| {
        let text = format!("the stored result of this request cannot be read by this version: {error}");
        Error::refused(Problem::Internal, text)
    })
}

pub(crate) fn unwritable(error: &serde_json::Error) -> Error {
    Error::refused(Problem::Internal, format!("cannot store the result of the request: {error}"))
}
