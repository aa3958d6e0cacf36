//! What a stack itself needs from PostgreSQL: whether it is ready, its version, and databases for scopes.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, NoTls};
use url::Url;

use crate::Error;

const PATIENCE: Duration = Duration::from_secs(5);
/// How long a change of the replication may take on a busy machine.
const LOOK_LIMIT: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

/// Prefix of all databases of scopes; the time of their creation by the database clock follows.
const PREFIX: &str = "flowcast_test_";

/// An unused database of a scope is dropped when it is older than this.
const LEFTOVER_SECONDS: i64 = 3600;

/// Opens a connection and returns the version of the server.
pub(crate) async fn probe(url: &Url) -> Result<String, Error> {
    let client = connect(url).await?;
    let row =
        client.query_one("show server_version", &[]).await.map_err(Error::database("ask for the version"))?;
    let version: String = row.try_get(0).map_err(Error::database("ask for the version"))?;
    Ok(version.split(' ').next().unwrap_or_default().to_owned())
}

/// Creates an empty database whose name ends in `suffix`, and returns its name.
pub(crate) async fn create(url: &Url, suffix: &str) -> Result<String, Error> {
    let client = connect(url).await?;
    let now = seconds(&client).await?;
    let name = format!("{PREFIX}{now}_{suffix}");
    client
        .batch_execute(&format!("create database {name} template template1"))
        .await
        .map_err(Error::database("create a database"))?;
    Ok(name)
}

/// Drops a database of a scope, and terminates its open connections.
pub(crate) async fn drop_database(url: &Url, name: &str) -> Result<(), Error> {
    let client = connect(url).await?;
    client
        .batch_execute(&format!("drop database if exists {name} with (force)"))
        .await
        .map_err(Error::database("drop a database"))
}

/// Drops the databases that scopes of crashed runs left, except databases in use.
pub(crate) async fn sweep(url: &Url) -> Result<(), Error> {
    let client = connect(url).await?;
    let now = seconds(&client).await?;
    let pattern = format!("{PREFIX}%");
    let rows = client
        .query("select datname::text from pg_database where datname like $1", &[&pattern])
        .await
        .map_err(Error::database("list databases"))?;
    for row in rows {
        let name: String = row.try_get(0).map_err(Error::database("list databases"))?;
        if created_at(&name).is_some_and(|created| created < now - LEFTOVER_SECONDS) {
            let dropped = client.batch_execute(&format!("drop database if exists {name}")).await;
            if let Err(error) = dropped {
                tracing::debug!(%error, name, "a leftover database was not dropped");
            }
        }
    }
    Ok(())
}

/// Executes statements.
pub(crate) async fn execute(url: &Url, statements: &str) -> Result<(), Error> {
    let client = connect(url).await?;
    for statement in statements.split(';').filter(|statement| !statement.trim().is_empty()) {
        client.batch_execute(statement).await.map_err(Error::database("execute a statement"))?;
    }
    Ok(())
}

/// Waits until a query returns this number.
pub(crate) async fn wait_for(url: &Url, query: &str, wanted: i64) -> Result<(), Error> {
    let client = connect(url).await?;
    let found = async {
        loop {
            let row = client.query_one(query, &[]).await.map_err(Error::database("look at a server"))?;
            if row.try_get::<_, i64>(0).map_err(Error::database("look at a server"))? == wanted {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
    };
    timeout(LOOK_LIMIT, found).await.map_err(|_| Error::TimedOut { doing: "change the replication" })?
}

async fn connect(url: &Url) -> Result<Client, Error> {
    let (client, connection) = timeout(PATIENCE, tokio_postgres::connect(url.as_str(), NoTls))
        .await
        .map_err(|_| Error::TimedOut { doing: "connect to PostgreSQL" })?
        .map_err(Error::database("connect"))?;
    tokio::spawn(connection);
    Ok(client)
}

async fn seconds(client: &Client) -> Result<i64, Error> {
    let row = client
        .query_one("select extract(epoch from now())::bigint", &[])
        .await
        .map_err(Error::database("ask for the time"))?;
    row.try_get(0).map_err(Error::database("ask for the time"))
}

/// When a database of a scope was created; `None` for any other database.
fn created_at(name: &str) -> Option<i64> {
    let (seconds, suffix) = name.strip_prefix(PREFIX)?.split_once('_')?;
    let ours = suffix.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if ours { seconds.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_databases_of_scopes_have_a_time_of_creation() {
        assert_eq!(created_at("flowcast_test_1790000000_import_a1b2"), Some(1_790_000_000));
        for other in
            ["postgres", "flowcast_test_", "flowcast_test_x_1", "flowcast_test_17", "flowcast_test_1_a;b"]
        {
            assert_eq!(created_at(other), None, "{other}");
        }
    }
}
