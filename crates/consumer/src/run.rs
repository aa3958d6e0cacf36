//! A worker process: starts one sender worker for each sender.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use broker::{Consumer, Topology};
use campaign::{Rate, SenderId};
use store::{SenderRow, Store};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;
use whatsapp::{Account, Channel, Client};

use crate::config::{Config, KeyResolver};
use crate::gate_mirror::GateMirror;
use crate::live_channel::{AccountSettings, LiveChannel};
use crate::sender_health::SenderHealth;
use crate::sender_loop::run_sender;
use crate::sender_metrics::SenderMetrics;
use crate::sender_worker::Parts;

/// How often the worker looks for new senders and for changed settings.
const LOOK_EVERY: Duration = Duration::from_secs(2);

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

/// A sender that this worker sends for.
struct KnownSender {
    /// The settings of its channel.
    settings: AccountSettings,
    /// Newer settings that cannot be used, and why.
    refused: Option<(AccountSettings, String)>,
    channel: LiveChannel,
}

/// A running worker.
struct Worker {
    id: Uuid,
    setup: Setup,
    store: Store,
    mirror: Arc<GateMirror>,
    client: Client,
    health: SenderHealth,
    shutdown: CancellationToken,
}

/// Sends for its senders until `shutdown`; then finishes the batches in flight, records them and returns.
pub async fn run(setup: Setup, store: Store, shutdown: CancellationToken) -> Result<(), whatsapp::Error> {
    let client = Client::new(&setup.http)?;
    let mirror = GateMirror::new();
    // The mirror is needed until the last request, after the shutdown.
    let following = tokio::spawn(Arc::clone(&mirror).follow(store.watch_gates()));
    let health = SenderHealth::start();
    let worker = Worker { id: Uuid::now_v7(), setup, store, mirror, client, health, shutdown };
    tracing::info!(worker.id = %worker.id, "worker {} has started", worker.id);
    worker.report_alive(&HashMap::new()).await;
    let mut sender_workers = JoinSet::new();
    let mut known = HashMap::new();
    while !worker.shutdown.is_cancelled() {
        match worker.store.senders().await {
            Ok(senders) => {
                for sender in senders.into_iter().filter(|sender| worker.works_for(sender)) {
                    worker.start_sender_worker(sender, &mut known, &mut sender_workers).await;
                }
                telemetry::health::all_parts_known();
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot read the senders from PostgreSQL; retrying: {error}"
                );
            }
        }
        worker.report_alive(&known).await;
        tokio::select! {
            () = worker.shutdown.cancelled() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
    while sender_workers.join_next().await.is_some() {}
    following.abort();
    if let Err(error) = worker.store.worker_gone(worker.id).await {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "cannot remove this worker from the list of workers; it is listed for some more seconds: {error}"
        );
    }
    tracing::info!(worker.id = %worker.id, "worker {} has stopped", worker.id);
    Ok(())
}

impl Worker {
    fn works_for(&self, sender: &SenderRow) -> bool {
        self.setup.config.senders.is_empty() || self.setup.config.senders.contains(&sender.name)
    }

    /// Stores a sign of life with the senders of this worker, and measures the database clock.
    async fn report_alive(&self, senders: &HashMap<SenderId, KnownSender>) {
        let senders: Vec<SenderId> = senders.keys().copied().collect();
        let reported = async {
            self.store.measure_clock().await?;
            self.store.worker_seen(self.id, &senders).await
        };
        if let Err(error) = reported.await {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "cannot store the sign of life of this worker: {error}"
            );
        }
    }

    async fn start_sender_worker(
        &self,
        sender: SenderRow,
        known: &mut HashMap<SenderId, KnownSender>,
        sender_workers: &mut JoinSet<()>,
    ) {
        if let Some(known) = known.get_mut(&sender.id) {
            return self.follow_settings(&sender, known);
        }
        match self.parts(sender.clone()).await {
            Ok(parts) => {
                let settings = AccountSettings::of(&sender);
                known.insert(
                    sender.id,
                    KnownSender { settings, refused: None, channel: parts.channel.clone() },
                );
                let broker = self.setup.broker.clone();
                let queue = Topology::new(&broker.prefix).sender_queue(sender.id.0);
                let ahead = prefetch(sender.rate, self.setup.config.in_flight);
                let consumer = Consumer::start(broker, queue, ahead, &self.shutdown);
                self.health.follow(&parts.sender.name, consumer.state());
                sender_workers.spawn(run_sender(parts, consumer));
            }
            Err(reason) => {
                tracing::error!(sender.id = %sender.id, "cannot send for sender {}: {reason}", sender.name);
            }
        }
    }

    /// Replaces the channel of a sender whose settings changed. Requests that left already are not affected. If the new settings cannot
    /// be used, the old channel stays, and they are tried again: the file of a key may come later.
    fn follow_settings(&self, sender: &SenderRow, known: &mut KnownSender) {
        let settings = AccountSettings::of(sender);
        if settings == known.settings {
            known.refused = None;
            return;
        }
        match self.channel(sender) {
            Ok(channel) => {
                known.channel.replace(channel);
                known.settings = settings;
                known.refused = None;
                tracing::info!(sender.id = %sender.id, "the new settings of sender {} are used from now on", sender.name);
            }
            Err(reason) => {
                let refused = Some((settings, reason));
                if known.refused != refused
                    && let Some((_, reason)) = &refused
                {
                    tracing::error!(
                        sender.id = %sender.id,
                        "the new settings of sender {0} cannot be used, the old ones stay: {reason}; correct them with \
                         'flowcast sender set {0}', or restart the consumer if its environment lacks the key",
                        sender.name
                    );
                }
                known.refused = refused;
            }
        }
    }

    fn channel(&self, sender: &SenderRow) -> Result<Channel, String> {
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

    async fn parts(&self, sender: SenderRow) -> Result<Parts, String> {
        let references = self.store.reference_key().await.map_err(|error| error.to_string())?;
        let channel = LiveChannel::new(self.channel(&sender)?);
        Ok(Parts {
            config: self.setup.config.clone(),
            request_timeout: self.setup.http.timeout,
            store: self.store.clone(),
            mirror: Arc::clone(&self.mirror),
            channel,
            references,
            metrics: Arc::new(SenderMetrics::new(&sender.name, sender.provider)),
            sender,
            worker: self.id,
            shutdown: self.shutdown.clone(),
        })
    }
}

/// The prefetch: two seconds of the rate, at least 50 messages, and at most twice `in_flight` (1,000 if that is less). While half of
/// the messages are being sent, the other half waits in the worker.
fn prefetch(rate: Option<Rate>, in_flight: u16) -> u16 {
    let most = f64::from(in_flight.saturating_mul(2).max(1_000));
    let wanted = rate.map_or(most, |rate| (rate.per_second() * 2.0).clamp(50.0, most));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 50 and 65535")]
    let wanted = wanted as u16;
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefetch_is_two_seconds_of_the_rate_and_at_most_two_full_loads() {
        let ahead = |rate: &str, in_flight| prefetch(Some(rate.parse().unwrap()), in_flight);
        assert_eq!(ahead("20/s", 600), 50);
        assert_eq!(ahead("80/s", 600), 160);
        assert_eq!(ahead("5000/s", 600), 1_200);
        assert_eq!(prefetch(None, 600), 1_200);
        assert_eq!(prefetch(None, 30), 1_000);
        assert_eq!(prefetch(None, u16::MAX), u16::MAX);
    }
}
