//! API keys of programs.
//!
//! **Invariant.** A key never does more than the account that added it may do now: its account is read at each use.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use crate::access::accounts::{AccountId, Grant};
use crate::db::connection::Store;
use crate::db::error::Error;

/// A new key.
#[derive(Clone, Debug)]
pub struct NewApiKey<'a> {
    /// Its id, 8 characters.
    pub id: &'a str,
    /// SHA-256 of its secret.
    pub secret_hash: &'a [u8],
    /// What it is for.
    pub name: &'a str,
    /// What it may do.
    pub grant: &'a Grant,
    /// The networks that requests may come from, such as `10.0.0.0/8`; `None`: any.
    pub networks: Option<&'a [String]>,
    /// The time until it expires.
    pub valid: Duration,
    /// The actor that adds it.
    pub created_by: &'a str,
    /// The account that adds it; `None`: a command adds it.
    pub account: Option<AccountId>,
}

/// A key.
#[derive(Clone, Debug)]
pub struct ApiKeyRow {
    /// Its id.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// What it may do, if its account may.
    pub grant: Grant,
    /// The networks that requests may come from; `None`: any.
    pub networks: Option<Vec<String>>,
    /// When it was added.
    pub created_at: Timestamp,
    /// The actor that added it.
    pub created_by: String,
    /// The name of the account that added it; `None`: a command added it.
    pub account: Option<String>,
    /// When it expires.
    pub expires_at: Timestamp,
    /// The time of its last request, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// Whether a key is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiKeyState {
    /// It is valid.
    Valid,
    /// It was revoked.
    Revoked,
    /// It has expired.
    Expired,
    /// The account that added it is disabled.
    Disabled,
}

/// What decides about a request with a key.
#[derive(Clone, Debug)]
pub struct ApiKeyUse {
    /// SHA-256 of its secret.
    pub secret_hash: Vec<u8>,
    /// What it may do.
    pub grant: Grant,
    /// What the account that added it may do; `None`: a command added it.
    pub account: Option<Grant>,
    /// Whether it is valid now.
    pub state: ApiKeyState,
    /// Whether requests from this address are allowed.
    pub is_from_network: bool,
}

const SELECT: &str = "
select k.id, k.name, k.role, k.has_numbers, k.senders, k.networks::text[] as networks, k.created_at, k.created_by,
    a.name as account, k.expires_at, k.last_used_at, k.revoked_at
from api_key k left join account a on a.id = k.account_id";

fn read(row: &Row) -> ApiKeyRow {
    ApiKeyRow {
        id: row.get("id"),
        name: row.get("name"),
        grant: Grant::read(row),
        networks: row.get("networks"),
        created_at: row.get("created_at"),
        created_by: row.get("created_by"),
        account: row.get("account"),
        expires_at: row.get("expires_at"),
        last_used_at: row.get("last_used_at"),
        revoked_at: row.get("revoked_at"),
    }
}

impl Store {
    /// Adds a key.
    pub async fn add_api_key(&self, new: &NewApiKey<'_>) -> Result<ApiKeyRow, Error> {
        let insert = "
            insert into api_key
                (id, secret_hash, name, role, has_numbers, senders, networks, expires_at, created_by, account_id)
            values ($1, $2, $3, $4, $5, $6, $7::text[]::cidr[], clock_timestamp() + make_interval(secs => $8), $9, $10)";
        let NewApiKey { id, secret_hash, name, grant, networks, valid, created_by, account } = new;
        let (valid, account) = (valid.as_secs_f64(), account.map(|account| account.0));
        let Grant { role, has_numbers, senders } = grant;
        let client = self.client().await?;
        client
            .execute(
                insert,
                &[id, secret_hash, name, role, has_numbers, senders, networks, &valid, created_by, &account],
            )
            .await
            .map_err(|error| match error.code() {
                Some(&SqlState::INVALID_TEXT_REPRESENTATION) => Error::Invalid(
                    "a network of the key is not valid; write networks like 203.0.113.0/24 or 198.51.100.7".into(),
                ),
                Some(&SqlState::CHECK_VIOLATION) => Error::Invalid(
                    "the key cannot be stored: it needs a name of at most 100 characters, an expiry within a year, and at \
                     least one sender and network if it is limited"
                        .into(),
                ),
                _ => error.into(),
            })?;
        Ok(read(&client.query_one(&format!("{SELECT} where k.id = $1"), &[id]).await?))
    }

