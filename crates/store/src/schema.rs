//! The migrations, embedded and forward-only.

use crate::connection::Store;
use crate::error::Error;

mod embedded {
    refinery::embed_migrations!("../../migrations");
}

/// What a migration run did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// Names of the migrations applied now, in order.
    pub applied: Vec<String>,
}

impl Store {
    /// Brings the tables to this program's version. Safe to run from several processes at once.
    pub async fn migrate(&self) -> Result<Migrated, Error> {
        let mut client = self.own_client().await?;
        // Two runs at once wait for each other; the lock goes with the connection.
        client.execute("select pg_advisory_lock(hashtext('flowcast.migrate'))", &[]).await?;
        let report = embedded::migrations::runner().run_async(&mut client).await.map_err(|error| {
            let cause =
                std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            Error::Schema(format!("a migration failed, nothing of it was kept: {cause}"))
        })?;
        Ok(Migrated { applied: report.applied_migrations().iter().map(ToString::to_string).collect() })
    }

    /// Refuses to work with tables of another version than this program's.
    pub async fn check_schema(&self) -> Result<(), Error> {
        let client = self.client().await?;
        let table = "select to_regclass('refinery_schema_history') is not null";
        if !client.query_one(table, &[]).await?.get::<_, bool>(0) {
            return Err(Error::Schema("the database has no tables yet; run 'flowcast migrate'".into()));
        }
        let history = "select coalesce(max(version), 0)::int8 from refinery_schema_history";
        let found: i64 = client.query_one(history, &[]).await?.get(0);
        let known =
            embedded::migrations::runner().get_migrations().iter().map(|m| i64::from(m.version())).max();
        match found.cmp(&known.unwrap_or(0)) {
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Less => {
                Err(Error::Schema("the tables are of an older version; run 'flowcast migrate'".into()))
            }
            std::cmp::Ordering::Greater => {
                Err(Error::Schema("the tables are of a newer version; update this program".into()))
            }
        }
    }
}
