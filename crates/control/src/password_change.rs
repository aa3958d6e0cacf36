//! A person changes the own password.
//!
//! **Invariant.** Wrong present passwords count as failed log-ins of the account, so that an open session is no way to guess the
//! password.

use identity::PasswordHash;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use store::Store;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::control::{Attempt, Control};
use crate::error::{Error, Problem};
use crate::log_in::{delay, keys, too_many};

impl Control {
    /// Changes the password of the caller, who is logged in and knows the present one, and ends all other sessions of the account.
    pub async fn change_password(
        &self,
        caller: &Caller,
        old: SecretString,
        new: SecretString,
    ) -> Result<(), Error> {
        let Some(session) = caller.session else {
            return Err(Error::conflict("only a person who is logged in can change the own password"));
        };
        let keys = keys(caller.name(), &caller.client);
        let wait = self.store.admit_log_in(&keys, delay).await?;
        if !wait.is_zero() {
            return Err(too_many(wait));
        }
        let attempt = Attempt::new(caller, Action::SetPassword, Object::Account(caller.name().to_owned()));
        let account = self.store.account(caller.name()).await?;
        let before = account.password_hash.clone();
        let is_right = self.hasher.verify(old, before.clone().map(PasswordHash::stored)).await;
        let before = match (is_right, before) {
            (Ok(true), Some(before)) => before,
            (Ok(_), _) => return Err(self.refuse(attempt, wrong_password()).await),
            (Err(error), _) => return Err(self.refuse(attempt, error.into()).await),
        };
        if let Err(error) = self.rules(&account.name).check(new.expose_secret()) {
            return Err(self.refuse(attempt, error.into()).await);
        }
        let hash = match self.hasher.hash(new).await {
            Ok(hash) => hash,
            Err(error) => return Err(self.refuse(attempt, error.into()).await),
        };
        self.change(attempt, async |store: Store| {
            if !store.change_password(account.id, (&before, hash.as_str()), session.id).await? {
                return Err(wrong_password());
            }
            store.forgive_log_in(&keys).await?;
            Ok(((), json!({ "change": true })))
        })
        .await
        .map(drop)
    }
}

fn wrong_password() -> Error {
    Error::refused(Problem::InvalidBody, "the present password is wrong; nothing was changed")
}
