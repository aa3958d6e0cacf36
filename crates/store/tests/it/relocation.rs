//! Migrating a database with one partition a campaign (up to migration V22) to volumes.

use devstack::{Scope, Stack};
use refinery::Target;
use secrecy::SecretString;
use store::{Config, Error, RelocationProgress, Store};
use tokio_postgres::{Client, NoTls};

mod embedded {
    refinery::embed_migrations!("../../migrations");
}

/// The last version with one partition a campaign.
const OLD: Target = Target::Version(22);

struct Old {
    look: Client,
    store: Store,
    scope: Scope,
}

impl Old {
    async fn new(name: &str) -> Self {
        let scope = Stack::shared().await.unwrap().scope(name).await.unwrap();
        let (mut look, connection) = tokio_postgres::connect(scope.database_url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        embedded::migrations::runner().set_target(OLD).run_async(&mut look).await.unwrap();
        look.batch_execute(include_str!("relocation.sql")).await.unwrap();
        let store = Store::connect(&Config::new(SecretString::from(scope.database_url()))).await.unwrap();
        Self { look, store, scope }
    }

    /// A digest of each table, and the comments and readers of all views that both versions have.
    async fn contents(&self) -> Vec<String> {
        let mut contents = Vec::new();
        for (table, order) in [
            ("recipient", "campaign_id, seq"),
            ("attempt", "campaign_id, seq, claim_id"),
            ("receipt", "campaign_id, seq"),
            ("flow_answer", "campaign_id, seq, inbound_id"),
            (self.counters().await, "campaign_id, kind"),
            ("of_analyst", "campaign_id"),
            ("of_analyst_on_that", "n"),
        ] {
            let digest = format!("select md5(string_agg(t::text, ',' order by {order})) from {table} t");
            contents.push(self.text(&digest).await);
        }
        let comments = "
            select string_agg(format('%s.%s %s', c.oid::regclass, d.objsubid, d.description), e'\\n'
                order by c.oid::regclass::text, d.objsubid)
            from pg_class c join pg_description d on d.objoid = c.oid and d.classoid = 'pg_class'::regclass 
            where relkind = 'v' and c.relname not in ('settlement', 'resolution', 'audit', 'maintenance', 'dead_letter') and d.description !~ 'settled|was resolved'";
        contents.push(self.text(comments).await);
        let readers = "
            select string_agg(format('%s %s', replace(table_name, 'settlement', 'resolution'), grantee), ','
                order by replace(table_name, 'settlement', 'resolution'), grantee)
            from information_schema.table_privileges where table_schema = 'report' and privilege_type = 'SELECT' and table_name not in ('audit', 'maintenance')";
        contents.push(self.text(readers).await);
        contents
    }

    /// The view of counters, which V26 renames.
    async fn counters(&self) -> &'static str {
        let is_new = self.text("select (to_regclass('counter_now') is not null)::text").await == "true";
        if is_new { "counter_now" } else { "tally_now" }
    }

    async fn text(&self, select: &str) -> String {
        self.look.query_one(select, &[]).await.unwrap().get(0)
    }

    async fn close(self) {
        drop(self.store);
        self.scope.close().await.unwrap();
    }
}

#[tokio::test]
async fn the_rows_of_all_campaigns_are_moved_and_every_view_stays() {
    let old = Old::new("relocation").await;
    let before = old.contents().await;
    old.store.migrate().await.unwrap();
    assert_eq!(old.contents().await, before);
    let numbers =
        "select count(*)::text from recipient_number join recipient using (campaign_id, seq, msisdn)";
    assert_eq!(old.text(numbers).await, "120002");
    let left =
        "select count(*)::text from pg_class where relname ~ '_c[0-9]+$|_before$' or relname = 'relocation'";
    assert_eq!(old.text(left).await, "0");
    let campaigns = old.store.countable_campaigns().await.unwrap();
    assert_eq!(old.store.check_counters(&campaigns, |_| {}).await.unwrap(), []);
    old.close().await;
}

#[tokio::test]
async fn moving_continues_after_an_interruption_and_the_schema_check_fails_until_it_is_done() {
    let old = Old::new("relocation_stop").await;
    let before = old.contents().await;
    let mut runs = 0;
    // Breaks off after every second batch.
    loop {
        runs += 1;
        let mut batches = 0;
        let mut stop_after = |_: RelocationProgress| {
            batches += 1;
            if batches > 2 { Err(Error::Conflict("broken off".into())) } else { Ok(()) }
        };
        match old.store.migrate_with(&mut stop_after).await {
            Ok(_) => break,
            Err(error) => assert_eq!(error.to_string(), "broken off"),
        }
        let refused = old.store.check_schema().await.unwrap_err().to_string();
        assert!(refused.contains("run 'flowcast migrate', which continues an interrupted run"), "{refused}");
    }
    assert!(runs > 5, "{runs}");
    old.store.check_schema().await.unwrap();
    assert_eq!(old.contents().await, before);
    old.close().await;
}
