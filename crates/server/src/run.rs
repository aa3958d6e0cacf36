//! The server's life: listen, answer, drain.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use secrecy::SecretString;
use store::Store;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use whatsapp::Overrides;

use crate::committer::Committer;
use crate::config::Config;
use crate::content_coding::Decoder;
use crate::hook::{self, WebhookState};
use crate::limit::BadRequests;
use crate::memory::Memory;
use crate::senders::Secrets;
use crate::upkeep::Upkeep;
use crate::uploads::{self, Uploads};

/// After a failed accept, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Most bytes of a connection that are read ahead; the head of a request must fit in.
const READ_AHEAD: usize = 32 * 1024;

/// What a server is made of.
pub struct Setup {
    /// Its settings.
    pub config: Config,
    /// How uploaded lists are kept while they are imported.
    pub lists: producer::ListsConfig,
    /// The operator's own classes of codes.
    pub overrides: Overrides,
    /// Finds secrets.
    pub secrets: Arc<Secrets>,
    /// What uploads of lists must show; without it there are none.
    pub upload_key: Option<SecretString>,
}

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    setup: Setup,
    store: Store,
}

impl Server {
    /// Begins to listen.
    pub async fn bind(setup: Setup, store: Store) -> std::io::Result<Self> {
        let listener = TcpListener::bind(setup.config.listen).await?;
        Ok(Self { listener, setup, store })
    }

    /// Where it listens.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until told to stop, then lets what is under way end.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), store::Error> {
        let Self { listener, setup, store } = self;
        let config = setup.config.clone();
        let references = store.reference_key().await?;
        let (queue, waiting) = mpsc::channel(config.queue);
        let upkeep = Upkeep::new(store.clone(), config.keep_bodies, setup.secrets);
        let state = WebhookState {
            senders: Arc::clone(&upkeep.senders),
            references,
            overrides: setup.overrides,
            refusals: Arc::clone(&upkeep.refusals),
            pulse: Arc::clone(&upkeep.pulse),
            bad: BadRequests::new(config.bad_requests),
            unreadable: BadRequests::new(config.bad_requests),
            queue,
            decoder: Decoder::new(config.max_body_bytes, config.read_timeout),
            memory: Memory::new(config.queue_bytes),
            config: config.clone(),
        };
        let uploads = Uploads::new(store.clone(), config.clone(), setup.lists, setup.upload_key.as_ref());
        let committer = Committer { store, queue: Arc::new(Mutex::new(waiting)) };
        let committers: JoinSet<()> = (0..config.committers).map(|_| committer.clone().run()).collect();
        drop(committer);
        let stop_upkeep = CancellationToken::new();
        let upkeep = tokio::spawn(upkeep.run(stop_upkeep.clone()));
        // The router holds the only end of the queue: when the last connection is gone, the committers end.
        let router = hook::router(Arc::new(state)).merge(uploads::router(Arc::new(uploads)));
        listen(listener, router, &config, shutdown).await;
        if tokio::time::timeout(config.drain, committers.join_all()).await.is_err() {
            tracing::warn!(
                "posts that were not committed in time are given up; their providers will post again"
            );
        }
        stop_upkeep.cancel();
        if upkeep.await.is_err() {
            tracing::error!("the server's upkeep ended before its time");
        }
        tracing::info!("the server has stopped");
        Ok(())
    }
}

async fn listen(listener: TcpListener, router: Router, config: &Config, shutdown: CancellationToken) {
    let connections = Arc::new(Semaphore::new(config.connections));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = accept(&listener, &connections) => accepted,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        let router = router.clone();
        let service = service_fn(move |request| answer(router.clone(), peer, request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .max_buf_size(READ_AHEAD)
            .header_read_timeout(config.read_timeout)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(config.drain, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests under way did not end in time; their providers will post again");
    }
}

/// The next connection, when there is a place for it.
async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(connections).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // An answer is one small packet.
            drop(stream.set_nodelay(true));
            Some((stream, peer, place))
        }
        Err(error) => {
            tracing::warn!(%error, "no connection could be accepted: {error}");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

async fn answer(
    router: Router,
    peer: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<axum::response::Response, Infallible> {
    request.extensions_mut().insert(peer);
    router.oneshot(request.map(Body::new)).await
}
