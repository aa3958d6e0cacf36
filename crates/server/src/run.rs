//! The server's life: listen, answer, drain.

use std::net::SocketAddr;
use std::sync::Arc;

use secrecy::SecretString;
use store::Store;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use whatsapp::Overrides;

use crate::committer::Committer;
use crate::config::Config;
use crate::content_coding::Decoder;
use crate::hook::{self, WebhookState};
use crate::limit::BadRequests;
use crate::listen;
use crate::memory::Memory;
use crate::proxies::UnnamedProxies;
use crate::senders::Secrets;
use crate::upkeep::Upkeep;
use crate::uploads::{self, Uploads};

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
        let proxies = Arc::new(UnnamedProxies::new(config.trusted_proxies.clone()));
        let state = WebhookState {
            proxies: Arc::clone(&proxies),
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
        let uploads =
            Uploads::new(store.clone(), config.clone(), setup.lists, setup.upload_key.as_ref(), proxies);
        let committer = Committer { store, queue: Arc::new(Mutex::new(waiting)) };
        let committers: JoinSet<()> = (0..config.committers).map(|_| committer.clone().run()).collect();
        drop(committer);
        let stop_upkeep = CancellationToken::new();
        let upkeep = tokio::spawn(upkeep.run(stop_upkeep.clone()));
        // The router holds the only end of the queue: when the last connection is gone, the committers end.
        let router = hook::router(Arc::new(state)).merge(uploads::router(Arc::new(uploads)));
        listen::listen(listener, router, &config, shutdown).await;
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
