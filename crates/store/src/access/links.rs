//! One-time links with which a person sets the password, and changes of passwords.
//!
//! **Invariants.** A link is used once. Only the newest link of an account is valid. Setting a password ends all sessions of the
//! account; a person who changes the own password keeps the session that does it.

use std::time::Duration;

use jiff::Timestamp;

use crate::access::accounts::{AccountId, AccountRow, COLUMNS, read};
use crate::db::connection::Store;
use crate::db::error::Error;

impl Store {
    /// Adds a link that is valid for this time, and removes the unused links of the account. Returns the end of its validity.
    pub async fn add_link(
        &self,
        account: AccountId,
        token_hash: &[u8],
        valid: Duration,
        created_by: &str,
    ) -> Result<Timestamp, Error> {
        let insert = "
            with others as (delete from account_link where account_id = $1 and used_at is null)
            insert into account_link (token_hash, account_id, purpose, created_by, expires_at)
            values ($2, $1, 'set_password', $3, clock_timestamp() + make_interval(secs => $4)) returning expires_at";
        let client = self.client().await?;
        let row =
            client.query_one(insert, &[&account.0, &token_hash, &created_by, &valid.as_secs_f64()]).await?;
        Ok(row.get(0))
    }

    /// The enabled account of a link that is valid now.
    pub async fn account_of_link(&self, token_hash: &[u8]) -> Result<Option<AccountRow>, Error> {
        let select = format!(
            "select {COLUMNS} from account where disabled_at is null and id = (
                select account_id from account_link
                where token_hash = $1 and used_at is null and expires_at > clock_timestamp())"
        );
        Ok(self.client().await?.query_opt(&select, &[&token_hash]).await?.as_ref().map(read))
    }

    /// Uses a link: sets the password of its account, and ends the sessions of the account. Returns whether the link was valid.
    /// Call it in a transaction.
    pub async fn use_link(&self, token_hash: &[u8], password_hash: &str) -> Result<bool, Error> {
        // Of two requests with one link the second waits for the row of the link, and finds it used.
        let take = "
            update account_link set used_at = clock_timestamp()
            where token_hash = $1 and used_at is null and expires_at > clock_timestamp()
            returning account_id";
        // It waits for a log-in that is opening a session, whose row the next statement then sees.
        let set = "update account set password_hash = $2 where id = $1 and disabled_at is null";
        let end =
            "update session set ended_at = clock_timestamp() where account_id = $1 and ended_at is null";
        let client = self.client().await?;
        let Some(row) = client.query_opt(take, &[&token_hash]).await? else { return Ok(false) };
        let account: i64 = row.get(0);
        if client.execute(set, &[&account, &password_hash]).await? == 0 {
            return Ok(false);
        }
        client.execute(end, &[&account]).await?;
        Ok(true)
    }

    /// Replaces the password of an enabled account if it is still `before`, ends the other sessions of the account, and removes its
    /// unused links. Returns whether the password was replaced. Call it in a transaction.
    pub async fn change_password(
        &self,
        account: AccountId,
        (before, password_hash): (&str, &str),
        session: i64,
    ) -> Result<bool, Error> {
        let set = "update account set password_hash = $3 where id = $1 and password_hash = $2 and disabled_at is null";
        let end = "
            with links as (delete from account_link where account_id = $1 and used_at is null)
            update session set ended_at = clock_timestamp() where account_id = $1 and id <> $2 and ended_at is null";
        let client = self.client().await?;
        if client.execute(set, &[&account.0, &before, &password_hash]).await? == 0 {
            return Ok(false);
        }
        client.execute(end, &[&account.0, &session]).await?;
        Ok(true)
    }
}
