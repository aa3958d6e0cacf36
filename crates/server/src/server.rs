//! Starting the server, and its orderly stop: stop accepting, answer, drain the queue.

use std::net::SocketAddr;
use std::sync::Arc;

use listener::Limits;
use listener::bad_requests::BadRequests;
use listener::unlisted_proxies::UnlistedProxies;
use secrecy::SecretString;
use store::Store;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use whatsapp::Overrides;

use crate::background::tasks::BackgroundTasks;
use crate::config::Config;
use crate::http::body_memory::BodyMemory;
use crate::http::content_coding::Decoder;
use crate::upload::handler::Uploads;
use crate::webhook::committer::Committer;
use crate::webhook::handler::WebhookState;
use crate::webhook::senders::Secrets;
use crate::{monitor, upload, webhook};

/// The parts a server is built from.
pub struct Setup {
    /// The settings.
    pub config: Config,
    /// The settings of the files that hold uploaded lists during the import.
    pub lists: producer::ListsConfig,
    /// The operator's classes for providers' codes.
    pub overrides: Overrides,
    /// Resolves secrets.
    pub secrets: Arc<Secrets>,
    /// The key that uploads must have; without it, uploads are disabled.
    pub upload_key: Option<SecretString>,
}

/// A listening server.
pub struct Server {
    listener: TcpListener,
    setup: Setup,
    store: Store,
}

impl Server {
    /// Starts to listen.
    pub async fn bind(setup: Setup, store: Store) -> std::io::Result<Self> {
        let listener = TcpListener::bind(setup.config.listen).await?;
        Ok(Self { listener, setup, store })
    }

    /// The listen address.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves requests until `shutdown`, then waits for requests in progress.
    pub async fn run(self, shutdown: CancellationToken) -> Result<(), store::Error> {
        let Self { listener, setup, store } = self;
        let config = setup.config.clone();
        let references = store.reference_key().await?;
        let (queue, waiting) = mpsc::channel(config.queue);
        let tasks = BackgroundTasks::new(store.clone(), config.keep_bodies, setup.secrets);
        let proxies = Arc::new(UnlistedProxies::new("server", config.trusted_proxies.clone()));
        let state = WebhookState {
            proxies: Arc::clone(&proxies),
            senders: Arc::clone(&tasks.senders),
            references,
            overrides: setup.overrides,
            refusals: Arc::clone(&tasks.refusals),
            health: Arc::clone(&tasks.health),
            bad_requests: BadRequests::new(config.bad_requests),
            invalid_requests: BadRequests::new(config.bad_requests),
            queue,
            decoder: Decoder::new(config.max_body_bytes, config.read_timeout),
            memory: BodyMemory::new(config.queue_bytes),
            config: config.clone(),
        };
        monitor::start(&state.queue, &state.memory, Arc::clone(&state.health));
        let uploads =
            Uploads::new(store.clone(), config.clone(), setup.lists, setup.upload_key.as_ref(), proxies);
        let recent = Arc::clone(&tasks.recent);
        let committer = Committer { store, queue: Arc::new(Mutex::new(waiting)), recent };
        let committers: JoinSet<()> = (0..config.committers).map(|_| committer.clone().run()).collect();
        drop(committer);
        let stop_tasks = CancellationToken::new();
        let tasks = tokio::spawn(tasks.run(stop_tasks.clone()));
        // The router holds the only sender of the queue, so the committers end after the last connection.
        let router =
            webhook::handler::router(Arc::new(state)).merge(upload::handler::router(Arc::new(uploads)));
        listener::listen(listener, router, &limits(&config), shutdown).await;
        if tokio::time::timeout(config.drain, committers.join_all()).await.is_err() {
            tracing::warn!(
                "some webhook requests were not committed within the drain time; the providers will repeat them"
            );
        }
        stop_tasks.cancel();
        if tasks.await.is_err() {
            tracing::error!("the periodic tasks of the server ended early");
        }
        tracing::info!("the server has stopped");
        Ok(())
    }
}

fn limits(config: &Config) -> Limits {
    Limits {
        section: "server",
        connections: config.connections,
        connections_per_address: config.connections_per_address,
        trusted_proxies: config.trusted_proxies.clone(),
        read_timeout: config.read_timeout,
        drain: config.drain,
    }
}
