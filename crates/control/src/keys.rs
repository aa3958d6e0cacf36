//! API keys of programs.
//!
//! **Invariants.**
//! - A key never has more rights or senders than the caller that added it, and at each request not more than its account has then.
//! - The key is shown once. Only the SHA-256 of its secret is stored.
//! - An API key adds no API keys, so that revoking a key ends all access that it gave.

use std::time::Duration;

use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{ApiKeyRow, ApiKeyState, Store};
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::{Actor, ActorKind, Caller, Client};
use crate::access::grant::{Grant, common_senders};
use crate::access::right::Right;
use crate::accounts::{check_senders, grant_details};
use crate::control::{Attempt, Control, Done};
use crate::error::{Error, Problem};
use crate::versions::{Versioned, check_version, version_of};

/// The longest time until a key expires.
const LONGEST: Duration = Duration::from_hours(365 * 24);

/// A new key.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub grant: Grant,
    /// The networks that requests may come from; empty: any.
    pub networks: Vec<IpNet>,
    /// The time until it expires, at most 365 days.
    pub valid: Duration,
}

/// A key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiKey {
    /// Its id, which is also in the key.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// What it may do, if its account may.
    pub grant: Grant,
    /// The networks that requests may come from; `None`: any.
    #[schema(required)]
    pub networks: Option<Vec<String>>,
    /// When it was added.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// The actor that added it.
    pub created_by: String,
    /// The account that added it; `None`: a command added it.
    #[schema(required)]
    pub account: Option<String>,
    /// When it expires.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// The time of its last request, to the minute.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub revoked_at: Option<Timestamp>,
}

impl Versioned for ApiKey {
    fn version(&self) -> String {
        let Self { id, name, grant, networks, expires_at, revoked_at, .. } = self;
        version_of(&json!([id, name, grant, networks, expires_at, revoked_at]))
    }
}

impl ApiKey {
    fn read(row: ApiKeyRow) -> Result<Self, Error> {
        Ok(Self {
            id: row.id,
            name: row.name,
            grant: Grant::read(row.grant)?,
            networks: row.networks,
            created_at: row.created_at,
            created_by: row.created_by,
            account: row.account,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
        })
    }
}

/// An added key.
#[derive(Clone, Debug)]
pub struct NewApiKeySecret {
    /// The key.
    pub key: ApiKey,
    /// The text for the header `Authorization: Bearer`, which is shown once. `None` for a repeated request, because it is not
    /// stored.
    pub secret: Option<identity::ApiKey>,
}

impl Control {
    /// Adds a key with at most the rights and senders of the caller.
    pub async fn add_key(&self, caller: &Caller, new: NewApiKey) -> Result<Done<NewApiKeySecret>, Error> {
        let secret = identity::ApiKey::new()?;
        let attempt = Attempt::new(caller, Action::AddKey, Object::Key(secret.id().to_string()))
            .with("name", new.name.as_str())
            .with("grant", grant_details(&new.grant))
            .with("networks", new.networks.iter().map(ToString::to_string).collect::<Vec<_>>())
            .with("days", new.valid.as_secs() / (24 * 60 * 60));
        let hash = secret.hash();
        let added = self.change(attempt, async |store: Store| {
            check(caller, &new)?;
            check_senders(&store, &new.grant).await?;
            let account = match caller.actor.kind {
                ActorKind::Account => Some(store.account(caller.name()).await?.id),
                ActorKind::Command | ActorKind::ApiKey => None,
            };
            let networks: Vec<String> =
                new.networks.iter().map(|network| network.trunc().to_string()).collect();
            let stored = store::NewApiKey {
                id: secret.id().as_str(),
                secret_hash: hash.bytes(),
                name: &new.name,
                grant: &new.grant.stored(),
                networks: (!networks.is_empty()).then_some(&networks),
                valid: new.valid,
                created_by: caller.name(),
                account,
            };
            Ok((ApiKey::read(store.add_api_key(&stored).await?)?, json!({})))
        });
        let Done { result: key, is_replayed } = added.await?;
        Ok(Done { result: NewApiKeySecret { key, secret: (!is_replayed).then_some(secret) }, is_replayed })
    }

    /// Revokes a key: one's own, or with the right to manage accounts any. Revoking a revoked key changes nothing.
    pub async fn revoke_key(&self, caller: &Caller, id: &str) -> Result<Done<ApiKey>, Error> {
        let attempt = Attempt::new(caller, Action::RevokeKey, Object::Key(id.to_owned()));
        self.change(attempt, async |store: Store| {
            let key = visible(&store, caller, id).await?;
            let present = async { Ok(Some(visible(&store, caller, id).await?)) };
            check_version(&store, caller, &Object::Key(key.id), present).await?;
            store.revoke_api_key(id).await?;
            Ok((ApiKey::read(store.api_key(id).await?)?, Value::Null))
        })
        .await
    }

