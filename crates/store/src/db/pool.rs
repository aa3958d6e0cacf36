//! Connections of the pool: created, and replaced after errors of their session.
//!
//! **Invariants.**
//! - After an error of a session ([`is_of_session`]), every connection that was made before the error is replaced when it is taken
//!   next. So a read-only server gets no second statement, and no lost prepared statement is used again.
//! - Every statement and commit passes [`Connection::wait_for_answer`]. One without an answer is not cancelled: a cancelled commit that waits
//!   for a synchronous standby is committed on this server only. Its connection executes no other statement and is dropped, and so is
//!   every connection that was made before.

use std::ops::{Deref, DerefMut};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use deadpool_postgres::ClientWrapper;
use futures::FutureExt;
use tokio::sync::OwnedMappedMutexGuard;
use tokio::time::{Instant, timeout};
use tokio_postgres::error::Error;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement, ToStatement};

use crate::db::connector::{Connected, Connector};
use crate::db::error::Error as StoreError;
use crate::db::presence::Presence;
use crate::db::sqlstate::{Fault, is_of_session};
use crate::db::unanswered::{LeftBehind, Unanswered, unanswered};
use crate::db::{metrics, servers};

/// Connections younger than this are kept. So during an outage a process makes at most one pool of connections in this time.
const YOUNG: Duration = Duration::from_secs(1);
/// How often a process logs that PostgreSQL does not answer.
const LOG_EVERY: Duration = Duration::from_secs(30);

/// A connection taken from the pool.
pub(crate) type Pooled = managed::Object<Manager>;

/// A connection to execute statements with.
pub(crate) enum Client {
    /// Taken from the pool, and returned to it when it is dropped.
    Pooled(Pooled),
    /// The connection of a change, which other calls of the same change wait for.
    Bound(OwnedMappedMutexGuard<Bound, Connection>),
}

impl Deref for Client {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        match self {
            Self::Pooled(client) => client,
            Self::Bound(client) => client,
        }
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Connection {
        match self {
            Self::Pooled(client) => client,
            Self::Bound(client) => client,
        }
    }
}

/// The connection of a change, in its transaction.
pub(crate) struct Bound(pub(crate) Pooled);

impl Drop for Bound {
    fn drop(&mut self) {
        self.0.unbind();
    }
}

/// The time of the last error of a session.
#[derive(Clone, Debug, Default)]
struct Trouble(Arc<Mutex<Option<Instant>>>);

impl Trouble {
    /// Returns the result, and notes an error of a session.
    fn look<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        metrics::note_result(&result);
        if let Err(error) = &result
            && error.as_db_error().is_some_and(|error| is_of_session(Fault::of(error)))
        {
            self.note();
        }
        result
    }

    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
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
    answer_timeout: Duration,
    presence: Arc<Presence>,
    unanswered: Unanswered,
}

impl Manager {
    /// For a pool of `most` connections.
    pub(crate) fn new(connector: Connector, answer_timeout: Duration, most: usize) -> Self {
        let presence = Arc::new(Presence::new(connector.clone()));
        let (trouble, unanswered) = (Trouble::default(), Unanswered::new(most));
        Self { connector, trouble, answer_timeout, presence, unanswered }
    }
}

impl managed::Manager for Manager {
    type Type = Connection;
    type Error = StoreError;

    async fn create(&self) -> Result<Connection, StoreError> {
        let Connected { client, connection, server } = Box::pin(self.connector.connect()).await?;
        Ok(Connection {
            client: Arc::new(ClientWrapper::new(client, connection)),
            left_behind: self.unanswered.of(&server),
            server,
            made_at: Instant::now(),
            trouble: self.trouble.clone(),
            is_bound: false,
            answer_timeout: self.answer_timeout,
            presence: Arc::clone(&self.presence),
            is_unanswered: AtomicBool::new(false),
            has_no_limit: AtomicBool::new(false),
        })
    }

    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<StoreError> {
        if connection.client.is_closed() {
            return Err(RecycleError::message("it was closed"));
        }
        if *connection.is_unanswered.get_mut() {
            return Err(RecycleError::message("a statement got no answer"));
        }
        *connection.has_no_limit.get_mut() = false;
        if self.trouble.is_after(connection.made_at) {
            return Err(RecycleError::message("a session of its age had an error"));
        }
        Ok(())
    }
}

