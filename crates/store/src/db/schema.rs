//! Database migrations, embedded and forward-only.

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::grants::grant;
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

    /// Fails if the tables are of another version than this program.
    pub async fn check_schema(&self) -> Result<(), Error> {
        let client = self.client().await?;
        let table = "select to_regclass('refinery_schema_history') is not null";
        if !client.query_one(table, &[]).await?.get::<_, bool>(0) {
            return Err(Error::Schema("the database has no tables yet; run 'flowcast migrate'".into()));
        }
        let found: i64 = client.query_one(LAST_MIGRATION, &[]).await?.get(0);
        let known =
            embedded::migrations::runner().get_migrations().iter().map(|m| i64::from(m.version())).max();
        let has_old: bool = client.query_one(HAS_OLD_TABLES, &[]).await?.get(0);
        match found.cmp(&known.unwrap_or(0)) {
            std::cmp::Ordering::Equal if has_old => Err(Error::Schema(
                "rows of campaigns are still in their old tables; run 'flowcast migrate', which continues an interrupted run"
                    .into(),
            )),
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
