//! Makes connections to PostgreSQL with the settings of this program.

use telemetry::Stage;
use tokio::task::JoinHandle;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::db::address::{Address, PoolMode};
use crate::db::error::Error;
use crate::db::metrics;

/// A connection outside the pool; the caller has to poll it.
pub(crate) type OwnConnection = Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// Makes connections.
#[derive(Clone)]
pub(crate) struct Connector {
    postgres: tokio_postgres::Config,
    tls: MakeRustlsConnect,
    /// Statements that are executed when a connection is made.
    first: Option<String>,
}

/// The settings of a connection, by name.
type Settings = [(&'static str, String)];

impl Connector {
    /// A connector with these settings. PgBouncer refuses them in the startup packet. In its session mode they are made by
    /// statements afterwards. In its transaction mode they would apply to other clients too, so the role has to have them.
    pub(crate) fn new(address: &Address, tls: MakeRustlsConnect, settings: &Settings) -> Self {
        let mut postgres = address.postgres.clone();
        let mut first = None;
        match address.pooler {
            None => {
                let ours = settings.iter().map(|(name, value)| format!("-c {name}={value}"));
                let theirs = postgres.get_options().map(str::to_owned);
                let options: Vec<String> = theirs.into_iter().chain(ours).collect();
                postgres.options(options.join(" "));
            }
            Some(PoolMode::Session) => {
                let set = settings.iter().map(|(name, value)| format!("set {name} = {value}"));
                first = Some(set.collect::<Vec<_>>().join("; "));
            }
            Some(PoolMode::Transaction) => {}
        }
        Self { postgres, tls, first }
    }

    /// Makes a connection and the task that polls it.
    pub(crate) async fn connect(&self) -> Result<(Client, JoinHandle<()>), tokio_postgres::Error> {
        let (client, connection) = self.connect_undriven().await?;
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                let error = Error::from(error);
                tracing::debug!(error = &error as &dyn std::error::Error, "a connection to PostgreSQL ended");
            }
        });
        if let Some(first) = &self.first {
            client.batch_execute(first).await?;
        }
        Ok((client, task))
    }

    /// Makes a connection that the caller has to poll.
    pub(crate) async fn connect_undriven(&self) -> Result<(Client, OwnConnection), tokio_postgres::Error> {
        let _step = telemetry::step(Stage::Connect);
        // Boxed, because it would make every future that connects large.
        let connected = Box::pin(self.postgres.connect(self.tls.clone())).await;
        metrics::count_connect(connected.is_ok());
        if let Err(error) = &connected {
            metrics::count_error(metrics::class(error));
        }
        connected
    }
}
