//! Requests with an `Idempotency-Key`: a request that is repeated gets the result of the first one.
//!
//! **Invariant.** The result is stored in the transaction of the change. So a request whose answer was lost, also because the
//! server died between commit and answer, is executed once.

use serde_json::Value;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::pool::Connection;

/// A request that the client may repeat.
#[derive(Clone, Debug)]
pub struct IdempotentRequest {
    /// The client: keys of different clients are independent.
    pub actor: String,
    /// The key that the client chose, 1 to 255 characters.
    pub key: String,
    /// SHA-256 of method, path and body.
    pub fingerprint: [u8; 32],
}

/// Whether a request with a key was made before.
#[derive(Clone, Debug)]
pub enum Admission {
    /// It is new.
    New,
    /// It was executed before, with this result.
    Executed(Value),
    /// The key belongs to another request.
    OtherRequest,
    /// The same client is executing a request with this key at this moment.
    Running,
}

/// Looks up a request, and locks its key until the transaction ends. A request whose result is stored needs no lock, so that clients
/// that repeat it at the same time all get the result.
pub(crate) async fn admit(client: &Connection, request: &IdempotentRequest) -> Result<Admission, Error> {
    let lock = "select pg_try_advisory_xact_lock(hashtextextended($1 || ' ' || $2, 1))";
    let select = "select fingerprint, result from idempotency where actor = $1 and key = $2";
    let IdempotentRequest { actor, key, fingerprint } = request;
    let is_locked: bool = client.query_one(lock, &[actor, key]).await?.get(0);
    Ok(match client.query_opt(select, &[actor, key]).await? {
        None if is_locked => Admission::New,
        None => Admission::Running,
        Some(row) if row.get::<_, &[u8]>(0) == fingerprint => Admission::Executed(row.get(1)),
        Some(_) => Admission::OtherRequest,
    })
}

/// Stores the result of a request.
pub(crate) async fn remember(
    client: &Connection,
    request: &IdempotentRequest,
    result: &Value,
) -> Result<(), Error> {
    let insert = "insert into idempotency (actor, key, fingerprint, result) values ($1, $2, $3, $4)";
    let IdempotentRequest { actor, key, fingerprint } = request;
    client.execute(insert, &[actor, key, &fingerprint.as_slice(), result]).await?;
    Ok(())
}

impl Store {
    /// Replaces the stored result of a request.
    pub async fn replace_result(&self, actor: &str, key: &str, result: &Value) -> Result<(), Error> {
        let update = "update idempotency set result = $3 where actor = $1 and key = $2";
        self.client().await?.execute(update, &[&actor, &key, result]).await?;
        Ok(())
    }

    /// Removes a request, so that it is executed when it is repeated.
    pub async fn forget_request(&self, actor: &str, key: &str) -> Result<(), Error> {
        let delete = "delete from idempotency where actor = $1 and key = $2";
        self.client().await?.execute(delete, &[&actor, &key]).await?;
        Ok(())
    }

    /// Removes up to 10,000 results of requests that are older than 24 hours. Returns their number.
    pub async fn forget_requests(&self) -> Result<u64, Error> {
        let delete = "
            delete from idempotency where (actor, key) in (
                select actor, key from idempotency
                where created_at < clock_timestamp() - interval '24 hours' order by created_at limit 10000)";
        let client = self.client().await?;
        Ok(client.execute(&client.prepare_cached(delete).await?, &[]).await?)
    }
}
