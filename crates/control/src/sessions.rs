//! Sessions: who a token belongs to, and the end of sessions.

use std::net::IpAddr;

use identity::Token;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{SessionRow, SessionTimes, Store};

use crate::access::action::{Action, Object};
use crate::access::caller::{Actor, ActorKind, Caller, CallerSession, Client};
use crate::access::grant::Grant;
use crate::access::right::Right;
use crate::control::{Attempt, Control, Done, forbidden};
use crate::error::{Error, Problem};

/// What a request says about the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionUse {
    /// The person did something: the idle time begins again.
    Activity,
    /// The page asked by itself, such as a live stream: the idle time goes on.
    Stream,
}

/// A session that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
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
    /// Program of the log-in, as it names itself.
    pub user_agent: Option<String>,
    /// Whether the caller uses this session.
    pub is_own: bool,
}

impl Session {
    fn read(row: SessionRow, caller: &Caller) -> Self {
        let is_own = caller.session.is_some_and(|session| session.id == row.id);
        let SessionRow { id, account, created_at, last_seen_at, until, address, user_agent } = row;
        Self { id, account, created_at, last_seen_at, until, address, user_agent, is_own }
    }
}

impl Control {
    /// The caller whose session has this token. Rights are those that the account has now.
    pub async fn caller_of_session(
        &self,
        token: &str,
        used: SessionUse,
        client: Client,
    ) -> Result<Caller, Error> {
        let token = Token::parse(token).ok_or_else(ended)?;
        let times = SessionTimes { idle: self.log_ins.idle, fresh: self.log_ins.fresh };
        let live = self.store.live_session(token.hash().bytes(), times, used == SessionUse::Activity).await?;
        let live = live.ok_or_else(ended)?;
        let grant = Grant::read(live.grant)?;
        Ok(Caller {
            actor: Actor { kind: ActorKind::Account, name: live.account },
            rights: grant.rights(),
            senders: grant.senders,
            session: Some(CallerSession { id: live.id, is_fresh: live.is_fresh, pending: live.pending }),
            client,
            idempotency: None,
            expected_versions: Vec::new(),
        })
    }

    /// Ends the session of the caller.
    pub async fn log_out(&self, caller: &Caller) -> Result<(), Error> {
        let Some(session) = caller.session else {
            let text = "only a person who is logged in can log out; revoke an API key instead";
            return Err(Error::refused(Problem::ConflictState, text));
        };
        self.end_session(caller, session.id).await.map(drop)
    }

    /// Ends a session: one's own, or with the right to manage accounts any. Ending an ended session changes nothing.
    pub async fn end_session(&self, caller: &Caller, id: i64) -> Result<Done<()>, Error> {
        let attempt = Attempt::new(caller, Action::EndSession, Object::Session(id));
        self.change(attempt, async |store: Store| {
            let account = store.account_of_session(id).await?;
            let account =
                account.filter(|name| caller.is_account(name) || caller.rights.has(Right::ManageAccounts));
            let Some(account) = account else {
                return Err(store::Error::NotFound(format!("session {id} of yours")).into());
            };
            store.end_session(id).await?;
            Ok(((), json!({ "account": account })))
        })
        .await
    }

    /// Ends all sessions of an account: one's own, or with the right to manage accounts any. Returns their number.
    pub async fn end_sessions(&self, caller: &Caller, account: &str) -> Result<Done<u64>, Error> {
        let attempt = Attempt::new(caller, Action::EndSession, Object::Account(account.to_owned()));
        self.change(attempt, async |store: Store| {
            if !caller.is_account(account) && !caller.rights.has(Right::ManageAccounts) {
                return Err(forbidden(Right::ManageAccounts));
            }
            let ended = store.end_sessions(store.account(account).await?.id).await?;
            Ok((ended, json!({ "ended": ended })))
        })
        .await
    }

    /// The sessions of the caller that have not ended, newest first.
    pub async fn own_sessions(&self, caller: &Caller) -> Result<Vec<Session>, Error> {
        let attempt = Attempt::new(caller, Action::ViewOwn, Object::Installation);
        self.act(attempt, async {
            if caller.actor.kind != ActorKind::Account {
                return Ok((Vec::new(), json!({})));
            }
            let rows = self.store.sessions(Some(caller.name()), self.log_ins.idle).await?;
            Ok((rows.into_iter().map(|row| Session::read(row, caller)).collect(), json!({})))
        })
        .await
    }

    /// The sessions of all accounts that have not ended, newest first.
    pub async fn sessions(&self, caller: &Caller) -> Result<Vec<Session>, Error> {
        let attempt = Attempt::new(caller, Action::ViewAccounts, Object::Installation);
        self.act(attempt, async {
            let rows = self.store.sessions(None, self.log_ins.idle).await?;
            Ok((rows.into_iter().map(|row| Session::read(row, caller)).collect(), json!({})))
        })
        .await
    }
}

pub(crate) fn ended() -> Error {
    Error::refused(Problem::Unauthorized, "you are not logged in, or your session has ended; log in")
}
