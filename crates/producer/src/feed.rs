//! The feed of one sender: which recipients to publish next, and how far each campaign has been published.
//!
//! A message is lost if it is neither in a queue nor with a worker, and its recipient is still `pending`. The queue is first in,
//! first out. If the queue holds 50 messages, and at least 50 messages were published after the last one of a campaign, the queue
//! holds no message of that campaign ([`Memory::may_hold_messages_of`]).

pub(crate) mod share;

use std::collections::HashMap;
use std::time::Duration;

use broker::{Publisher, QueueName};
use campaign::{CampaignId, Probing, SendTask, Seq};
use failpoint::Place;
use store::{FeedState, SenderFeed, Store};
use telemetry::Stage;
use tokio::time::Instant;
use tracing::{Instrument, trace_span};

use crate::config::Config;
use crate::error::Error;
use crate::feed::share::{Claimant, share};
use crate::installation;
use crate::metrics::FeedMetrics;

/// The time for which the queue holds ids ahead of the workers, and the least and most ids.
const AHEAD: Duration = Duration::from_secs(5);
const SHALLOW: f64 = 100.0;
const DEEP: f64 = 10_000.0;
/// The most ids between two updates of the cursor. After a crash these are published again.
const STRIDE: usize = 2_000;
/// How often the low-water mark of a campaign is updated.
const LOW_WATER_EVERY: Duration = Duration::from_millis(400);

/// The most doublings of `stalled_after` for a campaign whose low-water mark does not move after a rewind.
const MOST_DOUBLINGS: u32 = 6;

/// What the producer knows about a sender's queue and campaigns between two rounds. Nothing is lost with it.
#[derive(Default)]
pub(crate) struct Memory {
    is_declared: bool,
    /// Messages put into the queue so far: those found in it at the start, and those published since.
    published: u64,
    campaigns: HashMap<CampaignId, Mark>,
}

/// When a campaign's low-water mark was read last, and since when it has not moved.
struct Mark {
    looked_at: Instant,
    low_water: i32,
    moved_at: Instant,
    /// Rewinds since the mark moved.
    rewinds: u32,
    /// [`Memory::published`] after the campaign's last message.
    last_message: u64,
}

impl Memory {
    /// Counts messages that are now in the queue.
    fn note_published(&mut self, tasks: &[SendTask]) {
        self.published += tasks.len() as u64;
        for task in tasks {
            if let Some(mark) = self.campaigns.get_mut(&task.campaign) {
                mark.last_message = self.published;
            }
        }
    }

    /// After a failed publishing the number of messages in the queue is unknown, so every campaign may still have some
    /// there.
    fn forget_order(&mut self) {
        self.campaigns.values_mut().for_each(|mark| mark.last_message = self.published);
    }

    /// Whether a queue with `depth` ready messages may hold a message of the campaign of this mark.
    fn may_hold_messages_of(&self, mark: &Mark, depth: usize) -> bool {
        depth as u64 > self.published - mark.last_message
    }
}

/// The feed of one sender.
pub(crate) struct Feed<'a> {
    pub(crate) store: &'a Store,
    pub(crate) publisher: &'a Publisher,
    pub(crate) queue: QueueName,
    pub(crate) sender: &'a SenderFeed,
    pub(crate) config: &'a Config,
    pub(crate) metrics: &'a FeedMetrics,
}

