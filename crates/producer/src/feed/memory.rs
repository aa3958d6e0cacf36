//! What the producer remembers of a sender's queue and campaigns between two rounds. Nothing is lost with it.
//!
//! A message is lost if it is neither in a queue nor with a worker, and its recipients are still `pending`. The queue is first in,
//! first out: if it holds 50 messages, these are the last 50 that were published.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use campaign::{Block, CampaignId};
use tokio::time::Instant;

/// How often the low-water mark of a campaign is updated.
pub(super) const LOW_WATER_EVERY: Duration = Duration::from_millis(400);

/// A sender's queue and campaigns, as the producer knows them.
#[derive(Default)]
pub(crate) struct Memory {
    pub(super) is_declared: bool,
    pub(super) queue: Queue,
    pub(super) campaigns: HashMap<CampaignId, Mark>,
}

/// When a campaign's low-water mark was read last, and since when it has not moved.
pub(super) struct Mark {
    pub(super) looked_at: Instant,
    pub(super) low_water: i32,
    pub(super) moved_at: Instant,
    /// Rewinds since the mark moved.
    pub(super) rewinds: u32,
}

/// The messages that are in the queue, the oldest first.
#[derive(Default)]
pub(super) struct Queue {
    messages: VecDeque<Message>,
    recipients: usize,
}

/// A message of the queue.
#[derive(Clone, Copy)]
struct Message {
    /// `None`: it may be of any campaign.
    campaign: Option<CampaignId>,
    recipients: usize,
}

impl Memory {
    /// Adds marks for new campaigns and removes those of campaigns that do not run any more.
    pub(super) fn keep_campaigns(&mut self, running: impl Iterator<Item = (CampaignId, i32)> + Clone) {
        self.campaigns.retain(|id, _| running.clone().any(|(campaign, _)| campaign == *id));
        let now = Instant::now();
        for (campaign, low_water) in running {
            let new = Mark { looked_at: now - LOW_WATER_EVERY, low_water, moved_at: now, rewinds: 0 };
            self.campaigns.entry(campaign).or_insert(new);
        }
    }
}

impl Queue {
    /// Corrects the messages by the depth that RabbitMQ reports: workers took the oldest ones. Messages of which nothing is known,
    /// such as those of another producer and those that workers returned, count as full blocks of `block` recipients.
    pub(super) fn note_depth(&mut self, depth: usize, block: usize) {
        while self.messages.len() > depth
            && let Some(taken) = self.messages.pop_front()
        {
            self.recipients -= taken.recipients;
        }
        for _ in self.messages.len()..depth {
            self.messages.push_front(Message { campaign: None, recipients: block });
            self.recipients += block;
        }
    }

    /// Adds messages that were published.
    pub(super) fn note_published(&mut self, blocks: &[Block]) {
        for block in blocks {
            let message = Message { campaign: Some(block.campaign()), recipients: block.len() };
            self.recipients += message.recipients;
            self.messages.push_back(message);
        }
    }

    /// After a failed publishing the order in the queue is unknown, so each message may be of any campaign.
    pub(super) fn forget_order(&mut self) {
        self.messages.iter_mut().for_each(|message| message.campaign = None);
    }

    /// The number of recipients in the queue.
    pub(super) fn recipients(&self) -> usize {
        self.recipients
    }

    /// Whether the queue may hold a message of this campaign.
    pub(super) fn may_hold_messages_of(&self, campaign: CampaignId) -> bool {
        self.messages.iter().any(|message| message.campaign.is_none_or(|of| of == campaign))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(campaign: i64, n: i32) -> Vec<Block> {
        Block::of_range(CampaignId(campaign), (0, 10 * n), 10)
    }

    fn campaigns(queue: &Queue) -> (bool, bool) {
        (queue.may_hold_messages_of(CampaignId(1)), queue.may_hold_messages_of(CampaignId(2)))
    }

    #[test]
    fn the_queue_holds_the_messages_that_were_published_last() {
        let mut queue = Queue::default();
        queue.note_published(&blocks(1, 10));
        queue.note_published(&blocks(2, 5));
        assert_eq!((queue.recipients(), campaigns(&queue)), (150, (true, true)));
        queue.note_depth(6, 10);
        assert_eq!((queue.recipients(), campaigns(&queue)), (60, (true, true)));
        queue.note_depth(5, 10);
        assert_eq!((queue.recipients(), campaigns(&queue)), (50, (false, true)));
        queue.note_published(&blocks(1, 1));
        queue.note_depth(1, 10);
        assert_eq!((queue.recipients(), campaigns(&queue)), (10, (true, false)));
        queue.note_depth(0, 10);
        assert_eq!((queue.recipients(), campaigns(&queue)), (0, (false, false)));
    }

    #[test]
    fn messages_of_which_nothing_is_known_may_be_of_any_campaign_and_are_the_oldest() {
        let mut queue = Queue::default();
        queue.note_depth(3, 400);
        assert_eq!((queue.recipients(), campaigns(&queue)), (1_200, (true, true)));
        queue.note_published(&blocks(2, 2));
        queue.note_depth(3, 400);
        assert_eq!((queue.recipients(), campaigns(&queue)), (420, (true, true)));
        queue.note_depth(2, 400);
        assert_eq!((queue.recipients(), campaigns(&queue)), (20, (false, true)));
    }

    #[test]
    fn after_a_failed_publishing_each_message_may_be_of_any_campaign() {
        let mut queue = Queue::default();
        queue.note_published(&blocks(2, 2));
        queue.forget_order();
        assert_eq!((queue.recipients(), campaigns(&queue)), (20, (true, true)));
    }

    #[test]
    fn campaigns_that_end_are_forgotten_and_new_ones_are_looked_at_at_once() {
        let mut memory = Memory::default();
        memory.keep_campaigns([(CampaignId(1), 1), (CampaignId(2), 7)].into_iter());
        memory.keep_campaigns([(CampaignId(2), 9)].into_iter());
        assert_eq!(memory.campaigns.len(), 1);
        let mark = &memory.campaigns[&CampaignId(2)];
        assert!(mark.low_water == 7 && mark.looked_at.elapsed() >= LOW_WATER_EVERY);
    }
}
