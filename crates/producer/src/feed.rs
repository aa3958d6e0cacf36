//! Feeding one sender: what to publish next, and how far everybody came.

use std::collections::HashMap;
use std::time::Duration;

use broker::{Publisher, QueueName};
use campaign::{CampaignId, Probing, SendTask, Seq};
use failpoint::Place;
use store::{FeedState, SenderFeed, Store};
use tokio::time::Instant;

use crate::config::Config;
use crate::error::Error;
use crate::share::{Claimant, share};

/// How far ahead of the workers the feed stays, and between which bounds.
const AHEAD: Duration = Duration::from_secs(5);
const SHALLOW: f64 = 100.0;
const DEEP: f64 = 10_000.0;
/// Most ids between two movements of the cursor: what a crash publishes again.
const STRIDE: usize = 2_000;
/// How often the low-water mark of a campaign is moved.
const LOW_WATER_EVERY: Duration = Duration::from_millis(400);

/// What is remembered of each running campaign between two rounds. Losing it costs nothing.
#[derive(Default)]
pub(crate) struct Memory {
    campaigns: HashMap<CampaignId, Mark>,
}

/// When a campaign's low-water mark was looked at, and since when it stands.
struct Mark {
    looked_at: Instant,
    low_water: i32,
    moved_at: Instant,
}

/// One sender's feed.
pub(crate) struct Feed<'a> {
    pub(crate) store: &'a Store,
    pub(crate) publisher: &'a Publisher,
    pub(crate) queue: QueueName,
    pub(crate) sender: &'a SenderFeed,
    pub(crate) config: &'a Config,
}

