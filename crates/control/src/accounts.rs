//! Accounts of people: add and change them, and give a person a one-time link to set the password.
//!
//! **Invariants.**
//! - Nobody gives an account more than its own rights and senders, nor changes or resets an account that has more.
//! - An admin never sets a password: the person does, with a link that is shown once.
//! - The audit contains no email address.

use std::time::Duration;

use identity::Token;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{AccountChange, AccountRow, Store};
use utoipa::ToSchema;

use crate::access::action::{Action, Object};
use crate::access::caller::Caller;
use crate::access::grant::Grant;
use crate::control::{Attempt, Control, Done};
use crate::error::{Error, Problem};
use crate::members::{given, object, present};
use crate::versions::{Versioned, check_version, version_of};

/// A new account.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// The name at log-in: 1 to 60 of `[A-Za-z0-9._-]`.
    pub name: String,
    /// The email address.
    #[serde(default)]
    pub email: Option<String>,
    /// What the account may do.
    #[serde(deserialize_with = "object")]
    pub grant: Grant,
}

/// A change of an account. A member that is left out keeps its value; `null` removes an email address, a time zone or the limit to
/// senders.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountEdit {
    /// The email address.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub email: Option<Option<String>>,
    /// The role.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = crate::Role, required = false)]
    pub role: Option<crate::Role>,
    /// Whether it may see whole phone numbers.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    pub has_numbers: Option<bool>,
    /// The senders that it may use and see; `null`: all.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub senders: Option<Option<Vec<String>>>,
    /// The time zone in which times are shown, such as `Africa/Nairobi`.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub zone: Option<Option<String>>,
    /// Whether it is disabled. Its sessions and links end at once.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool, required = false)]
    pub is_disabled: Option<bool>,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its email address.
    #[schema(required)]
    pub email: Option<String>,
    /// What it may do.
    pub grant: Grant,
    /// Whether the person has set a password.
    pub has_password: bool,
    /// The time zone in which times are shown.
    #[schema(required)]
    pub zone: Option<String>,
    /// When it was added.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// The actor that added it.
    pub created_by: String,
    /// Since when it is disabled.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    pub disabled_at: Option<Timestamp>,
}

impl Versioned for Account {
    fn version(&self) -> String {
        version_of(self)
    }
}

impl Account {
    pub(crate) fn read(row: AccountRow) -> Result<Self, Error> {
        let AccountRow { name, email, grant, zone, created_at, created_by, disabled_at, .. } = row;
        let has_password = row.password_hash.is_some();
        let grant = Grant::read(grant)?;
        Ok(Self { name, email, grant, has_password, zone, created_at, created_by, disabled_at })
    }
}

/// An account with a one-time link to set its password.
#[derive(Clone, Debug)]
pub struct AccountLink {
    /// The account.
    pub account: Account,
    /// The token of the link, which is shown once. `None` for a repeated request, because the token is not stored.
    pub token: Option<Token>,
    /// The time for which the link is valid, from the first request.
    pub valid: Duration,
}

/// An account with the address of its one-time link, as the API shows it.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct LinkedAccount {
    /// The account.
    pub account: Account,
    /// The path of the link on the address of the console, which is shown once; `null` for a repeated request. Secret.
    #[schema(required)]
    pub link: Option<String>,
    /// The time for which the link is valid, in seconds from the first request.
    pub valid_seconds: u64,
}

impl From<AccountLink> for LinkedAccount {
    fn from(linked: AccountLink) -> Self {
        let link = linked.path();
        Self { account: linked.account, link, valid_seconds: linked.valid.as_secs() }
    }
}

impl AccountLink {
    /// The path of the link, for the address of the console.
    pub fn path(&self) -> Option<String> {
        self.token.as_ref().map(|token| format!("/link/{}", token.secret()))
    }
}

impl Control {
    /// Adds an account, and creates the link with which the person sets the password.
    pub async fn add_account(&self, caller: &Caller, new: NewAccount) -> Result<Done<AccountLink>, Error> {
        let attempt = Attempt::new(caller, Action::AddAccount, Object::Account(new.name.clone()))
            .with("grant", grant_details(&new.grant));
        let (token, valid) = (Token::new()?, self.log_ins.link);
        let hash = token.hash();
        let created = self.change(attempt, async |store: Store| {
            new.grant.check_given_by(caller)?;
            check_senders(&store, &new.grant).await?;
            let stored = store::NewAccount {
                name: new.name,
                email: new.email,
                grant: new.grant.stored(),
                created_by: caller.name().to_owned(),
            };
            let row = store.add_account(&stored).await?;
            store.add_link(row.id, hash.bytes(), valid, caller.name()).await?;
            Ok((Account::read(row)?, json!({})))
        });
        Ok(with_link(created.await?, token, valid))
    }

