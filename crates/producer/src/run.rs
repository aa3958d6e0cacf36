//! A producer process: leases the feeds of senders, refills their queues, and runs the maintenance jobs.
//!
//! **Invariant.** A failure of one sender's feed delays that sender only. Each sender has its own task in a round, its
//! own backoff, and its own reason in `report.waiting`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use broker::{Publisher, State, Topology};
use campaign::SenderId;
use store::{FeedTrouble, SenderFeed, Store};
use telemetry::Stage;
use telemetry::health::{self, Need, Part};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::config::Config;
use crate::error::Error;
use crate::feed::{Feed, Memory};
use crate::metrics::{self, FeedMetrics};
use crate::retry_pause::pause_after;
use crate::{installation, maintenance};

/// How long a round waits for the slowest sender. Then the next round begins, and that sender's task continues.
const ROUND_WAIT: Duration = Duration::from_millis(100);
/// A running producer.
struct Producer {
    id: Uuid,
    config: Arc<Config>,
    store: Store,
    publisher: Publisher,
    topology: Topology,
    senders: HashMap<SenderId, SenderState>,
    running: JoinSet<FeedResult>,
    leased_at: Option<Instant>,
    /// The broker state that was stored last; `None` if it must be stored again.
    noted: Option<State>,
}

/// What this producer knows about one sender between two rounds. Nothing is lost with it.
struct SenderState {
    metrics: Arc<FeedMetrics>,
    /// `None` while a task uses it.
    memory: Option<Memory>,
    /// Failed rounds since the last success.
    failures: u16,
    retry_at: Option<Instant>,
}

impl SenderState {
    fn new(sender: &str) -> Self {
        let metrics = Arc::new(FeedMetrics::new(sender));
        Self { metrics, memory: Some(Memory::default()), failures: 0, retry_at: None }
    }
}

/// The result of one sender's task in a round.
struct FeedResult {
    sender: SenderId,
    memory: Memory,
    result: Result<bool, Error>,
}

/// What a producer needs.
pub struct Setup {
    /// The settings.
    pub config: Config,
    /// PostgreSQL, for the feed.
    pub store: Store,
    /// PostgreSQL with separate connections, for the maintenance jobs: a job that waits for a lock takes no connection
    /// from the feed ([`store::Config::for_maintenance`]).
    pub maintenance: Store,
    /// PostgreSQL with a connection of its own, for the metrics of the installation ([`store::Config::for_measuring`]).
    pub measuring: Store,
    /// RabbitMQ. It must outlive the producer, so that messages published at the shutdown are confirmed.
    pub publisher: Publisher,
    /// The names of the queues.
    pub topology: Topology,
    /// The most campaigns with metrics of their own.
    pub measured_campaigns: usize,
}

/// Feeds every sender that no other producer feeds, until `shutdown`. Failures of PostgreSQL and RabbitMQ are retried.
pub async fn run(setup: Setup, shutdown: CancellationToken) {
    let Setup { config, store, maintenance, measuring, publisher, topology, measured_campaigns } = setup;
    let id = Uuid::now_v7();
    tracing::info!(producer.id = %id, "producer {id} has started");
    add_health(&publisher);
    let measuring = installation::run(id, measuring, measured_campaigns, shutdown.clone());
    let measuring = tokio::spawn(measuring);
    let jobs = tokio::spawn(maintenance::run(id, maintenance, shutdown.clone()));
    let mut producer = Producer {
        id,
        config: Arc::new(config),
        store,
        publisher,
        topology,
        senders: HashMap::new(),
        running: JoinSet::new(),
        leased_at: None,
        noted: None,
    };
    producer.feed_until(&shutdown).await;
    producer.stop().await;
    if let Err(error) = measuring.await {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "reading the metrics of the installation failed: {error}"
        );
    }
    if let Err(error) = jobs.await {
        tracing::error!(error = &error as &dyn std::error::Error, "the maintenance jobs failed: {error}");
    }
    tracing::info!(producer.id = %id, "producer {id} has stopped");
}

/// Adds the parts of a producer. After its start it stays ready without PostgreSQL or RabbitMQ: no request is routed to it.
fn add_health(publisher: &Publisher) {
    health::add("postgres", Need::Once, || {
        let state = store::postgres_state();
        Part::word(state == "ok", state)
    });
    let state = publisher.state();
    health::add("broker", Need::Once, move || {
        let state = *state.borrow();
        Part::word(matches!(state, State::Up | State::Blocked), state.word())
    });
    health::all_parts_known();
}

