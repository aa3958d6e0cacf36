//! Accounts (`migrations/V28__accounts.sql`).
//!
//! **Invariant.** An installation that has an enabled admin keeps one: changes of accounts are made one after another, under an
//! advisory lock.

use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;

use crate::db::connection::Store;
use crate::db::error::Error;

/// An account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountId(pub i64);

/// What an account or an API key may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// `viewer`, `marketer`, `operator` or `admin`.
    pub role: String,
    /// Whether it may see whole phone numbers.
    pub has_numbers: bool,
    /// The senders that it may use and see; `None`: all.
    pub senders: Option<Vec<String>>,
}

impl Grant {
    /// The columns `role`, `has_numbers` and `senders`.
    pub(crate) fn read(row: &Row) -> Self {
        Self { role: row.get("role"), has_numbers: row.get("has_numbers"), senders: row.get("senders") }
    }
}

/// A new account.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// The name at log-in: 1 to 60 of `[A-Za-z0-9._-]`.
    pub name: String,
    /// The email address.
    pub email: Option<String>,
    /// What the account may do.
    pub grant: Grant,
    /// The actor that adds it.
    pub created_by: String,
}

/// An account.
#[derive(Clone, Debug)]
pub struct AccountRow {
    /// Its id.
    pub id: AccountId,
    /// Its name.
    pub name: String,
    /// Its email address.
    pub email: Option<String>,
    /// What it may do.
    pub grant: Grant,
    /// The hash of its password, as a PHC string; `None` until the person sets one.
    pub password_hash: Option<String>,
    /// The time zone in which times are shown.
    pub zone: Option<String>,
    /// When it was added.
    pub created_at: Timestamp,
    /// The actor that added it.
    pub created_by: String,
    /// Since when it is disabled.
    pub disabled_at: Option<Timestamp>,
}

/// A change of an account; `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct AccountChange {
    /// The email address.
    pub email: Option<Option<String>>,
    /// The role.
    pub role: Option<String>,
    /// Whether it may see whole phone numbers.
    pub has_numbers: Option<bool>,
    /// The senders that it may use and see.
    pub senders: Option<Option<Vec<String>>>,
    /// The time zone in which times are shown.
    pub zone: Option<Option<String>>,
    /// Whether it is disabled. Its sessions and links end at once.
    pub is_disabled: Option<bool>,
}

pub(crate) const COLUMNS: &str =
    "id, name, email, role, has_numbers, senders, password_hash, zone, created_at, created_by, disabled_at";

pub(crate) fn read(row: &Row) -> AccountRow {
    AccountRow {
        id: AccountId(row.get("id")),
        name: row.get("name"),
        email: row.get("email"),
        grant: Grant::read(row),
        password_hash: row.get("password_hash"),
        zone: row.get("zone"),
        created_at: row.get("created_at"),
        created_by: row.get("created_by"),
        disabled_at: row.get("disabled_at"),
    }
}

fn refused(error: tokio_postgres::Error, name: &str) -> Error {
    match error.code() {
        Some(&SqlState::UNIQUE_VIOLATION) => {
            Error::Conflict(format!("account '{name}' exists already; choose another name"))
        }
        Some(&SqlState::CHECK_VIOLATION) => Error::Invalid(format!(
            "account '{name}' cannot be stored: use at most 60 letters a-z, digits, '.', '-' and '_' in the name, not the name \
             'unknown', at least one sender if it is limited, and an email address with '@'"
        )),
        _ => error.into(),
    }
}

impl Store {
    /// Adds an account without a password.
    pub async fn add_account(&self, new: &NewAccount) -> Result<AccountRow, Error> {
        let insert = format!(
            "insert into account (name, email, role, has_numbers, senders, created_by)
            values ($1, $2, $3, $4, $5, $6) returning {COLUMNS}"
        );
        let NewAccount { name, email, grant: Grant { role, has_numbers, senders }, created_by } = new;
        let client = self.client().await?;
        let row = client.query_one(&insert, &[name, email, role, has_numbers, senders, created_by]).await;
        Ok(read(&row.map_err(|error| refused(error, name))?))
    }

    /// The account of this name, in any case of its letters; `None` if there is none.
    pub async fn find_account(&self, name: &str) -> Result<Option<AccountRow>, Error> {
        let select = format!("select {COLUMNS} from account where lower(name) = lower($1)");
        Ok(self.client().await?.query_opt(&select, &[&name]).await?.as_ref().map(read))
    }

    /// The account of this name, in any case of its letters.
    pub async fn account(&self, name: &str) -> Result<AccountRow, Error> {
        self.find_account(name).await?.ok_or_else(|| Error::no_account(name))
    }

    /// All accounts, by name.
    pub async fn accounts(&self) -> Result<Vec<AccountRow>, Error> {
        let select = format!("select {COLUMNS} from account order by lower(name)");
        Ok(self.client().await?.query(&select, &[]).await?.iter().map(read).collect())
    }

    /// Waits for other changes of accounts. The lock is held until the transaction ends.
    pub async fn lock_accounts(&self) -> Result<(), Error> {
        let lock = "select pg_advisory_xact_lock(hashtextextended('flowcast: accounts', 0))";
        self.client().await?.execute(lock, &[]).await?;
        Ok(())
    }

    /// Changes an account. Call [`Store::lock_accounts`] before, in the same transaction. Refuses a change that leaves no enabled
    /// admin.
    pub async fn change_account(&self, name: &str, change: &AccountChange) -> Result<AccountRow, Error> {
        let update = format!(
            "update account set
                email = case when $2 then $3 else email end,
                role = coalesce($4, role),
                has_numbers = coalesce($5, has_numbers),
                senders = case when $6 then $7 else senders end,
                zone = case when $8 then $9 else zone end,
                disabled_at = case when $10 then coalesce(disabled_at, clock_timestamp()) when not $10 then null
                    else disabled_at end
            where lower(name) = lower($1) returning {COLUMNS}"
        );
        let AccountChange { email, role, has_numbers, senders, zone, is_disabled } = change;
        let (changes_email, email) = (email.is_some(), email.clone().flatten());
        let (changes_senders, senders) = (senders.is_some(), senders.clone().flatten());
        let (changes_zone, zone) = (zone.is_some(), zone.clone().flatten());
        let before = self.account(name).await?;
        let client = self.client().await?;
        let row = client
            .query_opt(
                &update,
                &[
                    &name,
                    &changes_email,
                    &email,
                    role,
                    has_numbers,
                    &changes_senders,
                    &senders,
                    &changes_zone,
                    &zone,
                    is_disabled,
                ],
            )
            .await
            .map_err(|error| refused(error, name))?;
        let account = read(&row.ok_or_else(|| Error::no_account(name))?);
        if is_enabled_admin(&before) && !is_enabled_admin(&account) {
            let others = "select exists (select from account where role = 'admin' and disabled_at is null)";
            if !client.query_one(others, &[]).await?.get::<_, bool>(0) {
                return Err(Error::Conflict(format!(
                    "account '{}' is the last enabled admin; add another admin first",
                    account.name
                )));
            }
        }
        if account.disabled_at.is_some() {
            let end = "
                with sessions as (
                    update session set ended_at = clock_timestamp() where account_id = $1 and ended_at is null)
                delete from account_link where account_id = $1 and used_at is null";
            client.execute(end, &[&account.id.0]).await?;
        }
        Ok(account)
    }
}

fn is_enabled_admin(account: &AccountRow) -> bool {
    account.grant.role == "admin" && account.disabled_at.is_none()
}
