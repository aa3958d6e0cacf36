//! The feed of one sender: which recipients to publish next, in blocks, and how far each campaign has been published.

mod ahead;
mod memory;
pub(crate) mod share;

use std::collections::BTreeMap;
use std::time::Duration;

use broker::{Publisher, QueueName};
use campaign::{Block, CampaignId, Probing, Seq};
use failpoint::Place;
use store::{FeedState, SenderFeed, Store};
use telemetry::Stage;
use tokio::time::Instant;
use tracing::{Instrument, trace_span};

use crate::config::Config;
use crate::error::Error;
use crate::feed::ahead::Ahead;
use crate::feed::memory::LOW_WATER_EVERY;
pub(crate) use crate::feed::memory::Memory;
use crate::feed::share::{Claimant, share};
use crate::installation;
use crate::metrics::FeedMetrics;

/// The most recipients between two updates of the cursor. After a crash these are published again.
const STRIDE: usize = 20_000;

/// The most doublings of `stalled_after` for a campaign whose low-water mark does not move after a rewind.
const MOST_DOUBLINGS: u32 = 6;

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
        let ahead = Ahead::of(self.sender);
        let depth = usize::try_from(self.publisher.depth(&self.queue).await?).unwrap_or(usize::MAX);
        installation::note_queue(&self.sender.name, depth);
        memory.queue.note_depth(depth, ahead.block);
        memory.keep_campaigns(self.sender.campaigns.iter().map(|of| (of.campaign, of.low_water)));
        let missing = ahead.missing(memory.queue.recipients());
        let due = self.publish_due(missing, ahead, memory).await?;
        let fresh = self.publish_fresh(missing - due, ahead, memory).await?;
        for campaign in &self.sender.campaigns {
            self.look_at_low_water(campaign, memory).await?;
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
        if let [(campaign, seq)] = self.store.take_due(self.sender.sender, 1).await?.as_slice() {
            self.publish(&[Block::one(*campaign, *seq)], memory).await?;
            return Ok(true);
        }
        for campaign in self.sender.campaigns.iter().filter(|campaign| campaign.may_send) {
            if let Some(seq) = self.first_pending(campaign).await? {
                self.publish(&[Block::one(campaign.campaign, seq)], memory).await?;
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

    async fn publish_due(&self, missing: usize, ahead: Ahead, memory: &mut Memory) -> Result<usize, Error> {
        if missing == 0 {
            return Ok(0);
        }
        let due = self.store.take_due(self.sender.sender, missing).await?;
        let mut of_campaigns: BTreeMap<CampaignId, Vec<Seq>> = BTreeMap::new();
        for (campaign, seq) in &due {
            of_campaigns.entry(*campaign).or_default().push(*seq);
        }
        let of_campaign = |(campaign, seqs): (_, Vec<Seq>)| Block::of_list(campaign, &seqs, ahead.block);
        let blocks: Vec<Block> = of_campaigns.into_iter().flat_map(of_campaign).collect();
        self.publish(&blocks, memory).await?;
        Ok(due.len())
    }

    async fn publish_fresh(&self, missing: usize, ahead: Ahead, memory: &mut Memory) -> Result<usize, Error> {
        let claimants: Vec<Claimant> = self.sender.campaigns.iter().map(claimant).collect();
        let mut published = 0;
        for (campaign, share) in self.sender.campaigns.iter().zip(share(missing, &claimants)) {
            published += self.publish_campaign(campaign, share, ahead, memory).await?;
        }
        Ok(published)
    }

    /// Publishes the next `share` recipients of a campaign, and moves its cursor after the publisher confirms. Below
    /// the cursor's earlier position, that is after a rewind, it publishes only recipients that are still `pending`.
    async fn publish_campaign(
        &self,
        campaign: &FeedState,
        share: usize,
        ahead: Ahead,
        memory: &mut Memory,
    ) -> Result<usize, Error> {
        let FeedState { campaign: id, recipients, published, .. } = *campaign;
        let (mut cursor, mut left) = (campaign.cursor, share);
        while left > 0 && cursor < recipients {
            let stride = left.min(STRIDE);
            let (blocks, end) = if cursor < published {
                let pending = self.store.pending_between(id, (cursor, published), stride).await?;
                (Block::of_list(id, &pending.seqs, ahead.block), pending.looked_to)
            } else {
                let end = cursor.saturating_add(i32::try_from(stride).unwrap_or(i32::MAX)).min(recipients);
                (Block::of_range(id, (cursor, end), ahead.block), end)
            };
            failpoint::pass(Place::BeforePublish);
            self.publish(&blocks, memory).await?;
            failpoint::pass(Place::AfterPublish);
            self.store.advance_cursor(id, cursor, end).await?;
            let added: usize = blocks.iter().map(Block::len).sum();
            (cursor, left) = (end, left - added.min(left));
        }
        Ok(share - left)
    }

    async fn publish(&self, blocks: &[Block], memory: &mut Memory) -> Result<(), Error> {
        if blocks.is_empty() {
            return Ok(());
        }
        let bodies = blocks.iter().map(Block::encode).collect();
        let (step, begun) = (telemetry::step(Stage::Publish), Instant::now());
        let span = trace_span!(
            target: telemetry::SPANS, "send", otel.name = %format_args!("send {}", self.queue.as_str()), otel.kind = "producer",
            messaging.system = "rabbitmq", messaging.operation.r#type = "send", messaging.destination.name = self.queue.as_str(),
            messaging.batch.message_count = blocks.len(),
        );
        let published = self.publisher.publish(&self.queue, bodies).instrument(span).await;
        drop(step);
        self.metrics.count_published(blocks.len(), begun.elapsed().as_secs_f64(), &published);
        memory.queue.note_published(blocks);
        if published.is_err() {
            memory.queue.forget_order();
        }
        Ok(published?)
    }

    /// Moves a campaign's low-water mark. Finishes the campaign if no recipient is left. Rewinds its feed if its
    /// messages are neither in the queue nor with a worker.
    async fn look_at_low_water(&self, campaign: &FeedState, memory: &mut Memory) -> Result<(), Error> {
        let (id, now) = (campaign.campaign, Instant::now());
        let Some(mark) = memory.campaigns.get(&id) else {
            return Ok(());
        };
        if now - mark.looked_at < LOW_WATER_EVERY {
            return Ok(());
        }
        let is_queued = memory.queue.may_hold_messages_of(id) || campaign.cursor < campaign.recipients;
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