    /// Keys that an account added, or all. Newest first.
    pub async fn api_keys(&self, account: Option<&str>) -> Result<Vec<ApiKeyRow>, Error> {
        let select = format!(
            "{SELECT} where coalesce(lower(a.name) = lower($1), $1 is null) order by k.created_at desc, k.id"
        );
        Ok(self.client().await?.query(&select, &[&account]).await?.iter().map(read).collect())
    }

    /// The key of this id.
    pub async fn api_key(&self, id: &str) -> Result<ApiKeyRow, Error> {
        let row = self.client().await?.query_opt(&format!("{SELECT} where k.id = $1"), &[&id]).await?;
        row.as_ref().map(read).ok_or_else(|| Error::no_api_key(id))
    }

    /// Revokes a key. Returns whether it was not revoked before.
    pub async fn revoke_api_key(&self, id: &str) -> Result<bool, Error> {
        let update = "update api_key set revoked_at = clock_timestamp() where id = $1 and revoked_at is null";
        Ok(self.client().await?.execute(update, &[&id]).await? == 1)
    }

    /// What decides about a request with the key of this id, from this address. `None` if there is no such key.
    pub async fn api_key_use(&self, id: &str, address: Option<IpAddr>) -> Result<Option<ApiKeyUse>, Error> {
        let select = "
            select k.secret_hash, k.role, k.has_numbers, k.senders, a.role as account_role,
                a.has_numbers as account_has_numbers, a.senders as account_senders, a.disabled_at is not null as is_disabled,
                k.revoked_at is not null as is_revoked, k.expires_at <= clock_timestamp() as is_expired,
                k.networks is null or coalesce($2 <<= any (k.networks::inet[]), false) as is_from_network
            from api_key k left join account a on a.id = k.account_id
            where k.id = $1";
        let client = self.client().await?;
        let row = client.query_opt(&client.prepare_cached(select).await?, &[&id, &address]).await?;
        Ok(row.map(|row| ApiKeyUse {
            secret_hash: row.get("secret_hash"),
            grant: Grant::read(&row),
            account: row.get::<_, Option<String>>("account_role").map(|role| Grant {
                role,
                has_numbers: row.get("account_has_numbers"),
                senders: row.get("account_senders"),
            }),
            state: match (row.get("is_revoked"), row.get("is_expired"), row.get("is_disabled")) {
                (true, _, _) => ApiKeyState::Revoked,
                (false, true, _) => ApiKeyState::Expired,
                (false, false, true) => ApiKeyState::Disabled,
                (false, false, false) => ApiKeyState::Valid,
            },
            is_from_network: row.get("is_from_network"),
        }))
    }

    /// Notes a request with a key, at most once a minute.
    pub async fn note_api_key_use(&self, id: &str) -> Result<(), Error> {
        let update = "
            update api_key set last_used_at = clock_timestamp()
            where id = $1 and coalesce(last_used_at < clock_timestamp() - interval '1 minute', true)";
        let client = self.client().await?;
        client.execute(&client.prepare_cached(update).await?, &[&id]).await?;
        Ok(())
    }

    /// The name of the account that an API key belongs to; `None`: a command added the key.
    pub async fn account_of_key(&self, key: &str) -> Result<Option<String>, Error> {
        let select = "select a.name from api_key k join account a on a.id = k.account_id where k.id = $1";
        let row = self.client().await?.query_opt(select, &[&key]).await?;
        Ok(row.map(|row| row.get(0)))
    }
}
