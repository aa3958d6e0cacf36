//! The second factor of a person: set-up of an authenticator app, codes at log-in, recovery codes.
//!
//! **Invariants.**
//! - A session that waits for its second factor may do nothing but that ([`Control::allow`]).
//! - A code is counted as a failed log-in before it is checked, and forgiven afterwards, so that codes cannot be guessed faster than
//!   passwords.
//! - Without the key of the installation no code is accepted: a key that is lost opens no account.

use identity::{Factor, RecoveryCode, Token, TokenHash};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use store::{AccountRow, PendingFactor, SecondFactorRow, Store};

use crate::access::action::{Action, Object};
use crate::access::caller::{ActorKind, Caller};
use crate::access::grant::Grant;
use crate::access::right::Right;
use crate::access::role::Role;
use crate::control::{Attempt, Control, Done, forbidden};
use crate::error::{Error, Problem};
use crate::log_in::{LoggedIn, delay, keys, too_many};
use crate::second_factors::SecondFactors;

/// Recovery codes of an account.
const RECOVERY_CODES: usize = 10;

/// A set-up that the person confirms with a code of the app.
#[derive(Debug)]
pub struct FactorSetUp {
    /// The secret for typing it into the app.
    pub base32: SecretString,
    /// The address in the QR code.
    pub otpauth: SecretString,
}

/// A confirmed second factor.
#[derive(Debug)]
pub struct ConfirmedFactor {
    /// Codes that replace the app, each once. They are shown only now.
    pub recovery_codes: Vec<RecoveryCode>,
    /// The new token of the session.
    pub token: Token,
}

impl Control {
    /// The same with what second factors need.
    #[must_use]
    pub fn with_second_factors(self, second_factors: SecondFactors) -> Self {
        Self { second_factors, ..self }
    }

    /// What a new session of this account waits for.
    pub(crate) async fn pending_factor(
        &self,
        account: &AccountRow,
        role: Role,
    ) -> Result<Option<PendingFactor>, Error> {
        let row = self.store.second_factor(account.id).await?;
        Ok(match row {
            Some(SecondFactorRow { is_confirmed: true, .. }) => Some(PendingFactor::Code),
            Some(_) | None => self.second_factors.requires(role).then_some(PendingFactor::Enrollment),
        })
    }

    /// Whether the caller has a second factor, and how many recovery codes are left; `None`: it has none.
    pub async fn own_second_factor(&self, caller: &Caller) -> Result<Option<i64>, Error> {
        self.act(Attempt::new(caller, Action::ViewOwn, Object::Installation), async {
            let account = own_account(&self.store, caller).await?;
            let row = self.store.second_factor(account.id).await?.filter(|row| row.is_confirmed);
            Ok((row.map(|row| row.recovery_codes), json!({})))
        })
        .await
    }

    /// Whether second factors can be set up: the installation has a key for them.
    pub fn has_second_factors(&self) -> bool {
        self.second_factors.key.is_ok()
    }

    /// Begins the set-up of the caller's own authenticator app. A set-up that was begun before is continued.
    pub async fn set_up_second_factor(&self, caller: &Caller) -> Result<FactorSetUp, Error> {
        let attempt = Attempt::new(caller, Action::SetUpFactor, Object::Account(caller.name().to_owned()));
        self.act(attempt, async {
            let account = own_account(&self.store, caller).await?;
            let row = self.store.begin_second_factor(account.id).await?;
            if row.is_confirmed {
                return Err(set_up_already());
            }
            let factor = self.second_factors.factor(&row, &account.name)?;
            let otpauth =
                factor.otpauth().ok_or_else(|| Error::refused(Problem::Internal, "no address of the app"))?;
            Ok((FactorSetUp { base32: factor.base32(), otpauth }, json!({})))
        })
        .await
    }

    /// Confirms the set-up with a code of the app. From now on log-ins ask for a code.
    pub async fn confirm_second_factor(
        &self,
        caller: &Caller,
        code: &SecretString,
        unix_seconds: u64,
    ) -> Result<ConfirmedFactor, Error> {
        let session = session(caller)?;
        let codes = std::iter::repeat_with(RecoveryCode::new).take(RECOVERY_CODES);
        let recovery_codes = codes.collect::<Result<Vec<RecoveryCode>, _>>()?;
        let token = Token::new()?;
        let attempt = Attempt::new(caller, Action::ConfirmFactor, Object::Account(caller.name().to_owned()));
        let confirmed = self.change(attempt, async |store: Store| {
            let account = own_account(&store, caller).await?;
            let row = store.second_factor(account.id).await?.ok_or_else(not_begun)?;
            if row.is_confirmed {
                return Err(set_up_already());
            }
            let factor = self.second_factors.factor(&row, &account.name)?;
            let step = factor.step_of(code.expose_secret(), unix_seconds).ok_or_else(wrong_code)?;
            let hashes: Vec<_> = recovery_codes.iter().map(RecoveryCode::hash).collect();
            let hashes: Vec<&[u8]> = hashes.iter().map(TokenHash::bytes).collect();
            if !store.confirm_second_factor(account.id, (row.generation, step), &hashes).await? {
                return Err(wrong_code());
            }
            if !store.complete_session(session, token.hash().bytes()).await? {
                return Err(crate::sessions::ended());
            }
            Ok(((), json!({ "generation": row.generation })))
        });
        confirmed.await?;
        Ok(ConfirmedFactor { recovery_codes, token })
    }