    /// Creates a new link for an account, and makes its earlier links invalid. The present password stays valid until the link is
    /// used.
    pub async fn new_link(&self, caller: &Caller, name: &str) -> Result<Done<AccountLink>, Error> {
        let attempt = Attempt::new(caller, Action::LinkAccount, Object::Account(name.to_owned()));
        let (token, valid) = (Token::new()?, self.log_ins.link);
        let hash = token.hash();
        let linked = self.change(attempt, async |store: Store| {
            let row = store.account(name).await?;
            let id = row.id;
            let account = Account::read(row)?;
            account.grant.check_given_by(caller)?;
            if account.disabled_at.is_some() {
                let text = format!("account '{}' is disabled; enable it first", account.name);
                return Err(Error::conflict(text));
            }
            store.add_link(id, hash.bytes(), valid, caller.name()).await?;
            Ok((account, json!({})))
        });
        Ok(with_link(linked.await?, token, valid))
    }

    /// Changes an account. Refuses a change that leaves no enabled admin.
    pub async fn change_account(
        &self,
        caller: &Caller,
        name: &str,
        edit: AccountEdit,
    ) -> Result<Done<Account>, Error> {
        let attempt = Attempt::new(caller, Action::ChangeAccount, Object::Account(name.to_owned()))
            .with("change", edit_details(&edit));
        self.change(attempt, async |store: Store| {
            let present = async { Ok(Some(Account::read(store.account(name).await?)?)) };
            check_version(&store, caller, &Object::Account(name.to_owned()), present).await?;
            if let Some(Some(zone)) = &edit.zone {
                check_zone(zone)?;
            }
            store.lock_accounts().await?;
            Grant::read(store.account(name).await?.grant)?.check_given_by(caller)?;
            let change = AccountChange {
                email: edit.email,
                role: edit.role.map(|role| role.word().to_owned()),
                has_numbers: edit.has_numbers,
                senders: edit.senders,
                zone: edit.zone,
                is_disabled: edit.is_disabled,
            };
            let account = Account::read(store.change_account(name, &change).await?)?;
            account.grant.check_given_by(caller)?;
            if change.senders.is_some() {
                check_senders(&store, &account.grant).await?;
            }
            Ok((account, json!({})))
        })
        .await
    }

    /// All accounts, by name.
    pub async fn accounts(&self, caller: &Caller) -> Result<Vec<Account>, Error> {
        let attempt = Attempt::new(caller, Action::ViewAccounts, Object::Installation);
        self.act(attempt, async {
            let rows = self.store.accounts().await?;
            let accounts: Result<Vec<Account>, Error> = rows.into_iter().map(Account::read).collect();
            Ok((accounts?, json!({})))
        })
        .await
    }

    /// An account. A person may see its own.
    pub async fn account(&self, caller: &Caller, name: &str) -> Result<Account, Error> {
        let action = if caller.is_account(name) { Action::ViewOwn } else { Action::ViewAccounts };
        let attempt = Attempt::new(caller, action, Object::Account(name.to_owned()));
        self.act(attempt, async { Ok((Account::read(self.store.account(name).await?)?, json!({}))) }).await
    }
}

fn with_link(done: Done<Account>, token: Token, valid: Duration) -> Done<AccountLink> {
    let Done { result: account, is_replayed } = done;
    Done { result: AccountLink { account, token: (!is_replayed).then_some(token), valid }, is_replayed }
}

/// Refuses senders that do not exist.
pub(crate) async fn check_senders(store: &Store, grant: &Grant) -> Result<(), Error> {
    for name in grant.senders.iter().flatten() {
        store.sender(name).await?;
    }
    Ok(())
}

fn check_zone(zone: &str) -> Result<(), Error> {
    jiff::tz::TimeZone::get(zone).map(drop).map_err(|_| {
        let text = format!("'{zone}' is not a time zone; write one like Africa/Nairobi");
        Error::refused(Problem::InvalidBody, text)
    })
}

pub(crate) fn grant_details(grant: &Grant) -> Value {
    json!({ "role": grant.role, "has_numbers": grant.has_numbers, "senders": grant.senders })
}

/// The change for the audit: without the email address.
fn edit_details(edit: &AccountEdit) -> Value {
    let mut details = json!({});
    if edit.email.is_some() {
        details["email"] = json!("changed");
    }
    if let Some(role) = edit.role {
        details["role"] = json!(role);
    }
    if let Some(has_numbers) = edit.has_numbers {
        details["has_numbers"] = json!(has_numbers);
    }
    if let Some(senders) = &edit.senders {
        details["senders"] = json!(senders);
    }
    if let Some(zone) = &edit.zone {
        details["zone"] = json!(zone);
    }
    if let Some(is_disabled) = edit.is_disabled {
        details["is_disabled"] = json!(is_disabled);
    }
    details
}
