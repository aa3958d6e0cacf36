//! The sender workers of a process: started, corrected and stopped as the senders of the process change.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use broker::{Consumer, Topology};
use campaign::SenderId;
use store::SenderRow;
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::live_channel::{AccountSettings, LiveChannel};
use crate::run::Worker;
use crate::sender_loop::{PREFETCH, run_sender};
use crate::sender_metrics::SenderMetrics;

/// How long a sender counts as full after all its requests were in use. So a worker that came to help does not leave at once.
const FULL_FOR: Duration = Duration::from_mins(1);

/// The running sender workers.
#[derive(Default)]
pub(crate) struct SenderWorkers {
    known: HashMap<SenderId, KnownSender>,
    /// Senders for which this process has no channel, for example because its environment lacks their key. Other workers work for
    /// them until it has one.
    unusable: HashSet<SenderId>,
    running: JoinSet<SenderId>,
}

/// A sender with a running sender worker.
struct KnownSender {
    name: String,
    /// The settings of its channel.
    settings: AccountSettings,
    /// Newer settings that cannot be used, and why.
    refused: Option<(AccountSettings, String)>,
    channel: LiveChannel,
    metrics: Arc<SenderMetrics>,
    full_at: Option<Instant>,
    /// Cancelled to drain it.
    stop: CancellationToken,
    task: Id,
}

impl SenderWorkers {
    /// Works for these senders and no other. A sender that is not among them any more is drained; it can start again when it has ended.
    pub(crate) async fn work_for(&mut self, mine: Vec<SenderRow>, worker: &Worker) {
        self.forget_ended(worker);
        for (id, known) in &self.known {
            if mine.iter().all(|sender| sender.id != *id) && !known.stop.is_cancelled() {
                tracing::info!(sender.id = %id, "another worker sends for sender {} from now on", known.name);
                known.stop.cancel();
            }
        }
        for sender in mine {
            match self.known.get_mut(&sender.id) {
                Some(known) => known.follow_settings(&sender, worker),
                None => self.start(sender, worker).await,
            }
        }
    }

    /// The senders for which this worker works.
    pub(crate) fn senders(&self) -> Vec<SenderId> {
        self.known.iter().filter(|(_, known)| !known.stop.is_cancelled()).map(|(id, _)| *id).collect()
    }

    /// Whether this worker can work for a sender, as far as it is known. A sender for which it could not is tried again.
    pub(crate) fn can_work_for(&mut self, sender: &SenderRow, worker: &Worker) -> bool {
        if self.unusable.contains(&sender.id) && worker.channel(sender).is_ok() {
            self.unusable.remove(&sender.id);
        }
        !self.unusable.contains(&sender.id)
    }

    /// The senders all of whose requests were in use lately.
    pub(crate) fn full_of(&mut self) -> Vec<SenderId> {
        let now = Instant::now();
        for known in self.known.values_mut().filter(|known| known.metrics.is_full()) {
            known.full_at = Some(now);
        }
        let is_full = |known: &KnownSender| known.full_at.is_some_and(|at| now - at < FULL_FOR);
        self.known.iter().filter(|(_, known)| is_full(known)).map(|(id, _)| *id).collect()
    }

    /// Waits until all sender workers have ended.
    pub(crate) async fn join(mut self) {
        while self.running.join_next().await.is_some() {}
    }

    /// Forgets sender workers that have ended, also in a panic: their senders can start again.
    fn forget_ended(&mut self, worker: &Worker) {
        while let Some(ended) = self.running.try_join_next_with_id() {
            let task = match ended {
                Ok((task, _)) => task,
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "a sender worker failed and is started again: {error}; please report this"
                    );
                    error.id()
                }
            };
            self.known.retain(|_, known| {
                let has_ended = known.task == task;
                if has_ended {
                    worker.health.forget(&known.name);
                }
                !has_ended
            });
        }
    }

    async fn start(&mut self, sender: SenderRow, worker: &Worker) {
        let (id, name, settings) = (sender.id, sender.name.clone(), AccountSettings::of(&sender));
        let stop = worker.shutdown.child_token();
        let parts = match worker.parts(sender, stop.clone()).await {
            Ok(parts) => parts,
            Err(reason) => {
                tracing::error!(sender.id = %id, "cannot send for sender {name}, other workers may: {reason}");
                self.unusable.insert(id);
                return;
            }
        };
        let queue = Topology::new(&worker.setup.broker.prefix).sender_queue(id.0);
        let consumer = Consumer::start(&worker.connection, queue, PREFETCH, &stop);
        worker.health.follow(&name, consumer.state());
        let (channel, metrics) = (parts.channel.clone(), Arc::clone(&parts.metrics));
        let task = self.running.spawn(run_sender(parts, consumer)).id();
        let known =
            KnownSender { name, settings, refused: None, channel, metrics, full_at: None, stop, task };
        self.known.insert(id, known);
    }
}

impl KnownSender {
    /// Replaces the channel of a sender whose settings changed. Requests that left already are not affected. If the new settings cannot
    /// be used, the old channel stays, and they are tried again: the file of a key may come later.
    fn follow_settings(&mut self, sender: &SenderRow, worker: &Worker) {
        let settings = AccountSettings::of(sender);
        if settings == self.settings {
            self.refused = None;
            return;
        }
        match worker.channel(sender) {
            Ok(channel) => {
                self.channel.replace(channel);
                self.settings = settings;
                self.refused = None;
                tracing::info!(sender.id = %sender.id, "the new settings of sender {} are used from now on", sender.name);
            }
            Err(reason) => {
                let refused = Some((settings, reason));
                if self.refused != refused
                    && let Some((_, reason)) = &refused
                {
                    tracing::error!(
                        sender.id = %sender.id,
                        "the new settings of sender {0} cannot be used, the old ones stay: {reason}; correct them with \
                         'flowcast sender set {0}', or restart the consumer if its environment lacks the key",
                        sender.name
                    );
                }
                self.refused = refused;
            }
        }
    }
}
