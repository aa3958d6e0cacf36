//! Database migrations, embedded and forward-only.

use crate::db::compatibility::{self, Tables};
use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::grants::grant;
use crate::db::pool::Client;
use crate::db::relocation::{HAS_OLD_TABLES, RelocationProgress};
use crate::db::sqlstate::{Fault, Kind, kind, sentence};

mod embedded {
    refinery::embed_migrations!("../../migrations");
}

/// Settings of the database. Each run makes them, because `pg_dump` does not contain them. Reports join the tables of all
/// volumes, so the planner estimates high costs; JIT compilation of such a query takes 600 ms, executing it 5 ms.
const SETTINGS: &str = "
    do $$ begin
        execute format('alter database %I set jit = off', current_database());
    exception when insufficient_privilege then
        raise notice 'jit stays as it is: % does not own the database', current_user;
    end $$";

const LAST_MIGRATION: &str = "select coalesce(max(version), 0)::int8 from refinery_schema_history";

const COMPATIBLE_FROM: &str = "select schema_compatible_from::int8 from installation";
const HAS_TABLES: &str = "select to_regclass('refinery_schema_history') is not null";

/// The result of a migration run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// Names of the migrations applied now, in order.
    pub applied: Vec<String>,
}

impl Store {
    /// Applies the migrations of this version. Several processes may do it at once.
    pub async fn migrate(&self) -> Result<Migrated, Error> {
        self.migrate_with(&mut |_| Ok(())).await
    }

    /// Applies the migrations, with progress while rows are moved to new tables. An error of `progress` stops the moving; the
    /// next call continues it.
    pub async fn migrate_with(
        &self,
        progress: &mut (dyn FnMut(RelocationProgress) -> Result<(), Error> + Send),
    ) -> Result<Migrated, Error> {
        // Concurrent runs wait for each other. The lock belongs to a transaction: behind a pooler, a connection outlives this
        // process and would keep a session lock.
        let lock = self.own_client().await?;
        let wait =
            "begin; set local idle_in_transaction_session_timeout = 0; set local statement_timeout = 0";
        lock.batch_execute(wait).await?;
        lock.execute("select pg_advisory_xact_lock(hashtext('flowcast.migrate'))", &[]).await?;
        let user: String = lock.query_one("select current_user::text", &[]).await?.get(0);
        let mut client = self.own_client().await?;
        refuse_newer(&client).await?;
        let report = embedded::migrations::runner().run_async(&mut client).await;
        let report = report.map_err(|error| failed(&error, &user))?;
        client.batch_execute(SETTINGS).await?;
        if client.query_one(HAS_OLD_TABLES, &[]).await?.get(0) {
            Self::relocate(&mut client, progress).await?;
        }
        lock.batch_execute("commit").await?;
        Ok(Migrated { applied: report.applied_migrations().iter().map(ToString::to_string).collect() })
    }

    /// The number of the last migration.
    pub async fn schema_version(&self) -> Result<i64, Error> {
        Ok(self.client().await?.query_one(LAST_MIGRATION, &[]).await?.get(0))
    }

    /// Fails if the tables are of a version that this program does not work with.
    pub async fn check_schema(&self) -> Result<(), Error> {
        let client = self.client().await?;
        if !client.query_one(HAS_TABLES, &[]).await?.get::<_, bool>(0) {
            return Err(Error::Schema("the database has no tables yet; run 'flowcast migrate'".into()));
        }
        let tables = tables(&client).await?;
        let has_old: bool = client.query_one(HAS_OLD_TABLES, &[]).await?.get(0);
        match compatibility::refusal(tables, last_known()) {
            Some(problem) => Err(Error::Schema(problem)),
            None if has_old => Err(Error::Schema(
                "rows of campaigns are still in their old tables; run 'flowcast migrate', which continues an interrupted run"
                    .into(),
            )),
            None => Ok(()),
        }
    }
}

/// Fails if the tables have a migration that this program does not know.
async fn refuse_newer(client: &tokio_postgres::Client) -> Result<(), Error> {
    if !client.query_one(HAS_TABLES, &[]).await?.get::<_, bool>(0) {
        return Ok(());
    }
    let (last, known) = (client.query_one(LAST_MIGRATION, &[]).await?.get::<_, i64>(0), last_known());
    if last <= known {
        return Ok(());
    }
    Err(Error::Schema(format!(
        "the tables are of a newer version: their last migration is {last}, and this program knows {known} at most; nothing was changed; \
         run 'flowcast migrate' of the newest version"
    )))
}

/// The number of the last migration of this program.
fn last_known() -> i64 {
    let migrations = embedded::migrations::runner();
    migrations.get_migrations().iter().map(|migration| i64::from(migration.version())).max().unwrap_or(0)
}

/// The tables of the database, which has some.
async fn tables(client: &Client) -> Result<Tables, Error> {
    let last: i64 = client.query_one(LAST_MIGRATION, &[]).await?.get(0);
    let compatible_from = match client.query_one(COMPATIBLE_FROM, &[]).await {
        Ok(row) => row.get(0),
        // The column does not exist before migration 42.
        Err(_) if last < compatibility::OLDEST => 0,
        Err(error) => return Err(error.into()),
    };
    Ok(Tables { last, compatible_from })
}

/// The error of a failed migration: which one, why, and what to do.
fn failed(error: &refinery::Error, user: &str) -> Error {
    let (doing, cause) = match error.kind() {
        refinery::error::Kind::Connection(doing, source) => (doing.as_str(), source.downcast_ref()),
        _ => ("", None),
    };
    let Some(found) = cause.and_then(tokio_postgres::Error::as_db_error) else {
        return Error::Schema(format!("a migration failed and was rolled back: {error}"));
    };
    let fault = Fault::of(found);
    let code = fault.code.to_owned();
    match kind(fault) {
        Kind::Denied => {
            let help = grant(fault.says, Some(user));
            let help = help.unwrap_or_else(|| format!("have the owner of the database grant it to {user}"));
            let reason = format!(
                "{doing}: {user} lacks a privilege ({code}): {}; {help}; then run 'flowcast migrate' again",
                fault.says
            );
            Error::Denied { reason, source: code.into() }
        }
        Kind::Trouble => {
            Error::unavailable(format!("{doing}: {}; the migration was rolled back", sentence(fault)), code)
        }
        // The message about a value may contain the value.
        Kind::Data => Error::Schema(format!(
            "{doing}; the migration was rolled back: PostgreSQL refused a value ({code})"
        )),
        Kind::Statement | Kind::Schema => {
            Error::Schema(format!("{doing}; the migration was rolled back: {} ({code})", fault.says))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first migration whose first line says what it does.
    const FIRST: i64 = 42;

    #[test]
    fn every_migration_says_whether_older_builds_work_with_its_tables() {
        let runner = embedded::migrations::runner();
        let declared =
            runner.get_migrations().iter().filter(|migration| i64::from(migration.version()) >= FIRST);
        let mut found = 0;
        for migration in declared {
            let (name, number) = (migration.to_string(), migration.version());
            let sql = migration.sql().unwrap_or_default();
            let says = format!("update installation set schema_compatible_from = {number};");
            let line = sql.lines().next().unwrap_or_default();
            let is_contract = line.starts_with("-- contract: ");
            assert!(is_contract || line.starts_with("-- expand: "), "{name} begins with '{line}'");
            assert_eq!(sql.lines().any(|line| line == says), is_contract, "{name}: {says}");
            found += 1;
        }
        assert!(found > 0);
        assert!((FIRST..=last_known()).contains(&compatibility::OLDEST));
    }
}
