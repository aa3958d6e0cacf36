//! Callers: who asks for an action, and with which rights.

use std::collections::BTreeSet;
use std::net::IpAddr;

use store::PendingFactor;
use uuid::Uuid;

use crate::access::right::Rights;

/// The kind of an actor, as in the audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorKind {
    /// A command of `flowcast` that uses the database.
    Command,
    /// A person who is logged in.
    Account,
    /// A program with an API key.
    ApiKey,
}

impl ActorKind {
    /// The value in the audit.
    pub fn word(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Account => "account",
            Self::ApiKey => "api_key",
        }
    }
}

/// Who asks for an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The kind.
    pub kind: ActorKind,
    /// User of the command, name of the account, or id of the API key.
    pub name: String,
}

/// Where a request came from.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// Its network address.
    pub address: Option<IpAddr>,
    /// The program, as it names itself; at most 200 characters.
    pub user_agent: Option<String>,
    /// The id of the request.
    pub request_id: Option<Uuid>,
}

/// An `Idempotency-Key` and the request that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The key that the client chose, 1 to 255 characters.
    pub key: String,
    /// SHA-256 of method, path and body.
    pub fingerprint: [u8; 32],
}

/// The session of a caller who is logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallerSession {
    /// Its id.
    pub id: i64,
    /// Whether the person entered the password a short time ago.
    pub is_fresh: bool,
    /// What the person has still to do before anything else.
    pub pending: Option<PendingFactor>,
}

/// Who asks for an action, with which rights and from where.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who asks.
    pub actor: Actor,
    /// The rights.
    pub rights: Rights,
    /// The senders that the caller may use and see; `None`: all.
    pub senders: Option<BTreeSet<String>>,
    /// The session; `None` for commands and API keys.
    pub session: Option<CallerSession>,
    /// Where the request came from.
    pub client: Client,
    /// The key of a request that the client may repeat.
    pub idempotency: Option<Idempotency>,
    /// The versions of the object that the client accepts, from `If-Match`; empty: any version.
    pub expected_versions: Vec<String>,
}

impl Caller {
    /// A command of an operator, who has the password of the database and therefore all rights.
    pub fn command(user: impl Into<String>) -> Self {
        Self {
            actor: Actor { kind: ActorKind::Command, name: user.into() },
            rights: Rights::all(),
            senders: None,
            session: None,
            client: Client::default(),
            idempotency: None,
            expected_versions: Vec::new(),
        }
    }

    /// Whether the caller may use and see this sender.
    pub fn may_use(&self, sender: &str) -> bool {
        self.senders.as_ref().is_none_or(|senders| senders.contains(sender))
    }

    /// Whether the caller proved a short time ago who it is. Commands and API keys prove it with each request.
    pub fn is_fresh(&self) -> bool {
        self.session.is_none_or(|session| session.is_fresh)
    }

    /// Whether this account is the caller.
    pub fn is_account(&self, name: &str) -> bool {
        self.actor.kind == ActorKind::Account && self.actor.name.eq_ignore_ascii_case(name)
    }

    /// The actor in columns such as `hold.caused_by`.
    pub fn name(&self) -> &str {
        &self.actor.name
    }
}