impl Producer {
    async fn feed_until(&mut self, shutdown: &CancellationToken) {
        let mut failures = 0_u16;
        while !shutdown.is_cancelled() {
            let (step, begun) = (telemetry::step(Stage::FeedRound), Instant::now());
            let ended = self.round().await;
            drop(step);
            let pause = match ended {
                Ok(busy) => {
                    failures = 0;
                    metrics::note_round(begun.elapsed().as_secs_f64(), self.senders.len());
                    if busy { self.config.busy_pause } else { self.config.idle_pause }
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        failures,
                        "a round of the feeds failed and is tried again: {error}"
                    );
                    pause_after(failures)
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Waits for the running tasks, so that what they published is recorded, and releases the feeds.
    async fn stop(&mut self) {
        while self.running.join_next().await.is_some() {}
        if let Err(error) = self.store.release_feeds(self.id).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "cannot release the feeds; they are free when their lease ends: {error}"
            );
        }
    }

    /// One round over all senders: lease, read, publish. Returns whether anything was published.
    async fn round(&mut self) -> Result<bool, Error> {
        if self.leased_at.is_none_or(|at| at.elapsed() > self.config.lease / 4) {
            self.store.take_feeds(self.id, self.config.lease).await?;
            self.leased_at = Some(Instant::now());
            // A feed that was taken over just now may still show the trouble of its previous producer.
            self.noted = None;
        }
        let feeds = self.store.read_feeds(self.id).await?;
        self.senders.retain(|id, _| feeds.iter().any(|feed| feed.sender == *id));
        if self.note_broker_trouble().await?.is_some() {
            return Ok(false);
        }
        for sender in feeds {
            self.start_feeding(sender);
        }
        Ok(self.wait_for_senders().await)
    }

    /// Starts this sender's task, unless the last one still runs or the backoff has not passed.
    fn start_feeding(&mut self, sender: SenderFeed) {
        let id = sender.sender;
        let state = self.senders.entry(id).or_insert_with(|| SenderState::new(&sender.name));
        if state.retry_at.is_some_and(|at| Instant::now() < at) {
            return;
        }
        let Some(mut memory) = state.memory.take() else {
            return;
        };
        let (store, publisher, config) =
            (self.store.clone(), self.publisher.clone(), Arc::clone(&self.config));
        let (queue, metrics) = (self.topology.sender_queue(id.0), Arc::clone(&state.metrics));
        self.running.spawn(async move {
            let feed = Feed {
                store: &store,
                publisher: &publisher,
                queue,
                sender: &sender,
                config: &config,
                metrics: &metrics,
            };
            let result = feed.round(&mut memory).await;
            FeedResult { sender: id, memory, result }
        });
    }

    /// Waits for the senders' tasks, but at most `ROUND_WAIT`. Returns whether any of them published.
    async fn wait_for_senders(&mut self) -> bool {
        let deadline = Instant::now() + ROUND_WAIT;
        let mut busy = false;
        while let Ok(Some(ended)) = tokio::time::timeout_at(deadline, self.running.join_next()).await {
            match ended {
                Ok(fed) => busy |= self.note_end(fed).await,
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the task that feeds a sender failed: {error}"
                    );
                    // The error does not name the sender. Senders without memory and without a task start again.
                    if self.running.is_empty() {
                        self.senders.retain(|_, state| state.memory.is_some());
                    }
                }
            }
        }
        busy
    }

    /// Stores what a sender's task learned, and shows in `report.waiting` when its feed begins or ceases to fail.
    async fn note_end(&mut self, FeedResult { sender, memory, result }: FeedResult) -> bool {
        // Another producer may have taken the sender meanwhile.
        let Some(state) = self.senders.get_mut(&sender) else {
            return false;
        };
        state.memory = Some(memory);
        let failed_before = state.failures > 0;
        let (busy, trouble) = match result {
            Ok(busy) => {
                (state.failures, state.retry_at) = (0, None);
                (busy, None)
            }
            Err(error) => {
                state.failures = state.failures.saturating_add(1);
                state.metrics.failures.inc();
                let pause = pause_after(state.failures);
                state.retry_at = Some(Instant::now() + pause);
                tracing::warn!(
                    error = &error as &dyn std::error::Error, sender.id = %sender, failures = state.failures,
                    "the feed of sender {sender} failed and is tried again in {pause:.1?}: {error}"
                );
                (false, Some(FeedTrouble::FeedFailed))
            }
        };
        if failed_before != trouble.is_some()
            && let Err(error) = self.store.note_sender_trouble(self.id, sender, trouble).await
        {
            tracing::warn!(
                error = &error as &dyn std::error::Error, sender.id = %sender,
                "cannot store the state of the feed of sender {sender}: {error}"
            );
        }
        busy
    }

    /// Stores for every sender whether RabbitMQ accepts messages, when that changes.
    async fn note_broker_trouble(&mut self) -> Result<Option<FeedTrouble>, Error> {
        let state = *self.publisher.state().borrow();
        let trouble = match state {
            State::Connecting | State::Up => None,
            State::Blocked => Some(FeedTrouble::QueueBlocked),
            State::Down | State::Paused => Some(FeedTrouble::QueueAway),
        };
        if self.noted != Some(state) {
            self.store.note_feed_trouble(self.id, trouble).await?;
            self.noted = Some(state);
            for state in self.senders.values_mut() {
                state.failures = 0;
            }
        }
        Ok(trouble)
    }
}
