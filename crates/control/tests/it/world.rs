//! A separate database for each test, with two senders.

use std::io::Write;
use std::sync::Arc;

use campaign::{CampaignId, Definition, Provider};
use control::{Caller, Control, Error, Idempotency, ListImport, Problem, Role, Setup};
use devstack::{Scope, Stack};
use producer::{ImportReport, List, ListOptions};
use secrecy::SecretString;
use store::{Config, NewSender, Store};
use tokio_postgres::{Client, NoTls};

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

pub(crate) struct World {
    pub(crate) control: Control,
    pub(crate) store: Store,
    pub(crate) look: Client,
    pub(crate) scope: Scope,
}

impl World {
    pub(crate) async fn new(name: &str) -> Self {
        let scope = Stack::shared().await.unwrap().scope(name).await.unwrap();
        let store = Store::connect(&Config::new(SecretString::from(scope.database_url()))).await.unwrap();
        store.migrate().await.unwrap();
        for name in ["main", "other"] {
            let sender = NewSender {
                name: name.into(),
                provider: Provider::Kaleyra,
                base_url: "http://127.0.0.1:1".into(),
                account: Some("SID".into()),
                number: "919900000000".into(),
                api_key_ref: "env:KEY".into(),
                rate: None,
                daily_cap: None,
            };
            store.add_sender(&sender).await.unwrap();
        }
        let (look, connection) = tokio_postgres::connect(scope.database_url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        Self { control: control(store.clone()), store, look, scope }
    }

    /// A draft of the caller.
    pub(crate) async fn draft(&self, caller: &Caller) -> CampaignId {
        let draft = self.control.create_campaign(caller, &definition("main")).await.unwrap().result;
        CampaignId(draft.campaign_id)
    }

    /// A draft with recipients.
    pub(crate) async fn ready(&self, caller: &Caller) -> CampaignId {
        let id = self.draft(caller).await;
        self.import(caller, id, "0712000001;Anna\n0712000002;Ben\n").await.unwrap();
        id
    }

    /// Imports rows of Kenyan numbers and names.
    pub(crate) async fn import(
        &self,
        caller: &Caller,
        id: CampaignId,
        rows: &str,
    ) -> Result<ImportReport, Error> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(format!("phone;first name\n{rows}").as_bytes()).unwrap();
        let list = List::open(file.path(), &ListOptions::default()).unwrap();
        let import = ListImport { default_country: "KE".parse().ok(), ..ListImport::default() };
        self.control.import_list(caller, id, list, import).await
    }

    /// The rows of the audit as `action object outcome`, the oldest first.
    pub(crate) async fn audit(&self) -> Vec<String> {
        let rows = self.store.audit(store::AuditFilter::default(), 1_000).await.unwrap();
        let text = |row: &store::AuditRow| {
            format!("{} {} {}", row.action, row.object.as_deref().unwrap_or("-"), row.outcome)
        };
        rows.iter().rev().map(text).collect()
    }

    pub(crate) async fn count(&self, select: &str) -> i64 {
        self.look.query_one(select, &[]).await.unwrap().get(0)
    }

    pub(crate) async fn close(self) {
        let Self { control, store, scope, .. } = self;
        drop((control, store));
        scope.close().await.unwrap();
    }
}

/// A control plane with these connections.
pub(crate) fn control(store: Store) -> Control {
    Control::new(Setup {
        store,
        lists: producer::ListsConfig::default(),
        http: whatsapp::Config::default(),
        keys: Arc::new(|_| Ok(SecretString::from("key"))),
    })
}

pub(crate) fn definition(sender: &str) -> Definition {
    Definition { sender: sender.into(), ..Definition::parse(CAMPAIGN).unwrap() }
}

/// An operator at a shell.
pub(crate) fn anna() -> Caller {
    Caller::command("anna")
}

/// A caller with the rights of a role.
pub(crate) fn with_role(role: Role) -> Caller {
    Caller { rights: role.rights(), ..Caller::command(role.word()) }
}

/// The same caller, with an idempotency key.
pub(crate) fn with_key(caller: &Caller, key: &str, request: u8) -> Caller {
    let idempotency = Idempotency { key: key.into(), fingerprint: [request; 32] };
    Caller { idempotency: Some(idempotency), ..caller.clone() }
}

#[track_caller]
pub(crate) fn problem<T: std::fmt::Debug>(result: Result<T, Error>) -> Problem {
    result.unwrap_err().problem()
}
