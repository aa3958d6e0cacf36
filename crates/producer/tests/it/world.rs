//! A separate database for each test, with one sender and drafts of one campaign.

use std::sync::Arc;

use campaign::{CampaignId, Definition, Provider};
use devstack::{Scope, Stack};
use producer::{Error, ImportOptions, ImportReport, List, ListOptions, Progress, WorkbookReader};
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

/// The program that reads workbooks in these tests.
pub(crate) fn reader() -> WorkbookReader {
    WorkbookReader::at(env!("CARGO_BIN_EXE_read-workbook"))
}

/// A store with tables, a sender `main`, and a plain connection for queries.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) look: Client,
    pub(crate) scope: Scope,
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
        let (look, connection) = tokio_postgres::connect(scope.database_url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        Self { store, look, scope }
    }

    pub(crate) async fn draft(&self) -> CampaignId {
        self.store.create_campaign(&Definition::parse(CAMPAIGN).unwrap(), None).await.unwrap()
    }

    /// Imports these bytes for the campaign file above, with Kenyan numbers.
    pub(crate) async fn import(
        &self,
        id: CampaignId,
        bytes: &[u8],
        list: &ListOptions,
        options: ImportOptions,
    ) -> Result<ImportReport, Error> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let list = List::open(file.path(), &ListOptions { reader: reader(), ..list.clone() })?;
        let options = ImportOptions {
            default_country: "KE".parse().ok(),
            needed: ["first_name".to_owned()].into_iter().collect(),
            ..options
        };
        producer::import(&self.store, id, list, options, Arc::new(Progress::default())).await
    }

    /// The recipients of a campaign, each as `254712000001 name=value`.
    pub(crate) async fn recipients(&self, id: CampaignId) -> Vec<String> {
        let select = "
            select msisdn || coalesce((select string_agg(' ' || key || '=' || value, '' order by key)
                from jsonb_each_text(variables)), '')
            from recipient where campaign_id = $1 order by seq";
        let rows = self.look.query(select, &[&id.0]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// The rejected rows of a campaign, each as `4 number_too_short`, with the column if there is one.
    pub(crate) async fn rejections(&self, id: CampaignId) -> Vec<String> {
        let select = "
            select line || ' ' || reason || coalesce(' ' || column_name, '') from report.import_rejection
            where campaign_id = $1 order by line";
        let rows = self.look.query(select, &[&id.0]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    pub(crate) async fn count(&self, select: &str) -> i64 {
        self.look.query_one(select, &[]).await.unwrap().get(0)
    }

    /// Drops the database, and reports what could not be dropped.
    pub(crate) async fn close(self) {
        let Self { store, look, scope } = self;
        drop((store, look));
        scope.close().await.unwrap();
    }
}