impl Feed<'_> {
    /// Refills the queue and updates the low-water marks. Returns whether there was anything to publish.
    pub(crate) async fn round(&self, memory: &mut Memory) -> Result<bool, Error> {
        if !memory.is_declared {
            self.declare().await?;
            memory.is_declared = true;
        }
        if self.sender.campaigns.is_empty() {
            return Ok(false);
        }
        let span = trace_span!(
            target: telemetry::SPANS, parent: None, "feed round",
            flowcast.sender.id = self.sender.sender.0, flowcast.campaigns = self.sender.campaigns.len(),
        );
        self.refill(memory).instrument(span).await
    }

    async fn refill(&self, memory: &mut Memory) -> Result<bool, Error> {
        if !self.sender.is_open {
            return self.probe(memory).await;
        }
        let depth = usize::try_from(self.publisher.depth(&self.queue).await?).unwrap_or(usize::MAX);
        installation::note_queue(&self.sender.name, depth);
        self.remember_campaigns(depth, memory);
        let missing = missing_ids(self.sender.per_second, depth);
        let due = self.publish_due(missing, memory).await?;
        let fresh = self.publish_fresh(missing - due, memory).await?;
        for campaign in &self.sender.campaigns {
            self.look_at_low_water(campaign, depth, memory).await?;
        }
        Ok(due + fresh > 0)
    }

    /// Declares the queue. An existing queue with other arguments is used as it is, as consumers do.
    async fn declare(&self) -> Result<(), Error> {
        match self.publisher.declare(&self.queue).await {
            Err(error @ broker::Error::Mismatch { .. }) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error, sender.id = %self.sender.sender,
                    "the queue of sender {} is used as it is: {error}", self.sender.sender
                );
                Ok(())
            }
            declared => Ok(declared?),
        }
    }

    /// Adds marks for new campaigns. Any message found in the queue may belong to them.
    fn remember_campaigns(&self, depth: usize, memory: &mut Memory) {
        if memory.published == 0 {
            memory.published = depth as u64;
        }
        memory
            .campaigns
            .retain(|id, _| self.sender.campaigns.iter().any(|campaign| campaign.campaign == *id));
        let now = Instant::now();
        for campaign in &self.sender.campaigns {
            memory.campaigns.entry(campaign.campaign).or_insert(Mark {
                looked_at: now - LOW_WATER_EVERY,
                low_water: campaign.low_water,
                moved_at: now,
                rewinds: 0,
                last_message: memory.published,
            });
        }
    }

    /// Publishes one recipient of a stopped sender if a probe is due.
    async fn probe(&self, memory: &mut Memory) -> Result<bool, Error> {
        let mut armed = false;
        for (probing, pauses) in
            [(Probing::Patient, &self.config.probe_pauses), (Probing::Eager, &self.config.outage_pauses)]
        {
            let pauses: Vec<Duration> = pauses.iter().map(|pause| **pause).collect();
            armed |= self.store.arm_probe(self.sender.sender, probing, &pauses).await?;
        }
        if !armed {
            return Ok(false);
        }
        tracing::info!(sender.id = %self.sender.sender, "probing sender {}", self.sender.sender);
        let due = self.store.take_due(self.sender.sender, 1).await?;
        if !due.is_empty() {
            self.publish(&due, memory).await?;
            return Ok(true);
        }
        for campaign in self.sender.campaigns.iter().filter(|campaign| campaign.may_send) {
            if let Some(seq) = self.first_pending(campaign).await? {
                self.publish(&[SendTask { campaign: campaign.campaign, seq }], memory).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn first_pending(&self, campaign: &FeedState) -> Result<Option<Seq>, Error> {
        let mut after = campaign.low_water - 1;
        while after < campaign.recipients {
            let pending =
                self.store.pending_between(campaign.campaign, (after, campaign.recipients), 1).await?;
            if let Some(first) = pending.seqs.first() {
                return Ok(Some(*first));
            }
            after = pending.looked_to;
        }
        Ok(None)
    }

    async fn publish_due(&self, missing: usize, memory: &mut Memory) -> Result<usize, Error> {
        if missing == 0 {
            return Ok(0);
        }
        let due = self.store.take_due(self.sender.sender, missing.min(STRIDE)).await?;
        self.publish(&due, memory).await?;
        Ok(due.len())
    }

    async fn publish_fresh(&self, missing: usize, memory: &mut Memory) -> Result<usize, Error> {
        let claimants: Vec<Claimant> = self.sender.campaigns.iter().map(claimant).collect();
        let mut published = 0;
        for (campaign, share) in self.sender.campaigns.iter().zip(share(missing, &claimants)) {
            published += self.publish_campaign(campaign, share, memory).await?;
        }
        Ok(published)
    }

    /// Publishes the next `share` recipients of a campaign, and moves its cursor after the publisher confirms. Below
    /// the cursor's earlier position, that is after a rewind, it publishes only recipients that are still `pending`.
    async fn publish_campaign(
        &self,
        campaign: &FeedState,
        share: usize,
        memory: &mut Memory,
    ) -> Result<usize, Error> {
        let FeedState { campaign: id, recipients, published, .. } = *campaign;
        let (mut cursor, mut left) = (campaign.cursor, share);
        while left > 0 && cursor < recipients {
            let stride = left.min(STRIDE);
            let (seqs, end) = if cursor < published {
                let pending = self.store.pending_between(id, (cursor, published), stride).await?;
                (pending.seqs, pending.looked_to)
            } else {
                let end = cursor.saturating_add(i32::try_from(stride).unwrap_or(i32::MAX)).min(recipients);
                ((cursor + 1..=end).map(Seq).collect(), end)
            };
            failpoint::pass(Place::BeforePublish);
            let tasks: Vec<_> = seqs.iter().map(|seq| SendTask { campaign: id, seq: *seq }).collect();
            self.publish(&tasks, memory).await?;
            failpoint::pass(Place::AfterPublish);
            self.store.advance_cursor(id, cursor, end).await?;
            (cursor, left) = (end, left - seqs.len().min(left));
        }
        Ok(share - left)
    }

    async fn publish(&self, tasks: &[SendTask], memory: &mut Memory) -> Result<(), Error> {
        if tasks.is_empty() {
            return Ok(());
        }
        let bodies = tasks.iter().copied().map(SendTask::encode).collect();
        let (step, begun) = (telemetry::step(Stage::Publish), Instant::now());
        let span = trace_span!(
            target: telemetry::SPANS, "send", otel.name = %format_args!("send {}", self.queue.as_str()), otel.kind = "producer",
            messaging.system = "rabbitmq", messaging.operation.r#type = "send", messaging.destination.name = self.queue.as_str(),
            messaging.batch.message_count = tasks.len(),
        );
        let published = self.publisher.publish(&self.queue, bodies).instrument(span).await;
        drop(step);
        self.metrics.count_published(tasks.len(), begun.elapsed().as_secs_f64(), &published);
        memory.note_published(tasks);
        if published.is_err() {
            memory.forget_order();
        }
        Ok(published?)
    }

    /// Moves a campaign's low-water mark. Finishes the campaign if no recipient is left. Rewinds its feed if its
    /// messages are neither in the queue nor with a worker.
    async fn look_at_low_water(
        &self,
        campaign: &FeedState,
        depth: usize,
        memory: &mut Memory,
    ) -> Result<(), Error> {
        let (id, now) = (campaign.campaign, Instant::now());
        let Some(mark) = memory.campaigns.get(&id) else {
            return Ok(());
        };
        if now - mark.looked_at < LOW_WATER_EVERY {
            return Ok(());
        }
        let is_queued = memory.may_hold_messages_of(mark, depth) || campaign.cursor < campaign.recipients;
        let low_water = self.store.advance_low_water(id).await?;
        let Some(mark) = memory.campaigns.get_mut(&id) else {
            return Ok(());
        };
        mark.looked_at = now;
        if low_water != mark.low_water {
            mark.rewinds = 0;
        }
        if low_water != mark.low_water || is_queued || !campaign.may_send {
            (mark.low_water, mark.moved_at) = (low_water, now);
        }
        if low_water > campaign.recipients {
            if self.store.finish_if_done(id).await? {
                memory.campaigns.remove(&id);
                tracing::info!(campaign.id = %id, "campaign {id} is finished");
            }
        } else if now - mark.moved_at
            > self.config.stalled_after * 2_u32.pow(mark.rewinds.min(MOST_DOUBLINGS))
            && self.store.open_claims(id).await? == 0
        {
            (mark.moved_at, mark.rewinds) = (now, mark.rewinds + 1);
            self.store.rewind(id).await?;
            self.metrics.rewinds.inc();
            tracing::warn!(
                campaign.id = %id, low_water,
                "messages of campaign {id} were lost; they are published again"
            );
        }
        Ok(())
    }
}

fn claimant(campaign: &FeedState) -> Claimant {
    let left = if campaign.may_send { campaign.recipients - campaign.cursor } else { 0 };
    let left = usize::try_from(left).unwrap_or(0);
    Claimant { weight: campaign.weight, left }
}

/// The number of ids to add to the queue. Zero until a quarter of the queue is used up, so that ids are published in
/// batches.
fn missing_ids(per_second: Option<f64>, depth: usize) -> usize {
    let wanted = per_second.map_or(DEEP, |rate| (rate * AHEAD.as_secs_f64()).clamp(SHALLOW, DEEP));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between SHALLOW and DEEP")]
    let wanted = wanted as usize;
    let missing = wanted.saturating_sub(depth);
    if missing < wanted / 4 { 0 } else { missing }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(campaign: i64) -> SendTask {
        SendTask { campaign: CampaignId(campaign), seq: Seq(1) }
    }

    /// The state for a queue in which `depth` messages were found, with campaigns 1 and 2.
    fn memory(depth: u64) -> Memory {
        let now = Instant::now();
        let mark = || Mark { looked_at: now, low_water: 1, moved_at: now, rewinds: 0, last_message: depth };
        let campaigns = [(CampaignId(1), mark()), (CampaignId(2), mark())].into();
        Memory { is_declared: true, published: depth, campaigns }
    }

    #[test]
    fn a_queue_holds_no_message_of_a_campaign_once_all_its_messages_are_younger() {
        let mut memory = memory(0);
        memory.note_published(&[task(1); 100]);
        memory.note_published(&[task(2); 50]);
        let may_hold = |memory: &Memory, id, depth| {
            memory.may_hold_messages_of(&memory.campaigns[&CampaignId(id)], depth)
        };
        assert!(may_hold(&memory, 1, 51) && !may_hold(&memory, 1, 50));
        assert!(may_hold(&memory, 2, 1) && !may_hold(&memory, 2, 0));
        memory.note_published(&[task(1)]);
        assert!(may_hold(&memory, 1, 1) && may_hold(&memory, 2, 2) && !may_hold(&memory, 2, 1));
    }

    #[test]
    fn messages_found_in_a_queue_may_belong_to_any_campaign() {
        let mut memory = memory(30);
        memory.note_published(&[task(2); 20]);
        let mark = &memory.campaigns[&CampaignId(1)];
        assert!(memory.may_hold_messages_of(mark, 21) && !memory.may_hold_messages_of(mark, 20));
    }

    #[test]
    fn the_queue_holds_some_seconds_of_the_rate() {
        assert_eq!(missing_ids(Some(80.0), 0), 400);
        assert_eq!(missing_ids(Some(1.0), 0), 100);
        assert_eq!(missing_ids(None, 0), 10_000);
        assert_eq!(missing_ids(Some(1_000_000.0), 0), 10_000);
    }

    #[test]
    fn a_queue_that_is_nearly_full_gets_no_more_ids() {
        assert_eq!(missing_ids(None, 7_000), 3_000);
        assert_eq!(missing_ids(None, 8_000), 0);
        assert_eq!(missing_ids(None, 50_000), 0);
    }
}
