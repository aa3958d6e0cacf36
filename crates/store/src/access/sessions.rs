//! Sessions of people who are logged in.
//!
//! **Invariant.** A session is valid until it is ended, is idle for too long, reaches its longest time, or its account is disabled.
//! All of this is read at each request.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::Row;

use crate::access::accounts::{AccountId, Grant};
use crate::access::second_factors::PendingFactor;
use crate::db::connection::Store;
use crate::db::error::Error;

/// A new session.
#[derive(Clone, Copy, Debug)]
pub struct NewSession<'a> {
    /// The account.
    pub account: AccountId,
    /// The hash that the password was verified with; `None`: the company of the person verified who it is.
    pub password_hash: Option<&'a str>,
    /// SHA-256 of the token.
    pub token_hash: &'a [u8],
    /// The longest time of the session.
    pub longest: Duration,
    /// Network address of the log-in.
    pub address: Option<IpAddr>,
    /// Program of the log-in, as it names itself.
    pub user_agent: Option<&'a str>,
    /// What the person has still to do before anything else.
    pub pending: Option<PendingFactor>,
    /// When the person proved who it is; `None`: now.
    pub authenticated_at: Option<Timestamp>,
}

/// Times of sessions.
#[derive(Clone, Copy, Debug)]
pub struct SessionTimes {
    /// A session without a request for this time is not valid.
    pub idle: Duration,
    /// A log-in is fresh for this time.
    pub fresh: Duration,
}

/// A valid session at a request.
#[derive(Clone, Debug)]
pub struct LiveSession {
    /// Its id.
    pub id: i64,
    /// The name of its account.
    pub account: String,
    /// What the account may do.
    pub grant: Grant,
    /// Whether the person entered the password a short time ago.
    pub is_fresh: bool,
    /// What the person has still to do before anything else.
    pub pending: Option<PendingFactor>,
}

/// A session that has not ended.
#[derive(Clone, Debug)]
pub struct SessionRow {
    /// Its id.
    pub id: i64,
    /// The name of its account.
    pub account: String,
    /// When it was opened.
    pub created_at: Timestamp,
    /// The time of its last request, to the minute.
    pub last_seen_at: Timestamp,
    /// The latest end of the session.
    pub until: Timestamp,
    /// Network address of the log-in.
    pub address: Option<IpAddr>,
    /// Program of the log-in.
    pub user_agent: Option<String>,
}

fn read(row: &Row) -> SessionRow {
    SessionRow {
        id: row.get(0),
        account: row.get(1),
        created_at: row.get(2),
        last_seen_at: row.get(3),
        until: row.get(4),
        address: row.get(5),
        user_agent: row.get(6),
    }
}

impl Store {
    /// Opens a session. `None` if the account was disabled, or its password changed, since the password was verified.
    pub async fn open_session(&self, new: NewSession<'_>) -> Result<Option<i64>, Error> {
        // The lock makes a change of the account at the same time wait, so that it ends this session, too.
        let insert = "
            with verified as (
                select id from account
                where id = $1 and ($2::text is null or password_hash = $2) and disabled_at is null for share)
            insert into session (account_id, token_hash, until, address, user_agent, pending, fresh_at)
            select id, $3, clock_timestamp() + make_interval(secs => $4), $5, $6, $7,
                least(coalesce($8, clock_timestamp()), clock_timestamp())
            from verified returning id";
        let NewSession {
            account,
            password_hash,
            token_hash,
            longest,
            address,
            user_agent,
            pending,
            authenticated_at,
        } = new;
        let pending = pending.map(PendingFactor::word);
        let client = self.client().await?;
        let row = client
            .query_opt(
                insert,
                &[
                    &account.0,
                    &password_hash,
                    &token_hash,
                    &longest.as_secs_f64(),
                    &address,
                    &user_agent,
                    &pending,
                    &authenticated_at,
                ],
            )
            .await?;
        Ok(row.map(|row| row.get(0)))
    }

    /// The valid session of this token. If `is_activity`, its idle time begins again; that is written at most once a minute.
    pub async fn live_session(
        &self,
        token_hash: &[u8],
        times: SessionTimes,
        is_activity: bool,
    ) -> Result<Option<LiveSession>, Error> {
        let select = "
            with live as (
                select s.id, a.name, a.role, a.has_numbers, a.senders, s.last_seen_at, s.pending,
                    s.fresh_at > clock_timestamp() - make_interval(secs => $3) as is_fresh
                from session s join account a on a.id = s.account_id
                where s.token_hash = $1 and s.ended_at is null and a.disabled_at is null and s.until > clock_timestamp()
                    and s.last_seen_at > clock_timestamp() - make_interval(secs => $2)),
            seen as (
                update session set last_seen_at = clock_timestamp()
                where $4 and id in (select id from live where last_seen_at < clock_timestamp() - interval '1 minute'))
            select id, name, role, has_numbers, senders, is_fresh, pending from live";
        let client = self.client().await?;
        let statement = client.prepare_cached(select).await?;
        let (idle, fresh) = (times.idle.as_secs_f64(), times.fresh.as_secs_f64());
        let row = client.query_opt(&statement, &[&token_hash, &idle, &fresh, &is_activity]).await?;
        Ok(row.map(|row| LiveSession {
            id: row.get("id"),
            account: row.get("name"),
            grant: Grant::read(&row),
            is_fresh: row.get("is_fresh"),
            pending: PendingFactor::read(row.get("pending")),
        }))
    }

    /// Valid sessions: of one account, or of all. Newest first.
    pub async fn sessions(&self, account: Option<&str>, idle: Duration) -> Result<Vec<SessionRow>, Error> {
        let select = "
            select s.id, a.name, s.created_at, s.last_seen_at, s.until, s.address, s.user_agent
            from session s join account a on a.id = s.account_id
            where s.ended_at is null and s.until > clock_timestamp() and a.disabled_at is null
                and s.last_seen_at > clock_timestamp() - make_interval(secs => $2)
                and coalesce(lower(a.name) = lower($1), true)
            order by s.id desc";
        let client = self.client().await?;
        let rows = client.query(select, &[&account, &idle.as_secs_f64()]).await?;
        Ok(rows.iter().map(read).collect())
    }

    /// The name of the account of a session.
    pub async fn account_of_session(&self, id: i64) -> Result<Option<String>, Error> {
        let select = "select a.name from session s join account a on a.id = s.account_id where s.id = $1";
        Ok(self.client().await?.query_opt(select, &[&id]).await?.map(|row| row.get(0)))
    }

    /// Ends a session. Returns whether it had not ended before.
    pub async fn end_session(&self, id: i64) -> Result<bool, Error> {
        let update = "update session set ended_at = clock_timestamp() where id = $1 and ended_at is null";
        Ok(self.client().await?.execute(update, &[&id]).await? == 1)
    }

    /// Ends the session of a token of this account, if there is one.
    pub async fn end_session_of_token(&self, token_hash: &[u8], account: AccountId) -> Result<(), Error> {
        let update = "
            update session set ended_at = clock_timestamp()
            where token_hash = $1 and account_id = $2 and ended_at is null";
        self.client().await?.execute(update, &[&token_hash, &account.0]).await?;
        Ok(())
    }

    /// Ends all sessions of an account. Returns their number.
    pub async fn end_sessions(&self, account: AccountId) -> Result<u64, Error> {
        let update =
            "update session set ended_at = clock_timestamp() where account_id = $1 and ended_at is null";
        Ok(self.client().await?.execute(update, &[&account.0]).await?)
    }
}
