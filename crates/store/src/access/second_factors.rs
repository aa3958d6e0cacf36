//! Second factors of accounts, and what sessions still wait for.
//!
//! **Invariant.** A step of an app and a recovery code are accepted once: the statement that accepts one is the one that uses it up.

use tokio_postgres::Row;

use crate::access::accounts::AccountId;
use crate::db::connection::Store;
use crate::db::error::Error;

/// What the person of a session has still to do before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingFactor {
    /// Enter a code.
    Code,
    /// Set up an authenticator app.
    Enrollment,
}

impl PendingFactor {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Enrollment => "enrollment",
        }
    }

    pub(crate) fn read(word: Option<&str>) -> Option<Self> {
        match word {
            Some("code") => Some(Self::Code),
            Some(_) => Some(Self::Enrollment),
            None => None,
        }
    }
}

/// The second factor of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecondFactorRow {
    /// The account.
    pub account: AccountId,
    /// The number of its secret.
    pub generation: i32,
    /// Whether a code of this secret was entered, so that log-ins ask for one.
    pub is_confirmed: bool,
    /// Recovery codes that were not used.
    pub recovery_codes: i64,
}

fn read(row: &Row) -> SecondFactorRow {
    SecondFactorRow {
        account: AccountId(row.get("account_id")),
        generation: row.get("generation"),
        is_confirmed: row.get("is_confirmed"),
        recovery_codes: row.get("recovery_codes"),
    }
}

impl Store {
    /// The second factor of an account, also one that is not confirmed.
    pub async fn second_factor(&self, account: AccountId) -> Result<Option<SecondFactorRow>, Error> {
        let select = "
            select f.account_id, f.generation, f.confirmed_at is not null as is_confirmed,
                (select count(*) from recovery_code r where r.account_id = f.account_id and r.used_at is null) as recovery_codes
            from second_factor f where f.account_id = $1";
        Ok(self.client().await?.query_opt(select, &[&account.0]).await?.as_ref().map(read))
    }

    /// Begins the set-up of a second factor. One that was begun before is continued, so that its QR code stays valid.
    pub async fn begin_second_factor(&self, account: AccountId) -> Result<SecondFactorRow, Error> {
        let insert = "insert into second_factor (account_id) values ($1) on conflict do nothing";
        self.client().await?.execute(insert, &[&account.0]).await?;
        self.second_factor(account).await?.ok_or_else(|| Error::NotFound("the account".to_owned()))
    }

    /// Confirms a second factor with the step of an accepted code, and stores its recovery codes. Returns `false` if the factor was
    /// confirmed or removed meanwhile.
    pub async fn confirm_second_factor(
        &self,
        account: AccountId,
        (generation, step): (i32, i64),
        recovery_codes: &[&[u8]],
    ) -> Result<bool, Error> {
        let confirm = "
            update second_factor set confirmed_at = clock_timestamp(), last_step = $3
            where account_id = $1 and generation = $2 and confirmed_at is null and last_step < $3";
        let add = "insert into recovery_code (account_id, code_hash) select $1, unnest($2::bytea[])";
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        if tx.execute(confirm, &[&account.0, &generation, &step]).await? == 0 {
            return Ok(false);
        }
        tx.execute(add, &[&account.0, &recovery_codes]).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Uses up a step of the app. Returns `false` if it, or a later one, was used before.
    pub async fn use_step(&self, account: AccountId, (generation, step): (i32, i64)) -> Result<bool, Error> {
        let update = "
            update second_factor set last_step = $3
            where account_id = $1 and generation = $2 and confirmed_at is not null and last_step < $3";
        Ok(self.client().await?.execute(update, &[&account.0, &generation, &step]).await? == 1)
    }

    /// Uses up a recovery code. Returns `false` if there is none with this hash that was not used.
    pub async fn use_recovery_code(&self, account: AccountId, code_hash: &[u8]) -> Result<bool, Error> {
        let update = "
            update recovery_code set used_at = clock_timestamp()
            where account_id = $1 and code_hash = $2 and used_at is null";
        Ok(self.client().await?.execute(update, &[&account.0, &code_hash]).await? == 1)
    }

    /// Removes the second factor of an account with its recovery codes. Returns whether it was confirmed.
    pub async fn remove_second_factor(&self, account: AccountId) -> Result<bool, Error> {
        let remove = "
            with gone as (delete from recovery_code where account_id = $1), old as (
                select confirmed_at from second_factor where account_id = $1 for update)
            update second_factor f set generation = generation + 1, confirmed_at = null
            from old where f.account_id = $1 returning old.confirmed_at is not null";
        let row = self.client().await?.query_opt(remove, &[&account.0]).await?;
        Ok(row.is_some_and(|row| row.get(0)))
    }

    /// The session waits for nothing any more, and has a new token. Returns `false` if it has ended.
    pub async fn complete_session(&self, session: i64, token_hash: &[u8]) -> Result<bool, Error> {
        let update = "
            update session set pending = null, token_hash = $2, fresh_at = clock_timestamp()
            where id = $1 and ended_at is null";
        Ok(self.client().await?.execute(update, &[&session, &token_hash]).await? == 1)
    }
}
