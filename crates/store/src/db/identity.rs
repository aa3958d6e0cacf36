//! The identity of the database: the one of this connection, and the one that was confirmed.
//!
//! The row of `installation` has the confirmed identity. A promoted standby, a recovered or restored backup and a copy have this row as
//! well, and differ from it (docs/adr/0019). Claims compare the two (`sending`), and so does everything that opens a sender.

use jiff::Timestamp;
use tokio_postgres::Row;

use crate::db::connection::Store;
use crate::db::error::Error;
use crate::db::pool::Connection;

const SELECT: &str = "
select pg_is_in_recovery() as is_standby, is_confirmed(), n.system_identifier::text as system, n.timeline, n.database_id::bigint as database,
    i.tableoid::bigint as table, i.system_identifier::text as confirmed_system, i.timeline as confirmed_timeline,
    i.database_id::bigint as confirmed_database, i.table_id::bigint as confirmed_table, i.confirmed_at, i.confirmed_by,
    i.difference_seen_at
from installation i cross join database_now() n";

/// The advisory lock between a confirmation and the workers that record outcomes again.
pub(crate) const RECORDING_LOCK: &str = "hashtextextended('flowcast: outcomes recorded again', 0)";

/// What tells one database from its copies. `None`: PostgreSQL does not say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseIdentity {
    /// The system identifier of the cluster.
    pub system: Option<String>,
    /// The timeline that the server writes, in hexadecimal.
    pub timeline: Option<String>,
    /// The OID of the database.
    pub database: Option<i64>,
    /// The OID of the table that has the confirmed identity.
    pub table: Option<i64>,
}

/// From which database one comes: a standby, a backup and a copy have the confirmed identity of their origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineage {
    system: Option<String>,
    database: Option<i64>,
}

/// How the database of this connection differs from the confirmed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseDifference {
    /// The server is a standby, which writes no timeline of its own.
    Standby,
    /// Another cluster.
    System,
    /// Another timeline: a standby was promoted, or a backup was recovered.
    Timeline,
    /// Another database of the cluster, such as a copy.
    Database,
    /// The tables were restored from a dump.
    Table,
}

/// The database of this connection beside the confirmed one.
#[derive(Clone, Debug)]
pub struct DatabaseState {
    /// Whether the server is a standby.
    pub is_standby: bool,
    /// Whether claims are granted, as the claims find it.
    pub is_confirmed: bool,
    /// The identity now.
    pub now: DatabaseIdentity,
    /// The confirmed identity.
    pub confirmed: DatabaseIdentity,
    /// When it was confirmed.
    pub confirmed_at: Option<Timestamp>,
    /// Who confirmed it.
    pub confirmed_by: Option<String>,
    /// Since when a producer sees a difference.
    pub differs_since: Option<Timestamp>,
}

impl DatabaseState {
    pub(crate) async fn read(client: &Connection) -> Result<Self, Error> {
        let row = client.query_one(&client.prepare_cached(SELECT).await?, &[]).await?;
        Ok(Self {
            is_standby: row.get("is_standby"),
            is_confirmed: row.get("is_confirmed"),
            now: identity(&row, ["system", "timeline", "database", "table"]),
            confirmed: identity(
                &row,
                ["confirmed_system", "confirmed_timeline", "confirmed_database", "confirmed_table"],
            ),
            confirmed_at: row.get("confirmed_at"),
            confirmed_by: row.get("confirmed_by"),
            differs_since: row.get("difference_seen_at"),
        })
    }

    /// From which database this one comes. Its timeline does not matter: an earlier failover changed it.
    pub fn lineage(&self) -> Lineage {
        Lineage { system: self.confirmed.system.clone(), database: self.confirmed.database }
    }

    /// How the database differs from the confirmed one; empty if it does not.
    pub fn differences(&self) -> Vec<DatabaseDifference> {
        let (now, confirmed) = (&self.now, &self.confirmed);
        let timeline =
            if self.is_standby { DatabaseDifference::Standby } else { DatabaseDifference::Timeline };
        [
            (now.system != confirmed.system, DatabaseDifference::System),
            (now.timeline != confirmed.timeline, timeline),
            (now.database != confirmed.database, DatabaseDifference::Database),
            (now.table != confirmed.table, DatabaseDifference::Table),
        ]
        .into_iter()
        .filter_map(|(differs, difference)| differs.then_some(difference))
        .collect()
    }
}

impl DatabaseDifference {
    /// The difference in words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Standby => "the server is a standby",
            Self::System => "another PostgreSQL cluster",
            Self::Timeline => "another timeline: a standby was promoted, or a backup was recovered",
            Self::Database => "another database of the cluster",
            Self::Table => "the tables were restored from a dump",
        }
    }
}

fn identity(row: &Row, [system, timeline, database, table]: [&str; 4]) -> DatabaseIdentity {
    DatabaseIdentity {
        system: row.get(system),
        timeline: row.get(timeline),
        database: row.get(database),
        table: row.get(table),
    }
}

/// Whether this connection leads to the confirmed database.
pub(crate) async fn is_confirmed(client: &Connection) -> Result<bool, Error> {
    Ok(client.query_one(&client.prepare_cached("select is_confirmed()").await?, &[]).await?.get(0))
}

/// The error of everything that would send from another database than the confirmed one.
pub(crate) fn not_confirmed() -> Error {
    Error::Conflict(
        "the database is not the one that was confirmed, because PostgreSQL failed over or a backup was restored, so nothing is sent; \
         'flowcast database show' shows the difference, and 'flowcast database confirm' confirms the database"
            .into(),
    )
}

impl Store {
    /// The database of this connection beside the confirmed one.
    pub async fn database_state(&self) -> Result<DatabaseState, Error> {
        let client = self.client().await?;
        DatabaseState::read(&client).await
    }

    /// Fails if the database is not the confirmed one.
    pub async fn check_confirmed(&self) -> Result<(), Error> {
        let client = self.client().await?;
        if is_confirmed(&client).await? { Ok(()) } else { Err(not_confirmed()) }
    }
}
