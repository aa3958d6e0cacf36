//! The producer's life: hold the feeds of senders and keep their queues topped up.

use std::collections::HashMap;
use std::time::Duration;

use broker::{Publisher, State, Topology};
use campaign::SenderId;
use store::{FeedTrouble, SenderFeed, Settled, Store};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::config::Config;
use crate::error::Error;
use crate::feed::{Feed, Memory};

/// How often ended leases, deadlines, rules for the unknown and days are looked for, and counts folded.
const SETTLE_EVERY: Duration = Duration::from_secs(1);

/// A producer at work.
struct Producer {
    id: Uuid,
    config: Config,
    store: Store,
    publisher: Publisher,
    topology: Topology,
    memories: HashMap<SenderId, Memory>,
    leased_at: Option<Instant>,
    settled_at: Option<Instant>,
    /// How the broker stood when that was noted last; `None` when it is to be noted again.
    noted: Option<State>,
}

/// Feeds every sender that no other producer feeds, until `shutdown`. Trouble with Postgres or RabbitMQ is waited out.
pub async fn run(
    config: Config,
    store: Store,
    publisher: Publisher,
    topology: Topology,
    shutdown: CancellationToken,
) {
    let id = Uuid::now_v7();
    let mut producer = Producer {
        id,
        config,
        store,
        publisher,
        topology,
        memories: HashMap::new(),
        leased_at: None,
        settled_at: None,
        noted: None,
    };
    tracing::info!(producer.id = %id, "producer {id} is feeding");
    let mut failures = 0_u32;
    while !shutdown.is_cancelled() {
        let pause = match producer.round().await {
            Ok(busy) => {
                failures = 0;
                if busy { producer.config.busy_pause } else { producer.config.idle_pause }
            }
            Err(error) => {
                failures += 1;
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    failures,
                    "the feed is waiting: {error}"
                );
                campaign::backoff(
                    Duration::from_millis(200),
                    Duration::from_secs(5),
                    failures.min(20) as u16,
                    1.0,
                )
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    if let Err(error) = producer.store.release_feeds(id).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "the feeds end with their lease: {error}");
    }
    tracing::info!(producer.id = %id, "producer {id} has stopped");
}

impl Producer {
    /// One round over all senders. Returns whether anything was published.
    async fn round(&mut self) -> Result<bool, Error> {
        if self.leased_at.is_none_or(|at| at.elapsed() > self.config.lease / 4) {
            self.store.take_feeds(self.id, self.config.lease).await?;
            self.leased_at = Some(Instant::now());
            // A feed that was taken over just now may still show the trouble of the one before.
            self.noted = None;
        }
        let feeds = self.store.read_feeds(self.id).await?;
        self.settle_what_ended(&feeds).await?;
        if self.note_trouble().await?.is_some() {
            return Ok(false);
        }
        let mut busy = false;
        for sender in &feeds {
            let queue = self.topology.sender_queue(sender.sender.0);
            if !self.memories.contains_key(&sender.sender) {
                self.publisher.declare(&queue).await?;
            }
            let memory = self.memories.entry(sender.sender).or_default();
            let feed =
                Feed { store: &self.store, publisher: &self.publisher, queue, sender, config: &self.config };
            busy |= feed.round(memory).await?;
        }
        Ok(busy)
    }

    /// Tells everybody whether RabbitMQ can be fed, when that changes.
    async fn note_trouble(&mut self) -> Result<Option<FeedTrouble>, Error> {
        let state = *self.publisher.state().borrow();
        let trouble = match state {
            State::Connecting | State::Up => None,
            State::Blocked => Some(FeedTrouble::QueueBlocked),
            State::Down | State::Paused => Some(FeedTrouble::QueueAway),
        };
        if self.noted != Some(state) {
            self.store.note_feed_trouble(self.id, trouble).await?;
            self.noted = Some(state);
        }
        Ok(trouble)
    }

    /// What time alone changes: leases of dead workers, deadlines, sending hours, those unknown for long, and the days of daily
    /// caps; and folds the counts of reports.
    async fn settle_what_ended(&mut self, feeds: &[SenderFeed]) -> Result<(), Error> {
        if self.settled_at.is_some_and(|at| at.elapsed() < SETTLE_EVERY) {
            return Ok(());
        }
        for SenderFeed { sender, .. } in feeds {
            let expired = self.store.expire_claims(*sender).await?;
            if expired > 0 {
                tracing::warn!(sender.id = %sender, expired, "a worker died; {expired} recipients became unknown");
            }
        }
        for campaign in self.store.overdue_campaigns().await? {
            let expired = self.store.expire_campaign(campaign).await?;
            if expired > 0 {
                tracing::info!(campaign.id = %campaign, expired, "the deadline of campaign {campaign} has passed");
            }
        }
        for (campaign, next) in self.store.campaigns_out_of_hours().await? {
            if self.store.open_next_hours(campaign, next).await? {
                tracing::info!(
                    campaign.id = %campaign, next = next.map(|next| tracing::field::display(next.from)),
                    "the sending hours of campaign {campaign} are over"
                );
            }
        }
        for campaign in self.store.ended_campaigns_with_due().await? {
            let ended = self.store.end_stragglers(campaign).await?;
            tracing::info!(campaign.id = %campaign, ended, "recipients of campaign {campaign} came back after its end");
        }
        self.settle_unknown().await?;
        self.store.fold_tallies().await?;
        if self.store.open_capped_senders().await? > 0 {
            tracing::info!("senders go on: their daily cap leaves room again");
        }
        self.settled_at = Some(Instant::now());
        Ok(())
    }

    /// Settles by receipts, and applies the campaigns' rules to those who are unknown for long, some thousands at a time.
    async fn settle_unknown(&self) -> Result<(), Error> {
        for campaign in self.store.campaigns_told().await? {
            let settled = self.store.settle_by_receipts(campaign).await?;
            if settled > 0 {
                tracing::info!(campaign.id = %campaign, settled, "receipts settled {settled} of campaign {campaign}");
            }
        }
        for campaign in self.store.campaigns_to_settle().await? {
            let Settled { resent, failed } = self.store.settle_by_rule(campaign).await?;
            if resent + failed > 0 {
                tracing::info!(
                    campaign.id = %campaign, resent, failed,
                    "unknown recipients of campaign {campaign} are settled by its rule: {resent} are sent to again, \
                     {failed} failed"
                );
            }
        }
        Ok(())
    }
}
