//! The connection pool, and the connections of their own that imports and migrations use.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use campaign::CampaignId;
use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};
use jiff::Timestamp;
use rustls_platform_verifier::BuilderVerifierExt;
use secrecy::ExposeSecret;
use tokio::time::Instant;
use tokio_postgres::Client;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::clock::DatabaseClock;
use crate::config::Config;
use crate::error::Error;

/// Most prepared statements a connection keeps; each costs Postgres some ten to some hundred kilobytes.
const MOST_PREPARED: usize = 200;
/// Longest wait of a command of an operator for a lock: longer than any of our own transactions takes.
const COMMAND_LOCK_TIMEOUT: &str = "set lock_timeout = '10s'";
/// Questions of one measurement of the clock.
const MEASUREMENTS: usize = 5;

/// Postgres, through a bounded pool of connections. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
    own: Arc<Connector>,
    clock: Arc<Mutex<DatabaseClock>>,
}

/// Makes connections outside the pool.
struct Connector {
    postgres: tokio_postgres::Config,
    tls: MakeRustlsConnect,
    wait: Duration,
}

impl Store {
    /// Prepares the pool and makes the first connection, so that a wrong address is told at once.
    pub async fn connect(config: &Config) -> Result<Self, Error> {
        let store = Self::prepare(config)?;
        drop(store.client().await?);
        Ok(store)
    }

    fn prepare(config: &Config) -> Result<Self, Error> {
        let mut postgres = parse(config)?;
        let tls = tls()?;
        // Compiling a statement takes longer than any of ours runs.
        postgres.options("-c jit=off");
        let own = Arc::new(Connector { postgres: postgres.clone(), tls: tls.clone(), wait: config.wait });
        postgres.options(session_options(config));
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let timeouts =
            Timeouts { wait: Some(config.wait), create: Some(config.wait), recycle: Some(config.wait) };
        let pool = Pool::builder(Manager::from_config(postgres, tls, recycling))
            .max_size(config.connections)
            .timeouts(timeouts)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| Error::Invalid(format!("the pool settings are wrong: {error}")))?;
        Ok(Self { pool, own, clock: Arc::default() })
    }

    /// A connection from the pool. It is never inside a transaction: this crate opens those with `transaction()`, or writes
    /// their end together with their beginning.
    pub(crate) async fn client(&self) -> Result<Object, Error> {
        let client = self.pool.get().await?;
        if client.statement_cache.size() > MOST_PREPARED {
            client.statement_cache.clear();
        }
        Ok(client)
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
        let connecting = self.own.postgres.connect(self.own.tls.clone());
        let (client, connection) =
            tokio::time::timeout(self.own.wait, connecting).await.map_err(|elapsed| {
                Error::Unavailable { reason: "no connection was made in time", source: elapsed.into() }
            })??;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = &error as &dyn std::error::Error, "a connection of its own ended");
            }
        });
        Ok(client)
    }

    /// The same, for what erases and drops: it gives up rather than let others wait behind the lock that it waits for.
    pub(crate) async fn maintenance_client(&self) -> Result<Client, Error> {
        let client = self.own_client().await?;
        client.batch_execute(COMMAND_LOCK_TIMEOUT).await?;
        Ok(client)
    }
}

/// The settings of each connection of the pool.
fn session_options(config: &Config) -> String {
    // Few different statements about rows that they name: for a handful of rows Postgres would rather plan each time, which
    // takes longer than all the rest. Elsewhere the campaign is a parameter, and a generic plan would open and lock the
    // partitions of all campaigns.
    let plans = if config.keeps_plans { "force_generic_plan" } else { "force_custom_plan" };
    let lock_timeout = config.lock_timeout.unwrap_or_default().as_millis();
    // Compiling a statement takes longer than any of ours runs. Our statements look up some hundred rows by key; in a list of
    // some ten thousand the planner would rather read all of it.
    format!(
        "-c jit=off -c enable_seqscan=off -c plan_cache_mode={plans} -c statement_timeout={} -c lock_timeout={lock_timeout}",
        config.statement_timeout.as_millis()
    )
}

fn parse(config: &Config) -> Result<tokio_postgres::Config, Error> {
    // The text of the parser's error may hold a part of the address, and with it the password: it is not passed on.
    let mut postgres: tokio_postgres::Config = config.url.expose_secret().parse().map_err(|_| {
        Error::Invalid("DATABASE_URL is not of the form postgres://user:password@host:port/database".into())
    })?;
    if postgres.get_application_name().is_none() {
        postgres.application_name("flowcast");
    }
    postgres
        .connect_timeout(config.wait)
        .tcp_user_timeout(Duration::from_secs(15))
        .keepalives_idle(Duration::from_secs(30));
    Ok(postgres)
}

/// TLS as the address asks for (`sslmode`), with the machine's own roots.
fn tls() -> Result<MakeRustlsConnect, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let wrong = |error: rustls::Error| Error::Invalid(format!("TLS cannot be set up: {error}"));
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(BuilderVerifierExt::with_platform_verifier)
        .map_err(wrong)?
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(client))
}

/// A statement about one campaign, whose id stands in it for `:campaign`, ready to be prepared; in `recipient_c:campaign` it
/// names the campaign's own table.
///
/// With the id as a parameter a kept plan would open and lock the partitions of all campaigns, and so the statement would be
/// planned anew each time, which takes longer than it runs. Written in, the plan finds its partition and is kept.
pub(crate) fn written_for(CampaignId(id): CampaignId, statement: &str) -> String {
    let id = id.to_string();
    // The name of its own tables comes first: what is left stands for a value.
    statement.replace("_c:campaign", &format!("_c{id}")).replace(":campaign", &format!("{id}::bigint"))
}
