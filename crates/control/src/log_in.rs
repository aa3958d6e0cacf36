//! Log-in with name and password.
//!
//! **Invariants.**
//! - A log-in with an unknown name, an account without a password, or a disabled account takes the same work and gets the same
//!   answer as one with a wrong password.
//! - Each log-in whose password was checked is in the audit once. The name as typed is in the audit only if an account has it; the
//!   password never is.
//! - Each log-in makes a new token, and ends the session whose token the client had.

use std::time::Duration;

use identity::{DelayRule, Failures, PasswordHash, Token, TokenHash, account_key, address_key};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use store::{AccountId, AccountRow, LogInDelay, LogInKey, LogInKind, NewSession, PendingFactor, Store};

use crate::access::action::{Action, Object};
use crate::access::caller::Client;
use crate::access::grant::Grant;
use crate::access::log_in_rules::LogInRules;
use crate::control::{Attempt, Control};
use crate::error::{Error, Problem};
use crate::passwords::person;

/// A name and a password.
#[derive(Clone, Debug)]
pub struct LogIn {
    /// The name, as typed.
    pub name: String,
    /// The password, as typed.
    pub password: SecretString,
    /// The session token that the client has already; its session ends.
    pub replaces: Option<SecretString>,
}

/// An opened session.
#[derive(Clone, Debug)]
pub struct LoggedIn {
    /// The name of the account.
    pub account: String,
    /// The id of the session.
    pub session: i64,
    /// The token of the session.
    pub token: Token,
    /// What the person has still to do before anything else.
    pub pending: Option<PendingFactor>,
}

impl Control {
    /// Opens a session.
    pub async fn log_in(&self, log_in: LogIn, client: Client) -> Result<LoggedIn, Error> {
        let LogIn { name, password, replaces } = log_in;
        let keys = keys(&name, &client);
        let wait = self.store.admit_log_in(&keys, delay).await?;
        if !wait.is_zero() {
            // Not in the audit: nothing was checked, and a client that guesses could fill the audit.
            return Err(too_many(wait));
        }
        let account = self.store.find_account(&name).await?;
        let enabled = account.as_ref().filter(|account| account.disabled_at.is_none());
        let hash = enabled.and_then(|account| account.password_hash.clone());
        let verified = self.hasher.verify(password, hash.clone().map(PasswordHash::stored)).await;
        let Some(account) = account else {
            let caller = person("unknown", client);
            let attempt = Attempt::new(&caller, Action::OpenSession, Object::Installation);
            return Err(self.refuse(attempt, verified.map_or_else(Error::from, |_| wrong())).await);
        };
        let caller = person(&account.name, client);
        let attempt = Attempt::new(&caller, Action::OpenSession, Object::Account(account.name.clone()));
        match (verified, hash) {
            (Ok(true), Some(hash)) => {
                self.open_session(attempt, (&account, &hash), replaces.as_ref(), &keys).await
            }
            (Ok(_), _) => Err(self.refuse(attempt, wrong()).await),
            (Err(error), _) => Err(self.refuse(attempt, error.into()).await),
        }
    }

    /// Counts a failure of an address; refuses if it has too many, so that a client cannot fill the audit.
    pub(crate) async fn count_failure(&self, client: &Client) -> Result<(), Error> {
        let Some(address) = client.address else { return Ok(()) };
        let key = LogInKey { kind: LogInKind::Address, hash: address_key(address) };
        let wait = self.store.admit_log_in(&[key], delay).await?;
        if wait.is_zero() { Ok(()) } else { Err(too_many(wait)) }
    }

    /// The number of passwords that this process hashed or checked.
    pub fn password_checks(&self) -> u64 {
        self.hasher.computed()
    }

    async fn open_session(
        &self,
        attempt: Attempt<'_>,
        (account, password_hash): (&AccountRow, &str),
        replaces: Option<&SecretString>,
        keys: &[LogInKey],
    ) -> Result<LoggedIn, Error> {
        let opening = Opening::new(replaces)?;
        let client = attempt.caller.client.clone();
        let pending = self.pending_factor(account, Grant::read(account.grant.clone())?.role).await?;
        let proof = Proof::Password(password_hash);
        let opened = self.change(attempt, async |store: Store| {
            let session =
                opening.open(&store, account.id, (&proof, pending), (&self.log_ins, &client)).await?;
            let session = session.ok_or_else(wrong)?;
            // With a second factor, the log-in is forgiven when the code is right: a password that is known must not allow to guess codes.
            if pending != Some(PendingFactor::Code) {
                store.forgive_log_in(keys).await?;
            }
            Ok((session, json!({ "session": session })))
        });
        Ok(LoggedIn {
            account: account.name.clone(),
            session: opened.await?.result,
            token: opening.token,
            pending,
        })
    }
}

/// How a person proved who it is.
pub(crate) enum Proof<'a> {
    /// With the password that has this hash.
    Password(&'a str),
    /// At its company, at this time.
    Company(Timestamp),
}

/// A session that is about to be opened, and the one that it replaces.
pub(crate) struct Opening {
    pub(crate) token: Token,
    replaced: Option<TokenHash>,
}

impl Opening {
    /// A session with a new token. `replaces`: the token that the client had.
    pub(crate) fn new(replaces: Option<&SecretString>) -> Result<Self, Error> {
        let replaced = replaces.and_then(|token| Token::parse(token.expose_secret()));
        Ok(Self { token: Token::new()?, replaced: replaced.map(|token| token.hash()) })
    }

    /// Opens the session of an account, and ends the one that it replaces. `None`: the account is disabled or has another password.
    pub(crate) async fn open(
        &self,
        store: &Store,
        account: AccountId,
        (proof, pending): (&Proof<'_>, Option<PendingFactor>),
        (rules, client): (&LogInRules, &Client),
    ) -> Result<Option<i64>, Error> {
        let (password_hash, authenticated_at) = match proof {
            Proof::Password(hash) => (Some(*hash), None),
            Proof::Company(at) => (None, Some(*at)),
        };
        let token_hash = self.token.hash();
        let new = NewSession {
            account,
            password_hash,
            token_hash: token_hash.bytes(),
            longest: rules.longest,
            address: client.address,
            user_agent: client.user_agent.as_deref(),
            pending,
            authenticated_at,
        };
        let session = store.open_session(new).await?;
        if let Some(replaced) = self.replaced.filter(|_| session.is_some()) {
            store.end_session_of_token(replaced.bytes(), account).await?;
        }
        Ok(session)
    }
}

/// Failures are counted by name and by address.
pub(crate) fn keys(name: &str, client: &Client) -> Vec<LogInKey> {
    let account = LogInKey { kind: LogInKind::Account, hash: account_key(name) };
    let address =
        client.address.map(|address| LogInKey { kind: LogInKind::Address, hash: address_key(address) });
    [account].into_iter().chain(address).collect()
}

pub(crate) fn delay(kind: LogInKind, count: u32, since_last: Duration) -> LogInDelay {
    let rule = match kind {
        LogInKind::Account => DelayRule::ACCOUNT,
        LogInKind::Address => DelayRule::ADDRESS,
    };
    let failures = Failures { count, since_last };
    LogInDelay { counted: rule.counted(failures), wait: rule.wait(failures) }
}

fn wrong() -> Error {
    let text = "the name or the password is wrong, or the account is disabled; ask an admin for a new link if you forgot the password";
    Error::refused(Problem::Unauthorized, text)
}

pub(crate) fn too_many(wait: Duration) -> Error {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let text =
        format!("too many failed attempts with this name or from this address; try again in {seconds} s");
    Error::refused(Problem::TooManyRequests, text)
}
