//! Starting and stopping the simulator.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::decision::decide::SimulatedProvider;
use crate::http::{arrival_time, connection};
use crate::{Config, Controls, Error, Ledger};

/// The time that answers in progress get when the simulator stops.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(500);
/// The pause after a failed `accept`, for example when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Starts simulators.
#[derive(Debug)]
pub struct Simulator;

impl Simulator {
    /// Starts a simulator on the current tokio runtime.
    pub async fn start(config: Config) -> Result<Running, Error> {
        let address = config.listen;
        let stop = CancellationToken::new();
        let simulated = Arc::new(SimulatedProvider::new(config, stop.clone())?);
        let unavailable = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(unavailable)?;
        let addr = listener.local_addr().map_err(unavailable)?;
        let server = tokio::spawn(accept(listener, Arc::clone(&simulated), stop.clone()));
        tracing::info!(%addr, provider = %simulated.config.provider, "the simulator is listening");
        Ok(Running { addr, simulated, stop: stop.drop_guard(), server })
    }
}

/// A running simulator. It stops when this value is dropped, or gracefully with [`Running::shutdown`].
pub struct Running {
    addr: SocketAddr,
    simulated: Arc<SimulatedProvider>,
    stop: DropGuard,
    server: JoinHandle<()>,
}

impl Running {
    /// The listen address.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base URL of the provider, without a path and without a trailing slash.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// The ledger of requests.
    pub fn ledger(&self) -> Ledger {
        Ledger::new(Arc::clone(&self.simulated))
    }

    /// The controls of balance, latency, rate limit and faults.
    pub fn controls(&self) -> Controls {
        Controls::new(Arc::clone(&self.simulated))
    }

    /// Stops the simulator: answers in progress get half a second, then connections are closed. A [`Ledger`] stays readable.
    pub async fn shutdown(self) {
        drop(self.stop);
        if let Err(error) = self.server.await {
            tracing::warn!(%error, "the simulator did not stop gracefully");
        }
    }
}

async fn accept(listener: TcpListener, simulated: Arc<SimulatedProvider>, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    if let Err(error) = stream.set_nodelay(true).and_then(|()| arrival_time::enable_timestamps(&stream)) {
                        tracing::debug!(%error, "cannot set the options of a new connection");
                        continue;
                    }
                    connections.spawn(connection::serve(stream, peer.port(), Arc::clone(&simulated), stop.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let drain = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(SHUTDOWN_GRACE, drain).await.is_err() {
        connections.shutdown().await;
    }
}