    /// Completes a log-in with a code of the app, or with a recovery code. The session gets a new token.
    pub async fn enter_code(
        &self,
        caller: &Caller,
        code: &SecretString,
        unix_seconds: u64,
    ) -> Result<LoggedIn, Error> {
        let session = session(caller)?;
        let keys = keys(caller.name(), &caller.client);
        let wait = self.store.admit_log_in(&keys, delay).await?;
        if !wait.is_zero() {
            // Not in the audit, as for passwords.
            return Err(too_many(wait));
        }
        let token = Token::new()?;
        let attempt = Attempt::new(caller, Action::EnterCode, Object::Session(session));
        let entered = self.change(attempt, async |store: Store| {
            let account = own_account(&store, caller).await?;
            let row = store
                .second_factor(account.id)
                .await?
                .filter(|row| row.is_confirmed)
                .ok_or_else(not_begun)?;
            let factor = self.second_factors.factor(&row, &account.name)?;
            let with = accept(&store, (&factor, &row), code, unix_seconds).await?;
            if !store.complete_session(session, token.hash().bytes()).await? {
                return Err(crate::sessions::ended());
            }
            store.forgive_log_in(&keys).await?;
            Ok(((), json!({ "with": with })))
        });
        entered.await?;
        Ok(LoggedIn { account: caller.name().to_owned(), session, token, pending: None })
    }

    /// Removes a second factor: one's own, or with the right to manage accounts any. Returns whether there was one.
    pub async fn remove_second_factor(&self, caller: &Caller, account: &str) -> Result<Done<bool>, Error> {
        let attempt = Attempt::new(caller, Action::RemoveFactor, Object::Account(account.to_owned()));
        self.change(attempt, async |store: Store| {
            if !caller.is_account(account) && !caller.rights.has(Right::ManageAccounts) {
                return Err(forbidden(Right::ManageAccounts));
            }
            let AccountRow { id, grant, .. } = store.account(account).await?;
            // Without the second factor, a reset of the password would be enough to act with the rights of the account.
            Grant::read(grant)?.check_given_by(caller)?;
            let removed = store.remove_second_factor(id).await?;
            Ok((removed, json!({ "removed": removed })))
        })
        .await
    }
}

/// Uses up the code. Returns what it was, for the audit.
async fn accept(
    store: &Store,
    (factor, row): (&Factor, &SecondFactorRow),
    code: &SecretString,
    unix_seconds: u64,
) -> Result<&'static str, Error> {
    if let Some(step) = factor.step_of(code.expose_secret(), unix_seconds) {
        let is_used = store.use_step(row.account, (row.generation, step)).await?;
        return is_used.then_some("app").ok_or_else(used_code);
    }
    let recovery = RecoveryCode::parse(code.expose_secret()).ok_or_else(wrong_code)?;
    let is_used = store.use_recovery_code(row.account, recovery.hash().bytes()).await?;
    is_used.then_some("recovery_code").ok_or_else(wrong_code)
}

async fn own_account(store: &Store, caller: &Caller) -> Result<AccountRow, Error> {
    if caller.actor.kind != ActorKind::Account {
        return Err(no_person());
    }
    Ok(store.account(caller.name()).await?)
}

fn session(caller: &Caller) -> Result<i64, Error> {
    caller.session.map(|session| session.id).ok_or_else(no_person)
}

fn no_person() -> Error {
    Error::refused(Problem::ConflictState, "only a person who is logged in has a second factor")
}

fn set_up_already() -> Error {
    Error::conflict("the account has an authenticator app; remove it first, then set up the new one")
}

fn not_begun() -> Error {
    Error::conflict("the account has no authenticator app; set one up first")
}

fn wrong_code() -> Error {
    let text = "the code is wrong; enter the six digits that the app shows now, or a recovery code that you have not used";
    Error::refused(Problem::Unauthorized, text)
}

fn used_code() -> Error {
    Error::refused(Problem::Unauthorized, "this code was used already; wait for the next one")
}
