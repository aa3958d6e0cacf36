//! Versions of objects: a change that names the version that its client has read is refused if the object was changed since.
//!
//! A version identifies the settings of an object: the members that a change can change. It does not change with what the program
//! counts or notes meanwhile, such as recipients of the day or the last use of a key.
//!
//! **Invariant.** Changes of one object are made one after another, so that of two changes of the same version one is refused.

use std::future::Future;

use serde::Serialize;
use sha2::{Digest, Sha256};
use store::Store;

use crate::access::action::Object;
use crate::access::caller::Caller;
use crate::error::{Error, Problem};

/// An object whose changes can name the version that they are based on.
pub trait Versioned {
    /// The version: hexadecimal digits, or the number of a draft.
    fn version(&self) -> String;
}

/// The version of these settings: the first 64 bits of SHA-256 in hexadecimal.
pub(crate) fn version_of(settings: &impl Serialize) -> String {
    let text = serde_json::to_vec(settings).unwrap_or_default();
    let version =
        Sha256::digest(&text).iter().take(8).fold(0_u64, |version, byte| version << 8 | u64::from(*byte));
    format!("{version:016x}")
}

/// Refuses a change whose client has read another version of the object. Until the transaction of the bound store ends, other
/// changes of the object wait. `present` reads the object; `None`: it does not exist yet.
pub(crate) async fn check_version<T: Versioned>(
    store: &Store,
    caller: &Caller,
    object: &Object,
    present: impl Future<Output = Result<Option<T>, Error>>,
) -> Result<(), Error> {
    let id = object.id().unwrap_or_default();
    store.lock_object(object.kind(), &id.to_lowercase()).await?;
    let expected = &caller.expected_versions;
    if expected.is_empty() {
        return Ok(());
    }
    let present = present.await?.map(|object| object.version());
    if present.is_some_and(|present| expected.contains(&present)) {
        return Ok(());
    }
    let kind = object.kind().replace('_', " ");
    let text = format!("{kind} {id} was changed since you read it; read it again and repeat your change");
    Err(Error::refused(Problem::VersionConflict, text))
}