    /// The keys that the account of the caller added, newest first.
    pub async fn own_keys(&self, caller: &Caller) -> Result<Vec<ApiKey>, Error> {
        let attempt = Attempt::new(caller, Action::ViewOwn, Object::Installation);
        self.act(attempt, async {
            if caller.actor.kind != ActorKind::Account {
                return Ok((Vec::new(), json!({})));
            }
            let rows = self.store.api_keys(Some(caller.name())).await?;
            let keys: Result<Vec<ApiKey>, Error> = rows.into_iter().map(ApiKey::read).collect();
            Ok((keys?, json!({})))
        })
        .await
    }

    /// A key: one's own, or with the right to manage accounts any.
    pub async fn key(&self, caller: &Caller, id: &str) -> Result<ApiKey, Error> {
        let attempt = Attempt::new(caller, Action::ViewOwn, Object::Key(id.to_owned()));
        self.act(attempt, async { Ok((visible(&self.store, caller, id).await?, json!({}))) }).await
    }

    /// All keys, newest first.
    pub async fn keys(&self, caller: &Caller) -> Result<Vec<ApiKey>, Error> {
        let attempt = Attempt::new(caller, Action::ViewAccounts, Object::Installation);
        self.act(attempt, async {
            let rows = self.store.api_keys(None).await?;
            let keys: Result<Vec<ApiKey>, Error> = rows.into_iter().map(ApiKey::read).collect();
            Ok((keys?, json!({})))
        })
        .await
    }

    /// The caller with this key. Rights are those that key and account have both.
    pub async fn caller_of_key(&self, key: &str, client: Client) -> Result<Caller, Error> {
        let key = identity::ApiKey::parse(key).ok_or_else(unknown)?;
        let id = key.id().as_str();
        let address = client.address.map(|address| address.to_canonical());
        let found = self.store.api_key_use(id, address).await?;
        // Only a client with the secret learns why the key is refused.
        let found = found.filter(|found| key.hash().is(&found.secret_hash)).ok_or_else(unknown)?;
        let refused = |problem, text: String| Err(Error::refused(problem, text));
        match found.state {
            ApiKeyState::Valid => {}
            ApiKeyState::Revoked => {
                return refused(Problem::Unauthorized, format!("API key {id} was revoked"));
            }
            ApiKeyState::Expired => {
                return refused(Problem::Unauthorized, format!("API key {id} has expired; add a new one"));
            }
            ApiKeyState::Disabled => {
                let text = format!("the account that added API key {id} is disabled");
                return refused(Problem::Unauthorized, text);
            }
        }
        if !found.is_from_network {
            let from = address.map_or_else(|| "an unknown address".to_owned(), |address| address.to_string());
            let text = format!("API key {id} may not be used from {from}; add a key with this network");
            return refused(Problem::Forbidden, text);
        }
        let grant = Grant::read(found.grant)?;
        let (mut rights, mut senders) = (grant.rights(), grant.senders);
        if let Some(account) = found.account {
            let account = Grant::read(account)?;
            rights = rights.common(&account.rights());
            senders = common_senders(senders, account.senders);
        }
        self.store.note_api_key_use(id).await?;
        let actor = Actor { kind: ActorKind::ApiKey, name: id.to_owned() };
        Ok(Caller {
            actor,
            rights,
            senders,
            session: None,
            client,
            idempotency: None,
            expected_versions: Vec::new(),
        })
    }
}

/// The key, if it is one's own or the caller manages accounts. To others it looks like a key that does not exist.
async fn visible(store: &Store, caller: &Caller, id: &str) -> Result<ApiKey, Error> {
    let key = ApiKey::read(store.api_key(id).await?)?;
    let is_own = key.account.as_deref().is_some_and(|account| caller.is_account(account))
        || (caller.actor.kind == ActorKind::ApiKey && caller.name() == id);
    if is_own || caller.rights.has(Right::ManageAccounts) {
        return Ok(key);
    }
    Err(store::Error::no_api_key(id).into())
}

fn check(caller: &Caller, new: &NewApiKey) -> Result<(), Error> {
    if caller.actor.kind == ActorKind::ApiKey {
        let text = "an API key cannot add API keys; log in, or use 'flowcast key add'";
        return Err(Error::refused(Problem::Forbidden, text));
    }
    new.grant.check_given_by(caller)?;
    if new.valid.is_zero() || new.valid > LONGEST {
        let text = "an API key expires after 1 second to 365 days; write an expiry like 90d";
        return Err(Error::refused(Problem::InvalidBody, text));
    }
    Ok(())
}

fn unknown() -> Error {
    Error::refused(
        Problem::Unauthorized,
        "the API key is missing or wrong; send it as 'Authorization: Bearer fc_…'",
    )
}
