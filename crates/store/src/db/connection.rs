//! The connection pool, and connections outside the pool: for imports, reports, maintenance, migrations and notifications.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{Pool, PoolError, Timeouts};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use crate::db::address::{Address, PoolMode};
use crate::db::clock::DatabaseClock;
use crate::db::config::{Config, Failover};
use crate::db::connector::{Connected, Connector, Limits, OwnConnection};
use crate::db::error::Error;
use crate::db::metrics;
use crate::db::pool::{Bound, Client as PoolClient, Manager, Pooled};
use crate::db::tls::Tls;

/// A connection with more prepared statements than this drops all of them when it is taken from the pool. Each costs PostgreSQL
/// between ten and some hundred kilobytes.
const MOST_PREPARED: usize = 200;
/// Maximum time that a command of an operator waits for a lock: longer than any of our transactions takes.
const COMMAND_LOCK_TIMEOUT: &str = "set lock_timeout = '10s'";
/// Round trips of one measurement of the clock.
const MEASUREMENTS: usize = 5;

/// PostgreSQL, through a bounded pool of connections. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: Pool<Manager>,
    own: Arc<Connector>,
    reports: Arc<Connector>,
    pooler: Option<PoolMode>,
    /// That of connections outside the pool.
    own_pooler: Option<PoolMode>,
    /// What follows when a standby was promoted.
    pub(crate) failover: Failover,
    clock: Arc<Mutex<DatabaseClock>>,
    /// The connection of a change ([`Store::bind`]); the pool is not used then.
    bound: Option<Arc<tokio::sync::Mutex<Bound>>>,
}

impl Store {
    /// Prepares the pool and makes the first connection, so that a wrong address is reported at once.
    pub async fn connect(config: &Config) -> Result<Self, Error> {
        let store = Self::prepare(config)?;
        drop(store.client().await?);
        Ok(store)
    }

    fn prepare(config: &Config) -> Result<Self, Error> {
        let address = parse(config, &config.url, "DATABASE_URL")?;
        let tls = Tls::new(&address)?;
        // JIT compilation takes longer than any of our statements.
        let mut settings = vec![("jit", "off".to_owned())];
        let limits = Limits { wait: config.wait, address: config.address_timeout };
        let outside = |url: &Option<SecretString>, name, otherwise: &Address| -> Result<_, Error> {
            let address =
                url.as_ref().map_or_else(|| Ok(otherwise.clone()), |url| parse(config, url, name))?;
            Ok((Arc::new(Connector::new(&address, Tls::new(&address)?, &settings, limits)?), address))
        };
        let (own, direct) = outside(&config.direct_url, "[postgres] direct_url", &address)?;
        let (reports, _) = outside(&config.report_url, "[postgres] report_url", &direct)?;
        settings.extend(pool_settings(config));
        let connector = Connector::new(&address, tls, &settings, limits)?;
        let wait = Some(config.wait);
        let timeouts = Timeouts { wait, create: Some(connector.limit()), recycle: wait };
        let manager = Manager::new(connector, config.answer_timeout, config.connections);
        let pool = Pool::builder(manager)
            .max_size(config.connections)
            .timeouts(timeouts)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| Error::Invalid(format!("the pool settings are wrong: {error}")))?;
        let weak = pool.weak();
        metrics::follow(move || weak.upgrade().map(|pool| pool.status()));
        let (pooler, own_pooler, failover) = (address.pooler, direct.pooler, config.failover);
        Ok(Self { pool, own, reports, pooler, own_pooler, failover, clock: Arc::default(), bound: None })
    }

    /// A connection from the pool. It is never inside a transaction: this crate begins transactions with `transaction()`, or
    /// writes `commit` together with `begin`.
    pub(crate) async fn client(&self) -> Result<PoolClient, Error> {
        if let Some(bound) = &self.bound {
            return Ok(PoolClient::Bound(OwnedMutexGuard::map(
                Arc::clone(bound).lock_owned().await,
                |bound| &mut *bound.0,
            )));
        }
        Ok(PoolClient::Pooled(self.pooled().await?))
    }

    async fn pooled(&self) -> Result<Pooled, Error> {
        let begun = Instant::now();
        let got = self.pool.get().await;
        metrics::count_pool_wait(begun);
        if let Err(PoolError::Timeout(_)) = &got {
            metrics::count_error("timeout");
        }
        let client = got?;
        client.keep_prepared(MOST_PREPARED);
        Ok(client)
    }

    /// A store that executes all statements in one transaction, of one connection of the pool.
    pub(crate) async fn bind(&self) -> Result<Self, Error> {
        let mut client = self.pooled().await?;
        client.bind().await?;
        Ok(Self { bound: Some(Arc::new(tokio::sync::Mutex::new(Bound(client)))), ..self.clone() })
    }

    /// Commits the transaction of a bound store.
    pub(crate) async fn commit_bound(&self) -> Result<(), Error> {
        let Some(bound) = &self.bound else { return Ok(()) };
        Ok(bound.lock().await.0.commit_bound().await?)
    }

    /// Rolls the transaction of a bound store back.
    pub(crate) async fn roll_back_bound(&self) -> Result<(), Error> {
        let Some(bound) = &self.bound else { return Ok(()) };
        Ok(bound.lock().await.0.roll_back_bound().await?)
    }

    /// Refuses a connection outside the transaction of a bound store: it would wait for the locks of the transaction.
    fn refuse_bound(&self) -> Result<(), Error> {
        match self.bound {
            None => Ok(()),
            Some(_) => Err(Error::Invalid(
                "this call needs a connection of its own, and cannot be part of a change".into(),
            )),
        }
    }

    /// The statement that an operator has to run once behind a pooler in transaction mode, where connections cannot make the
    /// settings that keep statements fast. `None` if the settings are made.
    pub async fn settings_to_make(&self) -> Result<Option<String>, Error> {
        let select = "
            select string_agg(
                format('ALTER ROLE %I IN DATABASE %I SET %s = off', current_user, current_database(), name), '; ')
            from pg_settings where name in ('jit', 'enable_seqscan') and setting = 'on'";
        if self.pooler != Some(PoolMode::Transaction) {
            return Ok(None);
        }
        Ok(self.client().await?.query_one(select, &[]).await?.get(0))
    }

    /// Measures the offset of the database clock with some cheap round trips. Without it the first departures of a worker, whose
    /// first answers are slow, would be late.
    pub async fn measure_clock(&self) -> Result<(), Error> {
        let client = self.client().await?;
        let ask = client.prepare_cached("select clock_timestamp()").await?;
        for _ in 0..MEASUREMENTS {
            let asked = Instant::now();
            let written: Timestamp = client.query_one(&ask, &[]).await?.get(0);
            self.local_time(asked, written);
            let offset = written.duration_since(Timestamp::now())
                + SignedDuration::try_from(asked.elapsed() / 2).unwrap_or_default();
            metrics::note_clock_offset(offset.as_secs_f64());
        }
        Ok(())
    }

    /// The local time at which the database wrote an answer that was requested at `asked` and has arrived just now.
    pub(crate) fn local_time(&self, asked: Instant, written: Timestamp) -> Instant {
        let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        clock.align(asked, written, Instant::now())
    }

    /// A connection outside the pool for statements that read much: without a time limit, and with the default settings of the
    /// planner.
    pub(crate) async fn own_client(&self) -> Result<Client, Error> {
        self.refuse_bound()?;
        connect(&self.own).await
    }

    /// A connection outside the pool for statements that only read, to a standby if there is one for reports.
    pub(crate) async fn report_client(&self) -> Result<Client, Error> {
        self.refuse_bound()?;
        connect(&self.reports).await
    }

    /// A connection for a report: that of a bound store, or one outside the pool.
    pub(crate) async fn reading_client(&self) -> Result<ReadingClient, Error> {
        match self.bound {
            Some(_) => Ok(ReadingClient::Bound(self.client().await?)),
            // The future that connects is large.
            None => Ok(ReadingClient::Own(Box::pin(self.report_client()).await?)),
        }
    }

    /// A connection outside the pool that the caller has to poll, to receive notifications.
    pub(crate) async fn own_connection(&self) -> Result<(Client, OwnConnection), Error> {
        self.refuse_bound()?;
        let connected = tokio::time::timeout(self.own.limit(), Box::pin(self.own.connect_undriven())).await;
        let Connected { client, connection, .. } = connected.map_err(|_| Error::silent())??;
        Ok((client, connection))
    }

    /// A connection outside the pool for statements that erase and drop. It gives up a lock after 10 seconds, so that other
    /// statements do not wait behind it.
    pub(crate) async fn maintenance_client(&self) -> Result<Client, Error> {
        let client = self.own_client().await?;
        // Behind a pooler in transaction mode the setting would apply to other clients of the connection.
        if self.own_pooler != Some(PoolMode::Transaction) {
            client.batch_execute(COMMAND_LOCK_TIMEOUT).await?;
        }
        Ok(client)
    }
}

