//! Connections of the pool: created, and replaced after errors of their session.
//!
//! **Invariant.** After an error of a session ([`is_of_session`]), every connection that was made before the error is replaced
//! when it is taken next. So a read-only server gets no second statement, and no lost prepared statement is used again.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use deadpool_postgres::ClientWrapper;
use tokio::time::Instant;
use tokio_postgres::error::Error;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement, ToStatement};

use crate::db::connector::Connector;
use crate::db::sqlstate::{Fault, is_of_session};

/// Connections younger than this are kept. So during an outage a process makes at most one pool of connections in this time.
const YOUNG: Duration = Duration::from_secs(1);

/// A connection taken from the pool.
pub(crate) type Pooled = managed::Object<Manager>;

/// The time of the last error of a session.
#[derive(Clone, Debug, Default)]
struct Trouble(Arc<Mutex<Option<Instant>>>);

impl Trouble {
    /// Returns the result, and notes an error of a session.
    fn look<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        if let Err(error) = &result
            && error.as_db_error().is_some_and(|error| is_of_session(Fault::of(error)))
        {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        result
    }

    fn is_after(&self, made_at: Instant) -> bool {
        let last = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        last.is_some_and(|last| last > made_at + YOUNG)
    }
}

/// Makes connections, and decides which connections are used again.
pub(crate) struct Manager {
    connector: Connector,
    trouble: Trouble,
}

impl Manager {
    pub(crate) fn new(connector: Connector) -> Self {
        Self { connector, trouble: Trouble::default() }
    }
}

impl managed::Manager for Manager {
    type Type = Connection;
    type Error = Error;

    async fn create(&self) -> Result<Connection, Error> {
        let (client, task) = self.connector.connect().await?;
        let client = ClientWrapper::new(client, task);
        Ok(Connection { client, made_at: Instant::now(), trouble: self.trouble.clone() })
    }

    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<Error> {
        if connection.client.is_closed() {
            return Err(RecycleError::message("it was closed"));
        }
        if self.trouble.is_after(connection.made_at) {
            return Err(RecycleError::message("a session of its age had an error"));
        }
        Ok(())
    }
}

/// A connection with its prepared statements. The methods are those of [`tokio_postgres::Client`].
pub(crate) struct Connection {
    client: ClientWrapper,
    made_at: Instant,
    trouble: Trouble,
}

impl Connection {
    /// Drops all prepared statements if there are more than `most`.
    pub(crate) fn keep_prepared(&self, most: usize) {
        if self.client.statement_cache.size() > most {
            self.client.statement_cache.clear();
        }
    }

    pub(crate) async fn prepare_cached(&self, statement: &str) -> Result<Statement, Error> {
        self.trouble.look(self.client.prepare_cached(statement).await)
    }

    pub(crate) async fn execute<T: ?Sized + ToStatement>(
        &self,
        statement: &T,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Error> {
        self.trouble.look(self.client.execute(statement, parameters).await)
    }

    pub(crate) async fn query<T: ?Sized + ToStatement>(
        &self,
        statement: &T,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        self.trouble.look(self.client.query(statement, parameters).await)
    }

    pub(crate) async fn query_one<T: ?Sized + ToStatement>(
        &self,
        statement: &T,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, Error> {
        self.trouble.look(self.client.query_one(statement, parameters).await)
    }

    pub(crate) async fn query_opt<T: ?Sized + ToStatement>(
        &self,
        statement: &T,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, Error> {
        self.trouble.look(self.client.query_opt(statement, parameters).await)
    }

    pub(crate) async fn batch_execute(&self, statements: &str) -> Result<(), Error> {
        self.trouble.look(self.client.batch_execute(statements).await)
    }

    pub(crate) async fn transaction(&mut self) -> Result<Transaction<'_>, Error> {
        let tx = self.trouble.look(self.client.transaction().await)?;
        Ok(Transaction { tx, trouble: &self.trouble })
    }
}

/// A transaction of a [`Connection`]; it is rolled back unless it is committed.
pub(crate) struct Transaction<'a> {
    tx: deadpool_postgres::Transaction<'a>,
    trouble: &'a Trouble,
}

impl Transaction<'_> {
    pub(crate) async fn prepare_cached(&self, statement: &str) -> Result<Statement, Error> {
        self.trouble.look(self.tx.prepare_cached(statement).await)
    }

    pub(crate) async fn execute<T: ?Sized + ToStatement>(
        &self,
        statement: &T,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Error> {
        self.trouble.look(self.tx.execute(statement, parameters).await)
    }

    pub(crate) async fn query<T: ?Sized + ToStatement>(
        &self,
        statement: &T,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        self.trouble.look(self.tx.query(statement, parameters).await)
    }

    pub(crate) async fn query_one<T: ?Sized + ToStatement>(
        &self,
        statement: &T,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, Error> {
        self.trouble.look(self.tx.query_one(statement, parameters).await)
    }

    pub(crate) async fn query_opt<T: ?Sized + ToStatement>(
        &self,
        statement: &T,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, Error> {
        self.trouble.look(self.tx.query_opt(statement, parameters).await)
    }

    /// A savepoint, which can be rolled back alone.
    pub(crate) async fn savepoint(&mut self, name: &str) -> Result<Transaction<'_>, Error> {
        let tx = self.trouble.look(self.tx.savepoint(name).await)?;
        Ok(Transaction { tx, trouble: self.trouble })
    }

    pub(crate) async fn rollback(self) -> Result<(), Error> {
        self.trouble.look(self.tx.rollback().await)
    }

    pub(crate) async fn commit(self) -> Result<(), Error> {
        self.trouble.look(self.tx.commit().await)
    }
}