/// A connection with its prepared statements. The methods are those of [`tokio_postgres::Client`].
pub(crate) struct Connection {
    client: Arc<ClientWrapper>,
    left_behind: LeftBehind,
    /// Host and port.
    server: Arc<str>,
    made_at: Instant,
    trouble: Trouble,
    /// Whether a transaction is open that [`Connection::bind`] began.
    is_bound: bool,
    answer_timeout: Duration,
    presence: Arc<Presence>,
    /// Whether a statement got no answer in time.
    is_unanswered: AtomicBool,
    /// Whether statements of the transaction may take any time.
    has_no_limit: AtomicBool,
}

impl Connection {
    /// Begins a transaction that lasts until [`Connection::commit_bound`] or [`Connection::unbind`]; meanwhile
    /// [`Connection::transaction`] makes savepoints.
    pub(crate) async fn bind(&mut self) -> Result<(), Error> {
        self.is_bound = true;
        self.batch_execute("begin").await
    }

    /// Commits the transaction of [`Connection::bind`].
    pub(crate) async fn commit_bound(&mut self) -> Result<(), Error> {
        let committed = self.batch_execute("commit").await;
        self.is_bound = false;
        committed
    }

    /// Rolls the transaction of [`Connection::bind`] back.
    pub(crate) async fn roll_back_bound(&mut self) -> Result<(), Error> {
        self.batch_execute("rollback").await?;
        self.is_bound = false;
        Ok(())
    }

    /// Rolls the transaction of [`Connection::bind`] back before the next statement of this connection.
    pub(crate) fn unbind(&mut self) {
        if std::mem::take(&mut self.is_bound) {
            self.send("rollback");
        }
    }

    /// Sends a statement without waiting for its result. A connection executes statements in the order in which they are sent,
    /// and a statement is sent when its future is polled first.
    fn send(&self, statement: &str) {
        drop(self.client.batch_execute(statement).now_or_never());
    }

    /// How long a statement waits for its answer ([`Config::answer_timeout`](crate::Config::answer_timeout)); `None`: for any time. Fails if a statement before it
    /// got none.
    fn limit(&self) -> Result<Option<Duration>, Error> {
        if self.is_unanswered.load(Ordering::Relaxed) {
            return Err(unanswered());
        }
        let has_no_limit = self.has_no_limit.load(Ordering::Relaxed) || self.left_behind.is_full();
        Ok((!has_no_limit).then_some(self.answer_timeout))
    }

    /// Waits for the answer to a statement. Whether a statement without an answer was executed is unknown.
    async fn wait_for_answer<T>(
        &self,
        answer: Pin<&mut impl Future<Output = Result<T, Error>>>,
    ) -> Result<T, Error> {
        let limit = self.limit()?;
        let asked = Instant::now();
        let too_late = async {
            match limit {
                Some(limit) => drop(timeout(limit, self.presence.lost(&self.server)).await),
                None => std::future::pending().await,
            }
        };
        self.trouble.look(tokio::select! {
            biased;
            answer = answer => answer,
            () = too_late => {
                self.give_up(asked.elapsed());
                Err(unanswered())
            }
        })
    }

    /// Notes that a statement got no answer in this time, and logs it now and then.
    fn give_up(&self, waited: Duration) {
        static LOGGED: Mutex<Option<Instant>> = Mutex::new(None);
        self.is_unanswered.store(true, Ordering::Relaxed);
        self.left_behind.keep(Arc::clone(&self.client));
        self.trouble.note();
        servers::note_failed(&self.server);
        let mut logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.is_none_or(|at| at.elapsed() >= LOG_EVERY) {
            *logged = Some(Instant::now());
            let server = &*self.server;
            tracing::warn!(
                server,
                "PostgreSQL at {server} does not answer: a statement got no answer within {waited:.0?}, so its connection is dropped, and whether it \
                 was executed is unknown; PostgreSQL is suspended or cut off, or a commit waits for a synchronous standby that is away"
            );
        }
    }

