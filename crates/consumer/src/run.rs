//! A worker's life: a lane for each sender it works for.

use std::collections::HashSet;
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
use crate::intake::work;
use crate::lane::Parts;
use crate::mirror::Mirror;

/// How often new senders are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What a worker is made of.
#[derive(Clone)]
pub struct Setup {
    /// How it works.
    pub config: Config,
    /// How it reaches RabbitMQ.
    pub broker: broker::Config,
    /// How it reaches the providers.
    pub http: whatsapp::Config,
    /// Finds the senders' keys.
    pub keys: KeyResolver,
}

/// A worker being run.
struct Worker {
    id: Uuid,
    setup: Setup,
    store: Store,
    mirror: Arc<Mirror>,
    client: Client,
    shutdown: CancellationToken,
}

/// Sends for its senders until `shutdown`, then ends what is under way, records it and returns.
pub async fn run(setup: Setup, store: Store, shutdown: CancellationToken) -> Result<(), whatsapp::Error> {
    let client = Client::new(&setup.http)?;
    let mirror = Mirror::new();
    // It ends with the last request, after the shutdown.
    let following = tokio::spawn(Arc::clone(&mirror).follow(store.watch_gates()));
    let worker = Worker { id: Uuid::now_v7(), setup, store, mirror, client, shutdown };
    tracing::info!(worker.id = %worker.id, "worker {} has started", worker.id);
    worker.say_so(&HashSet::new()).await;
    let mut lanes = JoinSet::new();
    let mut known = HashSet::new();
    while !worker.shutdown.is_cancelled() {
        match worker.store.senders().await {
            Ok(senders) => {
                for sender in senders.into_iter().filter(|sender| worker.works_for(sender)) {
                    worker.open_lane(sender, &mut known, &mut lanes).await;
                }
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the senders cannot be read now: {error}"
                );
            }
        }
        worker.say_so(&known).await;
        tokio::select! {
            () = worker.shutdown.cancelled() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
    while lanes.join_next().await.is_some() {}
    following.abort();
    if let Err(error) = worker.store.worker_gone(worker.id).await {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "it counts as there for some seconds: {error}"
        );
    }
    tracing::info!(worker.id = %worker.id, "worker {} has stopped", worker.id);
    Ok(())
}

impl Worker {
    fn works_for(&self, sender: &SenderRow) -> bool {
        self.setup.config.senders.is_empty() || self.setup.config.senders.contains(&sender.name)
    }

    /// Says for whom it works, so that it can be told when nobody does, and looks at the database clock.
    async fn say_so(&self, senders: &HashSet<SenderId>) {
        let senders: Vec<SenderId> = senders.iter().copied().collect();
        let said = async {
            self.store.measure_clock().await?;
            self.store.worker_seen(self.id, &senders).await
        };
        if let Err(error) = said.await {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "nobody knows this worker is here: {error}"
            );
        }
    }

    async fn open_lane(&self, sender: SenderRow, known: &mut HashSet<SenderId>, lanes: &mut JoinSet<()>) {
        if known.contains(&sender.id) {
            return;
        }
        match self.parts(sender.clone()).await {
            Ok(parts) => {
                known.insert(sender.id);
                let broker = self.setup.broker.clone();
                let queue = Topology::new(&broker.prefix).sender_queue(sender.id.0);
                let ahead = prefetch(sender.rate, self.setup.config.in_flight);
                let consumer = Consumer::start(broker, queue, ahead, &self.shutdown);
                lanes.spawn(work(parts, consumer));
            }
            Err(reason) => {
                tracing::error!(sender.id = %sender.id, "cannot work for sender {}: {reason}", sender.name);
            }
        }
    }

    async fn parts(&self, sender: SenderRow) -> Result<Parts, String> {
        let references = self.store.reference_key().await.map_err(|error| error.to_string())?;
        let api_key = (self.setup.keys)(&sender.api_key_ref)?;
        let base_url = Url::parse(&sender.base_url).map_err(|error| format!("its base address: {error}"))?;
        let account = Account {
            provider: sender.provider,
            base_url,
            account: sender.account.clone(),
            number: sender.number.clone(),
            api_key,
            plus_in_path: true,
        };
        let channel = Channel::new(self.client.clone(), &account).map_err(|error| error.to_string())?;
        Ok(Parts {
            config: self.setup.config.clone(),
            request_timeout: self.setup.http.timeout,
            store: self.store.clone(),
            mirror: Arc::clone(&self.mirror),
            channel,
            references,
            sender,
            worker: self.id,
            shutdown: self.shutdown.clone(),
        })
    }
}

/// Two seconds of the rate, at least 50 messages, and at most 1,000 or twice as many as may be under way: while one half is
/// being sent, the other waits to be claimed in whole batches.
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
    fn the_queue_is_read_ahead_for_two_seconds_and_for_whole_batches_at_most() {
        let ahead = |rate: &str, in_flight| prefetch(Some(rate.parse().unwrap()), in_flight);
        assert_eq!(ahead("20/s", 600), 50);
        assert_eq!(ahead("80/s", 600), 160);
        assert_eq!(ahead("5000/s", 600), 1_200);
        assert_eq!(prefetch(None, 600), 1_200);
        assert_eq!(prefetch(None, 30), 1_000);
        assert_eq!(prefetch(None, u16::MAX), u16::MAX);
    }
}