/// A connection for statements that read much.
pub(crate) enum ReadingClient {
    /// Outside the pool.
    Own(Client),
    /// That of a bound store.
    Bound(PoolClient),
}

impl ReadingClient {
    pub(crate) async fn query(
        &self,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        Ok(match self {
            Self::Own(client) => client.query(statement, parameters).await?,
            Self::Bound(client) => client.query(statement, parameters).await?,
        })
    }
}

async fn connect(connector: &Connector) -> Result<Client, Error> {
    let connected = tokio::time::timeout(connector.limit(), Box::pin(connector.connect())).await;
    Ok(connected.map_err(|_| Error::silent())??.client)
}

/// The settings of connections of the pool, in addition to those of every connection.
fn pool_settings(config: &Config) -> Vec<(&'static str, String)> {
    // A process that keeps plans uses few statements about rows that it names; planning them each time takes longer than
    // executing them. In other processes the campaign is a parameter, and a generic plan would open and lock the partitions of
    // all campaigns.
    let plans = if config.keeps_plans { "force_generic_plan" } else { "force_custom_plan" };
    let mut settings = vec![
        // Our statements look up some hundred rows by key. In a list of ten thousand rows the planner would prefer to read the
        // whole list.
        ("enable_seqscan", "off".to_owned()),
        ("plan_cache_mode", plans.to_owned()),
        ("statement_timeout", config.statement_timeout.as_millis().to_string()),
        ("lock_timeout", config.lock_timeout.unwrap_or_default().as_millis().to_string()),
    ];
    if config.is_read_only {
        // Never "off": an operator may have made the database read-only.
        settings.push(("default_transaction_read_only", "on".to_owned()));
    }
    settings
}

/// The address in a setting of this name.
fn parse(config: &Config, url: &SecretString, name: &str) -> Result<Address, Error> {
    let mut address = Address::parse(url.expose_secret()).map_err(|error| match error {
        Error::Invalid(text) => Error::Invalid(text.replace("DATABASE_URL", name)),
        error => error,
    })?;
    let postgres = &mut address.postgres;
    if postgres.get_application_name().is_none() {
        postgres.application_name("flowcast");
    }
    postgres
        .connect_timeout(config.wait)
        .tcp_user_timeout(Duration::from_secs(15))
        .keepalives_idle(Duration::from_secs(30));
    Ok(address)
}
