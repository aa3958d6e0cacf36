//! Setting a password with a one-time link, and other actions of people who are not logged in.
//!
//! **Invariant.** Each attempt is in the audit once, invalid links of one address up to the limit of its failed log-ins. The password is in no error, no log and no table.

use identity::{PasswordRules, Token};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use store::Store;

use crate::access::action::{Action, Object};
use crate::access::caller::{Actor, ActorKind, Caller, Client};
use crate::access::right::Rights;
use crate::accounts::Account;
use crate::control::{Attempt, Control};
use crate::error::{Error, Problem};

impl Control {
    /// The name of the enabled account of a one-time link that is valid now. Asking does not use the link up.
    pub async fn name_of_link(&self, token: &str) -> Result<String, Error> {
        let token = Token::parse(token).ok_or_else(invalid_link)?;
        let row = self.store.account_of_link(token.hash().bytes()).await?;
        row.map(|row| row.name).ok_or_else(invalid_link)
    }

    /// The rules of passwords of an account.
    pub(crate) fn rules(&self, account: &str) -> PasswordRules {
        PasswordRules::of(self.log_ins.words.iter().map(String::as_str).chain([account]))
    }

    /// Sets the password of the account of a one-time link, and ends all sessions of the account. The link is the proof of who asks.
    pub async fn set_password(
        &self,
        token: &str,
        password: SecretString,
        client: Client,
    ) -> Result<Account, Error> {
        let token = Token::parse(token).map(|token| token.hash());
        let row = match &token {
            Some(token) => self.store.account_of_link(token.bytes()).await?,
            None => None,
        };
        let (Some(token), Some(row)) = (token, row) else {
            self.count_failure(&client).await?;
            let caller = person("unknown", client);
            let attempt = Attempt::new(&caller, Action::SetPassword, Object::Installation);
            return Err(self.refuse(attempt, invalid_link()).await);
        };
        let caller = person(&row.name, client);
        let attempt = Attempt::new(&caller, Action::SetPassword, Object::Account(row.name.clone()));
        if let Err(error) = self.rules(&row.name).check(password.expose_secret()) {
            return Err(self.refuse(attempt, error.into()).await);
        }
        let hash = match self.hasher.hash(password).await {
            Ok(hash) => hash,
            Err(error) => return Err(self.refuse(attempt, error.into()).await),
        };
        let done = self.change(attempt, async |store: Store| {
            if !store.use_link(token.bytes(), hash.as_str()).await? {
                return Err(invalid_link());
            }
            Ok((Account::read(store.account(&row.name).await?)?, json!({})))
        });
        Ok(done.await?.result)
    }

    /// Adds a refused action to the audit, and returns why it was refused.
    pub(crate) async fn refuse(&self, attempt: Attempt<'_>, error: Error) -> Error {
        match self.act::<(), _>(attempt, async { Err(error) }).await {
            Err(error) => error,
            Ok(()) => Error::refused(Problem::Internal, "a refused action was done"),
        }
    }
}

/// A person who is not logged in.
pub(crate) fn person(name: &str, client: Client) -> Caller {
    Caller {
        actor: Actor { kind: ActorKind::Account, name: name.to_owned() },
        rights: Rights::default(),
        senders: None,
        session: None,
        client,
        idempotency: None,
        expected_versions: Vec::new(),
    }
}

fn invalid_link() -> Error {
    let text = "the link is not valid: it was used, is older than an hour, or was replaced by a newer one; ask an admin for a new one";
    Error::refused(Problem::Unauthorized, text)
}