    /// Removes the time limits of the statements of the current transaction.
    pub(crate) async fn remove_limits(&self) -> Result<(), Error> {
        self.batch_execute("set local statement_timeout = 0").await?;
        self.has_no_limit.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Drops all prepared statements if there are more than `most`.
    pub(crate) fn keep_prepared(&self, most: usize) {
        if self.client.statement_cache.size() > most {
            self.client.statement_cache.clear();
        }
    }

    pub(crate) async fn prepare_cached(&self, statement: &str) -> Result<Statement, Error> {
        self.wait_for_answer(pin!(self.client.prepare_cached(statement))).await
    }

    pub(crate) async fn execute<T: ?Sized + ToStatement>(
        &self,
        statement: &T,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Error> {
        self.wait_for_answer(pin!(self.client.execute(statement, parameters))).await
    }

    pub(crate) async fn query<T: ?Sized + ToStatement>(
        &self,
        statement: &T,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        self.wait_for_answer(pin!(self.client.query(statement, parameters))).await
    }

    pub(crate) async fn query_one<T: ?Sized + ToStatement>(
        &self,
        statement: &T,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Row, Error> {
        self.wait_for_answer(pin!(self.client.query_one(statement, parameters))).await
    }

    pub(crate) async fn query_opt<T: ?Sized + ToStatement>(
        &self,
        statement: &T,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, Error> {
        self.wait_for_answer(pin!(self.client.query_opt(statement, parameters))).await
    }

    pub(crate) async fn batch_execute(&self, statements: &str) -> Result<(), Error> {
        self.wait_for_answer(pin!(self.client.batch_execute(statements))).await
    }

    pub(crate) async fn transaction(&mut self) -> Result<Transaction<'_>, Error> {
        let end = if self.is_bound { End::Savepoint("change") } else { End::Whole };
        Transaction::begin(self, end).await
    }

    /// A transaction, not within a change, whose statements are planned once for all values: for statements that are written for the volume of their
    /// campaign, or that use no table of a volume.
    pub(crate) async fn transaction_with_kept_plans(&mut self) -> Result<Transaction<'_>, Error> {
        Transaction::begin_with(self, "begin; set local plan_cache_mode = force_generic_plan", End::Whole)
            .await
    }
}

/// A transaction of a [`Connection`], or a savepoint in it; it is rolled back unless it is committed.
pub(crate) struct Transaction<'a> {
    connection: &'a Connection,
    end: End<'a>,
    is_open: bool,
}

/// How a transaction ends.
#[derive(Clone, Copy)]
enum End<'a> {
    Whole,
    Savepoint(&'a str),
}

impl<'a> Transaction<'a> {
    async fn begin(connection: &'a Connection, end: End<'a>) -> Result<Self, Error> {
        match end {
            End::Whole => Self::begin_with(connection, "begin", end).await,
            End::Savepoint(name) => Self::begin_with(connection, &format!("savepoint {name}"), end).await,
        }
    }

    async fn begin_with(connection: &'a Connection, statement: &str, end: End<'a>) -> Result<Self, Error> {
        // Made before the statement is sent: a caller that gives up meanwhile rolls back.
        let begun = Self { connection, end, is_open: true };
        connection.batch_execute(statement).await?;
        Ok(begun)
    }

    /// A savepoint, which can be rolled back alone.
    pub(crate) async fn savepoint(&mut self, name: &'a str) -> Result<Transaction<'_>, Error> {
        Transaction::begin(self.connection, End::Savepoint(name)).await
    }

    pub(crate) async fn rollback(mut self) -> Result<(), Error> {
        self.is_open = false;
        self.connection.batch_execute(&self.undo()).await
    }

    pub(crate) async fn commit(mut self) -> Result<(), Error> {
        match self.end {
            End::Whole => self.connection.batch_execute("commit").await?,
            End::Savepoint(name) => self.connection.batch_execute(&format!("release {name}")).await?,
        }
        self.is_open = false;
        Ok(())
    }

    fn undo(&self) -> String {
        match self.end {
            End::Whole => "rollback".to_owned(),
            End::Savepoint(name) => format!("rollback to {name}; release {name}"),
        }
    }
}

impl Deref for Transaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.connection.send(&self.undo());
        }
    }
}
