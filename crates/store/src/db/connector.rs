//! Makes connections to PostgreSQL with the settings of this program.
//!
//! **Invariant.** Each host of `DATABASE_URL` has a time limit of its own, which covers name resolution, TCP, TLS and log-in. So a host that
//! does not answer delays a connection, and does not prevent it.

use std::sync::Arc;
use std::time::Duration;

use telemetry::Stage;
use tokio::net::lookup_host;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::db::address::{Address, PoolMode};
use crate::db::error::Error;
use crate::db::failure::{Failure, no_server};
use crate::db::metrics;
use crate::db::servers::{self, Server, servers};
use crate::db::tls::Tls;

/// A connection outside the pool; the caller has to poll it.
pub(crate) type OwnConnection = Connection<Socket, <MakeRustlsConnect as MakeTlsConnect<Socket>>::Stream>;

/// PostgreSQL reports itself as read-only with this setting, so it is made after the search for a server that takes writes.
const READ_ONLY: &str = "default_transaction_read_only";

/// Makes connections.
#[derive(Clone)]
pub(crate) struct Connector {
    servers: Arc<[Server]>,
    tls: Tls,
    /// Statements that are executed when a connection is made.
    first: Option<String>,
    limits: Limits,
}

/// The settings of a connection, by name.
type Settings = [(&'static str, String)];

/// Time limits of making a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// For all hosts together.
    pub(crate) wait: Duration,
    /// For one of several hosts.
    pub(crate) address: Duration,
}

/// A connection that was made.
pub(crate) struct Connected<T> {
    pub(crate) client: Client,
    /// The connection, or the task that polls it.
    pub(crate) connection: T,
    /// Host and port.
    pub(crate) server: Arc<str>,
}

impl Connector {
    /// A connector with these settings. PgBouncer refuses them in the startup packet. In its session mode they are made by
    /// statements afterwards. In its transaction mode they would apply to other clients too, so the role has to have them.
    pub(crate) fn new(
        address: &Address,
        tls: Tls,
        settings: &Settings,
        mut limits: Limits,
    ) -> Result<Self, Error> {
        let mut postgres = address.postgres.clone();
        let first = match address.pooler {
            None => {
                let early = settings.iter().filter(|(name, _)| *name != READ_ONLY);
                let ours = early.map(|(name, value)| format!("-c {name}={value}"));
                let theirs = postgres.get_options().map(str::to_owned);
                let options: Vec<String> = theirs.into_iter().chain(ours).collect();
                postgres.options(options.join(" "));
                statements(settings.iter().filter(|(name, _)| *name == READ_ONLY))
            }
            Some(PoolMode::Session) => statements(settings.iter()),
            Some(PoolMode::Transaction) => None,
        };
        let servers = servers(&postgres)?;
        let n = u32::try_from(servers.len()).unwrap_or(u32::MAX);
        limits.wait = limits.wait.max(limits.address.saturating_mul(if n > 1 { n } else { 0 }));
        Ok(Self { servers: servers.into(), tls, first, limits })
    }

    /// The longest time that making a connection takes.
    pub(crate) fn limit(&self) -> Duration {
        self.limits.wait
    }

    /// Whether `DATABASE_URL` names several hosts.
    pub(crate) fn has_several_servers(&self) -> bool {
        self.servers.len() > 1
    }

    /// Whether a host accepts a log-in, or at least refuses it, within its time limit.
    pub(crate) async fn accepts_log_ins(&self, name: &str) -> bool {
        let Some(server) = self.servers.iter().find(|server| server.name == name) else { return true };
        self.connect_to(server).await.map_or_else(|failure| failure.is_answer(), |_| true)
    }

    /// Makes a connection and the task that polls it. The future is large: box it.
    pub(crate) async fn connect(&self) -> Result<Connected<JoinHandle<()>>, Error> {
        let Connected { client, connection, server } = self.connect_undriven().await?;
        let task = tokio::spawn(async move {
            if let Err(error) = connection.await {
                let error = Error::from(error);
                tracing::debug!(error = &error as &dyn std::error::Error, "a connection to PostgreSQL ended");
            }
        });
        if let Some(first) = &self.first {
            let set = timeout(self.limits.wait, client.batch_execute(first)).await;
            set.map_err(|_| Error::silent())?.map_err(Error::connecting)?;
        }
        Ok(Connected { client, connection: task, server })
    }

    /// Makes a connection that the caller has to poll. Servers are tried one after the other. The future is
    /// large: box it.
    pub(crate) async fn connect_undriven(&self) -> Result<Connected<OwnConnection>, Error> {
        let _step = telemetry::step(Stage::Connect);
        let mut servers: Vec<&Server> = self.servers.iter().collect();
        servers::sort(&mut servers, |server| server.name.clone());
        let mut failures = Vec::new();
        for server in servers {
            match self.connect_to(server).await {
                Ok((client, connection)) => {
                    servers::note_worked(&server.name);
                    return Ok(Connected { client, connection, server: server.name.as_str().into() });
                }
                Err(failure) => {
                    servers::note_failed(&server.name);
                    failures.push((server.name.clone(), failure));
                }
            }
        }
        Err(no_server(failures))
    }

    /// Connects to one host. If its name has several IP addresses, each of them is tried.
    async fn connect_to(&self, server: &Server) -> Result<(Client, OwnConnection), Failure> {
        let is_alone = self.servers.len() == 1;
        let Some((host, port)) = &server.to_resolve else {
            return self.connect_once(&server.config, is_alone).await;
        };
        let limit = if is_alone { self.limits.wait } else { self.limits.address };
        let found = timeout(limit, lookup_host((host.as_str(), *port))).await;
        let found = found.map_err(|_| Failure::Silent(limit))?.map_err(Failure::Unresolved)?;
        let mut addresses: Vec<_> = found.collect();
        addresses.dedup();
        servers::sort(&mut addresses, ToString::to_string);
        let is_alone = is_alone && addresses.len() == 1;
        let mut failure = None;
        for address in addresses {
            let mut config = server.config.clone();
            config.hostaddr(address.ip());
            match self.connect_once(&config, is_alone).await {
                Ok(connected) => {
                    servers::note_worked(&address.to_string());
                    return Ok(connected);
                }
                Err(failed) => {
                    servers::note_failed(&address.to_string());
                    // What a server says is more than that another address has none.
                    if !failure.as_ref().is_some_and(Failure::is_answer) {
                        failure = Some(failed);
                    }
                }
            }
        }
        let without = || Failure::Unresolved(std::io::Error::other("the host name has no address"));
        Err(failure.unwrap_or_else(without))
    }

    /// Connects to one IP address.
    async fn connect_once(
        &self,
        config: &Config,
        is_alone: bool,
    ) -> Result<(Client, OwnConnection), Failure> {
        let limit = if is_alone { self.limits.wait } else { self.limits.address };
        let connected = match self.tls.connector() {
            Ok((tls, certificate)) => match timeout(limit, config.connect(tls)).await {
                Ok(connected) => connected.map_err(|error| Failure::of(error, &certificate)),
                Err(_) => Err(Failure::Silent(limit)),
            },
            Err(unusable) => Err(Failure::Unusable(unusable)),
        };
        metrics::count_connect(connected.is_ok());
        match &connected {
            Ok(_) => {}
            Err(Failure::Driver(error) | Failure::Lost(error)) => metrics::count_error(metrics::class(error)),
            Err(Failure::Silent(_) | Failure::Unresolved(_) | Failure::Unusable(_)) => {
                metrics::count_error("unavailable");
            }
        }
        connected
    }
}

/// The statements that make these settings.
fn statements<'a>(settings: impl Iterator<Item = &'a (&'static str, String)>) -> Option<String> {
    let set: Vec<String> = settings.map(|(name, value)| format!("set {name} = {value}")).collect();
    (!set.is_empty()).then(|| set.join("; "))
}
