//! A separate database for each test, with one sender, and notifiers that deliver from it.

use std::time::Duration;

use campaign::{CampaignId, Definition, Provider};
use devstack::{Scope, Stack};
use notifier::{Guard, Poster, Setup, Timing, WebhookKey};
use secrecy::SecretString;
use store::{Config, NewSender, Store};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};
use tokio_util::sync::CancellationToken;

const CAMPAIGN: &str = r#"
name = "trial"
sender = "main"
[flow]
body = "Hello {{ first_name }}"
cta = "Open"
flow_id = "1"
screen = "WELCOME"
[policy]
assume_window = "open"
"#;

pub(crate) const TIMING: Timing = Timing {
    limit: Duration::from_secs(1),
    lease: Duration::from_secs(30),
    look_every: Duration::from_millis(20),
    answers_every: Duration::from_millis(20),
};

pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) look: Client,
    pub(crate) campaign: CampaignId,
    scope: Scope,
    shutdown: CancellationToken,
    running: Vec<JoinHandle<()>>,
}

pub(crate) fn key() -> WebhookKey {
    WebhookKey::new(SecretString::from("0123456789abcdef0123456789abcdef")).unwrap()
}

impl World {
    pub(crate) async fn new(name: &str) -> Self {
        let scope = Stack::shared().await.unwrap().scope(name).await.unwrap();
        let store = Store::connect(&Config::new(SecretString::from(scope.database_url()))).await.unwrap();
        store.migrate().await.unwrap();
        let sender = NewSender {
            name: "main".into(),
            provider: Provider::Kaleyra,
            base_url: "http://127.0.0.1:1".into(),
            account: Some("SID".into()),
            number: "919900000000".into(),
            api_key_ref: "env:KEY".into(),
            rate: None,
            daily_cap: None,
        };
        store.add_sender(&sender).await.unwrap();
        let campaign = store.create_campaign(&Definition::parse(CAMPAIGN).unwrap(), None).await.unwrap();
        let (look, connection) = tokio_postgres::connect(scope.database_url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        Self { store, look, campaign, scope, shutdown: CancellationToken::new(), running: Vec::new() }
    }

    /// Adds an endpoint; returns its secret of the first generation.
    pub(crate) async fn add(&self, name: &str, url: &str) -> String {
        let endpoint = self.store.add_endpoint(name, url, None, "test").await.unwrap();
        key().secret(endpoint.id, 1).text()
    }

    /// Starts a notifier. It may post to loopback addresses.
    pub(crate) fn notify(&mut self) {
        self.notify_with(&Guard::new(vec!["127.0.0.0/8".parse().unwrap()]));
    }

    pub(crate) fn notify_with(&mut self, guard: &Guard) {
        let poster = Poster::guarded(guard).unwrap();
        let setup = Setup { store: self.store.clone(), key: Some(key()), poster, timing: TIMING };
        self.running.push(tokio::spawn(notifier::run(setup, self.shutdown.clone())));
    }

    /// Waits until a query returns this number.
    pub(crate) async fn until(&self, select: &str, wanted: i64) {
        for _ in 0..3_000 {
            if self.look.query_one(select, &[]).await.unwrap().get::<_, i64>(0) == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{select} is not {wanted}");
    }

    /// Ends the notifiers, after the attempts that they have begun.
    pub(crate) async fn close(self) {
        let Self { store, scope, shutdown, running, .. } = self;
        shutdown.cancel();
        for running in running {
            running.await.unwrap();
        }
        drop(store);
        scope.close().await.unwrap();
    }
}
