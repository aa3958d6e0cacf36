//! Starts and stops the simulator.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::desk::Desk;
use crate::stamp;
use crate::{Config, Controls, Error, Ledger, connection};

/// How long answers on their way may take when the simulator stops.
const GRACE: Duration = Duration::from_millis(500);
/// How long to wait when the operating system has no socket left.
const OUT_OF_SOCKETS: Duration = Duration::from_millis(20);

/// Starts simulators.
#[derive(Debug)]
pub struct Simulator;

impl Simulator {
    /// Starts to listen, on the tokio runtime that it is called on.
    pub async fn start(config: Config) -> Result<Running, Error> {
        let address = config.listen;
        let stop = CancellationToken::new();
        let desk = Arc::new(Desk::new(config, stop.clone())?);
        let unavailable = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(unavailable)?;
        let addr = listener.local_addr().map_err(unavailable)?;
        let server = tokio::spawn(accept(listener, Arc::clone(&desk), stop.clone()));
        tracing::info!(%addr, provider = %desk.config.provider, "simulator listens");
        Ok(Running { addr, desk, stop: stop.drop_guard(), server })
    }
}

/// A simulator that listens; it stops when this is dropped, or in order with [`Running::shutdown`].
pub struct Running {
    addr: SocketAddr,
    desk: Arc<Desk>,
    stop: DropGuard,
    server: JoinHandle<()>,
}

impl Running {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The provider's base address, without a path and without a slash at its end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Reads what arrived.
    pub fn ledger(&self) -> Ledger {
        Ledger::new(Arc::clone(&self.desk))
    }

    /// Changes balance, latency, rate limit and faults.
    pub fn controls(&self) -> Controls {
        Controls::new(Arc::clone(&self.desk))
    }

    /// Stops: answers on their way get half a second, what hangs is cut off. A [`Ledger`] stays readable.
    pub async fn shutdown(self) {
        drop(self.stop);
        if let Err(error) = self.server.await {
            tracing::warn!(%error, "simulator did not stop in order");
        }
    }
}

async fn accept(listener: TcpListener, desk: Arc<Desk>, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    if let Err(error) = stream.set_nodelay(true).and_then(|()| stamp::ask_for_stamps(&stream)) {
                        tracing::debug!(%error, "client left at once");
                        continue;
                    }
                    connections.spawn(connection::serve(stream, peer.port(), Arc::clone(&desk), stop.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(OUT_OF_SOCKETS).await;
                }
            },
        }
    }
    drop(listener);
    let drain = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, drain).await.is_err() {
        connections.shutdown().await;
    }
}
