//! The connection pool, and the connections of their own that imports and migrations use.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{Pool, Timeouts};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use tokio::time::Instant;
use tokio_postgres::Client;

use crate::db::address::{Address, PoolMode};
use crate::db::clock::DatabaseClock;
use crate::db::config::Config;
use crate::db::connector::{Connector, OwnConnection};
use crate::db::error::Error;
use crate::db::pool::{Manager, Pooled};
use crate::db::tls::tls;

/// Most prepared statements a connection keeps; each costs Postgres some ten to some hundred kilobytes.
const MOST_PREPARED: usize = 200;
/// Longest wait of a command of an operator for a lock: longer than any of our own transactions takes.
const COMMAND_LOCK_TIMEOUT: &str = "set lock_timeout = '10s'";
/// Questions of one measurement of the clock.
const MEASUREMENTS: usize = 5;

/// Postgres, through a bounded pool of connections. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: Pool<Manager>,
    own: Arc<Connector>,
    pooler: Option<PoolMode>,
    wait: Duration,
    clock: Arc<Mutex<DatabaseClock>>,
}

impl Store {
    /// Prepares the pool and makes the first connection, so that a wrong address is told at once.
    pub async fn connect(config: &Config) -> Result<Self, Error> {
        let store = Self::prepare(config)?;
        drop(store.client().await?);
        Ok(store)
    }

    fn prepare(config: &Config) -> Result<Self, Error> {
        let address = parse(config)?;
        let tls = tls(&address)?;
        // Compiling a statement takes longer than any of ours runs.
        let mut settings = vec![("jit", "off".to_owned())];
        let own = Arc::new(Connector::new(&address, tls.clone(), &settings));
        settings.extend(pool_settings(config));
        let manager = Manager::new(Connector::new(&address, tls, &settings));
        let timeouts =
            Timeouts { wait: Some(config.wait), create: Some(config.wait), recycle: Some(config.wait) };
        let pool = Pool::builder(manager)
            .max_size(config.connections)
            .timeouts(timeouts)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| Error::Invalid(format!("the pool settings are wrong: {error}")))?;
        Ok(Self { pool, own, pooler: address.pooler, wait: config.wait, clock: Arc::default() })
    }

    /// A connection from the pool. It is never inside a transaction: this crate opens those with `transaction()`, or writes
    /// their end together with their beginning.
    pub(crate) async fn client(&self) -> Result<Pooled, Error> {
        let client = self.pool.get().await?;
        client.keep_prepared(MOST_PREPARED);
        Ok(client)
    }

    /// What an operator can run once behind a pooler in transaction mode, where connections cannot make the settings that
    /// keep statements fast; `None` where they have them.
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

    /// Measures how the database clock stands to this process's, by questions that cost nothing. Without it the first
    /// departures of a worker, whose first answers are slow, would be late.
    pub async fn measure_clock(&self) -> Result<(), Error> {
        let client = self.client().await?;
        let ask = client.prepare_cached("select clock_timestamp()").await?;
        for _ in 0..MEASUREMENTS {
            let asked = Instant::now();
            let written = client.query_one(&ask, &[]).await?.get(0);
            self.local_time(asked, written);
        }
        Ok(())
    }

    /// When it was, on this process's clock, that the database wrote an answer; it was asked for at `asked` and has come
    /// just now.
    pub(crate) fn local_time(&self, asked: Instant, written: Timestamp) -> Instant {
        let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        clock.align(asked, written, Instant::now())
    }

    /// A connection of one's own, for what reads much: without a limit on how long a statement runs, and planned as
    /// the planner likes.
    pub(crate) async fn own_client(&self) -> Result<Client, Error> {
        let connected = tokio::time::timeout(self.wait, self.own.connect()).await;
        let (client, _driven_by) = connected
            .map_err(|elapsed| {
                Error::unavailable("PostgreSQL did not answer in time when a connection was made", elapsed)
            })?
            .map_err(Error::connecting)?;
        Ok(client)
    }

    /// A connection of one's own that is not driven yet, for what follows its notifications.
    pub(crate) async fn own_connection(&self) -> Result<(Client, OwnConnection), Error> {
        let connecting = self.own.connect_undriven();
        let made = tokio::time::timeout(self.wait, connecting).await.map_err(|elapsed| {
            Error::unavailable("PostgreSQL did not answer in time when a connection was made", elapsed)
        })?;
        made.map_err(Error::connecting)
    }

    /// A connection of one's own, for what erases and drops: it gives up rather than let others wait behind the lock that it waits for.
    pub(crate) async fn maintenance_client(&self) -> Result<Client, Error> {
        let client = self.own_client().await?;
        // Behind a pooler in transaction mode the setting would stay with a connection that others use.
        if self.pooler != Some(PoolMode::Transaction) {
            client.batch_execute(COMMAND_LOCK_TIMEOUT).await?;
        }
        Ok(client)
    }
}

/// The settings of each connection of the pool, besides those of every connection.
fn pool_settings(config: &Config) -> [(&'static str, String); 4] {
    // Few different statements about rows that they name: for a handful of rows Postgres would rather plan each time, which
    // takes longer than all the rest. Elsewhere the campaign is a parameter, and a generic plan would open and lock the
    // partitions of all campaigns.
    let plans = if config.keeps_plans { "force_generic_plan" } else { "force_custom_plan" };
    [
        // Our statements look up some hundred rows by key; in a list of some ten thousand the planner would rather read all
        // of it.
        ("enable_seqscan", "off".to_owned()),
        ("plan_cache_mode", plans.to_owned()),
        ("statement_timeout", config.statement_timeout.as_millis().to_string()),
        ("lock_timeout", config.lock_timeout.unwrap_or_default().as_millis().to_string()),
    ]
}

fn parse(config: &Config) -> Result<Address, Error> {
    let mut address = Address::parse(config.url.expose_secret())?;
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
