//! A worker process: finds out for which senders it works, and runs a sender worker for each of them.

use std::sync::Arc;
use std::time::Duration;

use broker::Connection;
use campaign::SenderId;
use store::{LiveWorker, SenderRow, Store};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;
use whatsapp::{Account, Channel, Client};

use crate::assignment::assigned;
use crate::config::{Config, KeyResolver};
use crate::gate_mirror::GateMirror;
use crate::journal::{self, Journals};
use crate::live_channel::LiveChannel;
use crate::lost_commits::LostCommits;
use crate::recent_outcomes::RecentOutcomes;
use crate::sender_health::SenderHealth;
use crate::sender_metrics::SenderMetrics;
use crate::sender_worker::Parts;
use crate::sender_workers::SenderWorkers;

/// How often the worker shows that it is alive and looks for other workers, new senders and changed settings.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Other workers take over the senders of a worker that was not alive for this long.
const LEASE: Duration = Duration::from_secs(4);

/// What a worker needs to run.
#[derive(Clone)]
pub struct Setup {
    /// The `[consumer]` section.
    pub config: Config,
    /// How to connect to RabbitMQ.
    pub broker: broker::Config,
    /// How to connect to providers.
    pub http: whatsapp::Config,
    /// Resolves the senders' API keys.
    pub keys: KeyResolver,
}

/// A running worker.
pub(crate) struct Worker {
    pub(crate) id: Uuid,
    pub(crate) setup: Setup,
    store: Store,
    mirror: Arc<GateMirror>,
    client: Client,
    journals: Journals,
    recent: Arc<RecentOutcomes>,
    /// The one connection to RabbitMQ, with a channel for each sender.
    pub(crate) connection: Connection,
    pub(crate) health: SenderHealth,
    pub(crate) shutdown: CancellationToken,
}

/// Sends for its senders until `shutdown`; then finishes the batches in flight, records them and returns.
pub async fn run(setup: Setup, store: Store, shutdown: CancellationToken) -> Result<(), whatsapp::Error> {
    let client = Client::new(&setup.http)?;
    let mirror = GateMirror::new();
    // The mirror is needed until the last request, after the shutdown.
    let following = tokio::spawn(Arc::clone(&mirror).follow(store.watch_gates()));
    let health = SenderHealth::start();
    let id = Uuid::now_v7();
    let connection = Connection::new(setup.broker.clone(), &format!("flowcast worker {id}"));
    let journals = Journals::new(&setup.config);
    if let Some(directory) = journals.directory() {
        tokio::spawn(journal::follow(directory, store.clone(), shutdown.clone()));
    }
    let recent = Arc::new(RecentOutcomes::new(Instant::now()));
    let all_recorded = CancellationToken::new();
    let lost_commits = LostCommits::new(store.clone(), id, Arc::clone(&recent));
    let recording_again = tokio::spawn(lost_commits.follow(all_recorded.clone()));
    let worker = Worker { id, setup, store, mirror, client, journals, recent, connection, health, shutdown };
    tracing::info!(worker.id = %worker.id, "worker {} has started", worker.id);
    let mut sender_workers = SenderWorkers::default();
    while !worker.shutdown.is_cancelled() {
        if let Err(error) = worker.look(&mut sender_workers).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "cannot read the senders and workers from PostgreSQL; retrying: {error}"
            );
        }
        tokio::select! {
            () = worker.shutdown.cancelled() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
    // Other workers need not wait until this one has drained.
    note_end(worker.store.worker_stops(worker.id).await);
    sender_workers.join().await;
    all_recorded.cancel();
    // A panic was printed where it happened.
    drop(recording_again.await);
    following.abort();
    note_end(worker.store.worker_gone(worker.id).await);
    tracing::info!(worker.id = %worker.id, "worker {} has stopped", worker.id);
    Ok(())
}

fn note_end(noted: Result<(), store::Error>) {
    if let Err(error) = noted {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "cannot remove this worker from the list of workers; it is listed for some more seconds: {error}"
        );
    }
}

impl Worker {
    /// Shows that this worker is alive, and starts and stops sender workers so that it works for its share of the senders. If
    /// PostgreSQL does not answer, its senders stay.
    async fn look(&self, sender_workers: &mut SenderWorkers) -> Result<(), store::Error> {
        self.store.measure_clock().await?;
        let senders = self.store.senders().await?;
        let this = self.alive(&senders, sender_workers);
        let mut all = self.store.live_workers(&this, LEASE).await?;
        all.push(this);
        let of_senders = senders.iter().map(|sender| (sender.id, sender.rate));
        let mine = assigned(self.id, &all, of_senders, self.setup.config.workers_per_sender.into());
        let mine = senders.into_iter().filter(|sender| mine.contains(&sender.id)).collect();
        sender_workers.work_for(mine, self).await;
        telemetry::health::all_parts_known();
        self.store.worker_seen(self.id, &sender_workers.senders()).await
    }

    /// This worker as the others see it: with the senders for which it may and can work.
    fn alive(&self, senders: &[SenderRow], sender_workers: &mut SenderWorkers) -> LiveWorker {
        let only = &self.setup.config.senders;
        let may = senders.iter().filter(|sender| only.is_empty() || only.contains(&sender.name));
        let able: Vec<SenderId> =
            may.filter(|sender| sender_workers.can_work_for(sender, self)).map(|sender| sender.id).collect();
        let is_all = able.len() == senders.len();
        LiveWorker { worker: self.id, senders: (!is_all).then_some(able), full_of: sender_workers.full_of() }
    }

    /// The channel of a sender with these settings; the error says why there is none.
    pub(crate) fn channel(&self, sender: &SenderRow) -> Result<Channel, String> {
        let api_key = (self.setup.keys)(&sender.api_key_ref)?;
        let base_url = Url::parse(&sender.base_url).map_err(|error| format!("its base address: {error}"))?;
        let account = Account {
            provider: sender.provider,
            base_url,
            account: sender.account.clone(),
            number: sender.number.clone(),
            api_key,
            plus_in_path: sender.plus_in_path,
            api_version: sender.api_version.clone(),
        };
        Channel::new(self.client.clone(), &account).map_err(|error| error.to_string())
    }

    /// What a sender worker is made of; it works until `stop`. The error says why it cannot work.
    pub(crate) async fn parts(&self, sender: SenderRow, stop: CancellationToken) -> Result<Parts, String> {
        let references = self.store.reference_key().await.map_err(|error| error.to_string())?;
        let channel = LiveChannel::new(self.channel(&sender)?);
        // Each sender worker has its own id in claims: a sender that comes back to this process must not give back claims of the sender
        // worker before it, whose requests may have left.
        let claims_as = Uuid::now_v7();
        Ok(Parts {
            config: self.setup.config.clone(),
            request_timeout: self.setup.http.timeout,
            store: self.store.clone(),
            mirror: Arc::clone(&self.mirror),
            channel,
            references,
            metrics: Arc::new(SenderMetrics::new(&sender.name, sender.provider)),
            claims_as,
            journal: Arc::new(self.journals.begin(sender.id, claims_as)),
            recent: Arc::clone(&self.recent),
            sender,
            worker: self.id,
            shutdown: stop,
        })
    }
}