impl Feed<'_> {
    /// Tops up the queue and moves the low-water marks. Returns whether there was anything to publish.
    pub(crate) async fn round(&self, memory: &mut Memory) -> Result<bool, Error> {
        if self.sender.campaigns.is_empty() {
            return Ok(false);
        }
        if !self.sender.is_open {
            return self.probe().await;
        }
        let depth = usize::try_from(self.publisher.depth(&self.queue).await?).unwrap_or(usize::MAX);
        let room = room(self.sender.per_second, depth);
        let due = self.publish_due(room).await?;
        let fresh = self.publish_fresh(room - due).await?;
        for campaign in &self.sender.campaigns {
            self.look_at_low_water(campaign, depth, memory).await?;
        }
        Ok(due + fresh > 0)
    }

    /// Publishes one recipient of a stopped sender when it is time to probe.
    async fn probe(&self) -> Result<bool, Error> {
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
            self.publish(due.into_iter()).await?;
            return Ok(true);
        }
        for campaign in self.sender.campaigns.iter().filter(|campaign| campaign.may_send) {
            let waiting = (campaign.low_water - 1, campaign.recipients);
            let first = self.store.pending_between(campaign.campaign, waiting, 1).await?;
            if let Some(seq) = first.first() {
                self.publish(std::iter::once(SendTask { campaign: campaign.campaign, seq: *seq })).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn publish_due(&self, room: usize) -> Result<usize, Error> {
        if room == 0 {
            return Ok(0);
        }
        let due = self.store.take_due(self.sender.sender, room.min(STRIDE)).await?;
        self.publish(due.iter().copied()).await?;
        Ok(due.len())
    }

    async fn publish_fresh(&self, room: usize) -> Result<usize, Error> {
        let claimants: Vec<Claimant> = self.sender.campaigns.iter().map(claimant).collect();
        let mut published = 0;
        for (campaign, share) in self.sender.campaigns.iter().zip(share(room, &claimants)) {
            published += self.publish_campaign(campaign, share).await?;
        }
        Ok(published)
    }

    /// Publishes the next `share` recipients of a campaign, and moves its cursor when they are confirmed. After a
    /// rewind only those still pending are published, up to where the feed had come before.
    async fn publish_campaign(&self, campaign: &FeedState, share: usize) -> Result<usize, Error> {
        let FeedState { campaign: id, recipients, published, .. } = *campaign;
        let (mut cursor, mut left) = (campaign.cursor, share);
        while left > 0 && cursor < recipients {
            let stride = left.min(STRIDE);
            let (seqs, end) = if cursor < published {
                let pending = self.store.pending_between(id, (cursor, published), stride).await?;
                let end = pending.last().filter(|_| pending.len() == stride).map_or(published, |last| last.0);
                (pending, end)
            } else {
                let end = cursor.saturating_add(i32::try_from(stride).unwrap_or(i32::MAX)).min(recipients);
                ((cursor + 1..=end).map(Seq).collect(), end)
            };
            failpoint::pass(Place::BeforePublish);
            self.publish(seqs.iter().map(|seq| SendTask { campaign: id, seq: *seq })).await?;
            failpoint::pass(Place::AfterPublish);
            self.store.advance_cursor(id, cursor, end).await?;
            (cursor, left) = (end, left - seqs.len().min(left));
        }
        Ok(share - left)
    }

    async fn publish(&self, tasks: impl Iterator<Item = SendTask>) -> Result<(), Error> {
        let bodies: Vec<Vec<u8>> = tasks.map(SendTask::encode).collect();
        if !bodies.is_empty() {
            self.publisher.publish(&self.queue, bodies).await?;
        }
        Ok(())
    }

    async fn look_at_low_water(
        &self,
        campaign: &FeedState,
        depth: usize,
        memory: &mut Memory,
    ) -> Result<(), Error> {
        let now = Instant::now();
        let low_water = campaign.low_water;
        let mark = memory.campaigns.entry(campaign.campaign).or_insert(Mark {
            looked_at: now - LOW_WATER_EVERY,
            low_water,
            moved_at: now,
        });
        if now - mark.looked_at < LOW_WATER_EVERY {
            return Ok(());
        }
        mark.looked_at = now;
        let low_water = self.store.advance_low_water(campaign.campaign).await?;
        let is_moving = low_water != mark.low_water || depth > 0 || campaign.cursor < campaign.recipients;
        if is_moving || !campaign.may_send {
            (mark.low_water, mark.moved_at) = (low_water, now);
        }
        if low_water > campaign.recipients {
            if self.store.finish_if_done(campaign.campaign).await? {
                memory.campaigns.remove(&campaign.campaign);
                tracing::info!(campaign.id = %campaign.campaign, "campaign {} is finished", campaign.campaign);
            }
        } else if now - mark.moved_at > self.config.stalled_after
            && self.store.open_claims(campaign.campaign).await? == 0
        {
            mark.moved_at = now;
            self.store.rewind(campaign.campaign).await?;
            tracing::warn!(
                campaign.id = %campaign.campaign, low_water,
                "messages of campaign {} were lost; they are published again", campaign.campaign
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

/// How many ids the queue lacks. Zero until a quarter of it is used up, so that the feed works in strides.
fn room(per_second: Option<f64>, depth: usize) -> usize {
    let wanted = per_second.map_or(DEEP, |rate| (rate * AHEAD.as_secs_f64()).clamp(SHALLOW, DEEP));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between SHALLOW and DEEP")]
    let wanted = wanted as usize;
    let room = wanted.saturating_sub(depth);
    if room < wanted / 4 { 0 } else { room }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_queue_holds_some_seconds_of_the_rate() {
        assert_eq!(room(Some(80.0), 0), 400);
        assert_eq!(room(Some(1.0), 0), 100);
        assert_eq!(room(None, 0), 10_000);
        assert_eq!(room(Some(1_000_000.0), 0), 10_000);
    }

    #[test]
    fn a_queue_that_is_nearly_full_is_left_alone() {
        assert_eq!(room(None, 7_000), 3_000);
        assert_eq!(room(None, 8_000), 0);
        assert_eq!(room(None, 50_000), 0);
    }
}
