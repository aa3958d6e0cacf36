//! An installation of its own for each test, with the senders `ke` and `tz`.

use std::time::Duration;

use campaign::Provider;
use control::{
    ApiKey, Caller, Client, Control, Error, Grant, LogIn, LoggedIn, NewAccount, NewApiKey, Problem, Role,
    SessionUse, Setup,
};
use devstack::{Scope, Stack};
use secrecy::SecretString;
use store::{Config, NewSender, Store};
use tokio_postgres::NoTls;

pub(crate) const PASSWORD: &str = "four-plain-words-of-mine";
pub(crate) const HOUR: Duration = Duration::from_hours(1);

pub(crate) struct World {
    pub(crate) control: Control,
    pub(crate) look: tokio_postgres::Client,
    /// A command of an operator.
    pub(crate) ops: Caller,
    scope: Scope,
}

impl World {
    pub(crate) async fn new(name: &str) -> Self {
        let scope = Stack::shared().await.unwrap().scope(name).await.unwrap();
        let store = Store::connect(&Config::new(SecretString::from(scope.database_url()))).await.unwrap();
        store.migrate().await.unwrap();
        for (name, number) in [("ke", "254700000001"), ("tz", "255700000001")] {
            let sender = NewSender {
                name: name.into(),
                provider: Provider::Kaleyra,
                base_url: "http://127.0.0.1:1".into(),
                account: Some("SID".into()),
                number: number.into(),
                api_key_ref: "env:KEY".into(),
                rate: None,
                daily_cap: None,
            };
            store.add_sender(&sender).await.unwrap();
        }
        let (look, connection) = tokio_postgres::connect(scope.database_url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        let control = Control::new(Setup {
            store,
            lists: producer::ListsConfig::default(),
            http: whatsapp::Config::default(),
            keys: std::sync::Arc::new(|_| Err("no key".into())),
        });
        Self { control, look, ops: Caller::command("ops"), scope }
    }

    /// Adds an account and sets its password.
    pub(crate) async fn account(&self, name: &str, grant: Grant) {
        let token = self.link(name, grant).await;
        self.control.set_password(&token, PASSWORD.into(), Client::default()).await.unwrap();
    }

    /// Adds an account, and returns the token of its link.
    pub(crate) async fn link(&self, name: &str, grant: Grant) -> String {
        let new = NewAccount { name: name.into(), email: None, grant };
        let added = self.control.add_account(&self.ops, new).await.unwrap().result;
        added.token.unwrap().secret().to_owned()
    }

    pub(crate) async fn log_in(&self, name: &str, password: &str) -> Result<LoggedIn, Error> {
        self.control.log_in(log_in(name, password), from("192.0.2.1")).await
    }

    /// The caller of a session.
    pub(crate) async fn caller_of(&self, token: &str) -> Result<Caller, Error> {
        self.control.caller_of_session(token, SessionUse::Activity, from("192.0.2.1")).await
    }

    /// A person with this grant who has just logged in.
    pub(crate) async fn person(&self, name: &str, grant: Grant) -> Caller {
        self.account(name, grant).await;
        let session = self.log_in(name, PASSWORD).await.unwrap();
        self.caller_of(session.token.secret()).await.unwrap()
    }

    /// Adds a key, and returns the key with its text.
    pub(crate) async fn key(&self, caller: &Caller, grant: Grant) -> Result<(ApiKey, String), Error> {
        let new = NewApiKey { name: "shop".into(), grant, networks: Vec::new(), valid: 24 * HOUR };
        let added = self.control.add_key(caller, new).await?.result;
        Ok((added.key, added.secret.unwrap().secret()))
    }

    /// Moves a time in the database.
    pub(crate) async fn set(&self, update: &str) {
        assert!(self.look.execute(update, &[]).await.unwrap() > 0, "{update}");
    }

    pub(crate) async fn count(&self, select: &str) -> i64 {
        self.look.query_one(select, &[]).await.unwrap().get(0)
    }

    pub(crate) async fn close(self) {
        let Self { control, look, scope, .. } = self;
        drop((control, look));
        scope.close().await.unwrap();
    }
}

pub(crate) fn grant(role: Role) -> Grant {
    Grant { role, has_numbers: false, senders: None }
}

/// A grant that is limited to these senders.
pub(crate) fn limited(role: Role, senders: &[&str]) -> Grant {
    Grant { senders: Some(senders.iter().map(|name| (*name).to_owned()).collect()), ..grant(role) }
}

pub(crate) fn log_in(name: &str, password: &str) -> LogIn {
    LogIn { name: name.into(), password: password.into(), replaces: None }
}

/// A request from this address.
pub(crate) fn from(address: &str) -> Client {
    Client { address: Some(address.parse().unwrap()), user_agent: Some("Firefox".into()), request_id: None }
}

/// The kind of the error of a result.
pub(crate) fn problem<T: std::fmt::Debug>(result: Result<T, Error>) -> Problem {
    result.unwrap_err().problem()
}
