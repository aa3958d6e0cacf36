//! Delivered blocks, cut into batches of one campaign.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use broker::{Acknowledgement, Delivery, DeliveryTag};
use campaign::{Block, BlockError, CampaignId, Seq};
use store::Claim;

use crate::open_block::OpenBlock;

/// Recipients of one campaign that may be due, each with the block that named it.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The campaign.
    pub(crate) campaign: CampaignId,
    /// Each recipient once, in order.
    pub(crate) tasks: BTreeMap<Seq, Arc<OpenBlock>>,
    /// Blocks that named a recipient of the batch again. They need not wait for its claim: the first block does.
    pub(crate) doubles: Vec<Arc<OpenBlock>>,
}

/// Recipients of delivered blocks that are in no batch yet, in the order of delivery.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    blocks: VecDeque<Rest>,
}

/// The recipients of a block that are in no batch yet.
#[derive(Debug)]
struct Rest {
    campaign: CampaignId,
    block: Arc<OpenBlock>,
    seqs: std::vec::IntoIter<Seq>,
}

impl Waiting {
    /// Adds the recipients of a delivery.
    pub(crate) fn add(&mut self, delivery: &Delivery) -> Result<(), BlockError> {
        let block = Block::decode(&delivery.body)?;
        let open = Arc::new(OpenBlock::new(delivery.tag, block.len()));
        self.blocks.push_back(Rest {
            campaign: block.campaign(),
            block: open,
            seqs: block.seqs().into_iter(),
        });
        Ok(())
    }

    /// The number of recipients of the campaign whose block came first.
    pub(crate) fn next_len(&self) -> usize {
        let campaign = self.blocks.front().map(|first| first.campaign);
        self.blocks.iter().filter(|rest| Some(rest.campaign) == campaign).map(|rest| rest.seqs.len()).sum()
    }

    /// Takes the next recipients of the campaign whose block came first, at most `at_most`, also from its later blocks.
    pub(crate) fn next_batch(&mut self, at_most: usize) -> Option<Batch> {
        let campaign = self.blocks.front()?.campaign;
        let mut batch = Batch { campaign, tasks: BTreeMap::new(), doubles: Vec::new() };
        for rest in self.blocks.iter_mut().filter(|rest| rest.campaign == campaign) {
            for seq in rest.seqs.by_ref().take(at_most - batch.tasks.len()) {
                if let Some(before) = batch.tasks.insert(seq, Arc::clone(&rest.block)) {
                    batch.doubles.push(before);
                }
            }
        }
        self.blocks.retain(|rest| rest.seqs.len() > 0);
        Some(batch)
    }

    /// The blocks of all recipients.
    pub(crate) fn into_blocks(self) -> impl Iterator<Item = Arc<OpenBlock>> {
        self.blocks.into_iter().flat_map(|Rest { block, seqs, .. }| std::iter::repeat_n(block, seqs.len()))
    }
}

impl Batch {
    /// The sequence numbers of the first recipients, at most `at_most`, in order.
    pub(crate) fn first_seqs(&self, at_most: usize) -> Vec<Seq> {
        self.tasks.keys().take(at_most).copied().collect()
    }

    /// Takes out the recipients of a claim, and those that were asked for and are not due, and returns their blocks. If the claim
    /// may have left out due recipients, these stay.
    pub(crate) fn take_claimed(&mut self, claim: &Claim, asked: &[Seq]) -> Vec<Arc<OpenBlock>> {
        if !claim.may_be_cut {
            return self.take(asked);
        }
        let claimed: Vec<Seq> = claim.rows.iter().map(|row| row.seq).collect();
        self.take(&claimed)
    }

    /// Takes out recipients and returns their blocks.
    pub(crate) fn take(&mut self, seqs: &[Seq]) -> Vec<Arc<OpenBlock>> {
        seqs.iter().filter_map(|seq| self.tasks.remove(seq)).collect()
    }

    /// The blocks of all recipients.
    pub(crate) fn into_blocks(self) -> impl Iterator<Item = Arc<OpenBlock>> {
        self.tasks.into_values().chain(self.doubles)
    }
}

/// The deliveries to acknowledge after one recipient of each of these blocks is closed.
pub(crate) fn close(
    blocks: impl IntoIterator<Item = Arc<OpenBlock>>,
    acknowledgement: Acknowledgement,
) -> Vec<(DeliveryTag, Acknowledgement)> {
    blocks.into_iter().filter_map(|block| block.close(acknowledgement)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(blocks: &[Block]) -> Waiting {
        let mut waiting = Waiting::default();
        for block in blocks {
            let delivery = Delivery {
                tag: DeliveryTag::default(),
                body: block.encode(),
                redelivered: false,
                death: None,
            };
            waiting.add(&delivery).unwrap();
        }
        waiting
    }

    fn range(campaign: i64, first: i32, last: i32) -> Block {
        Block::of_range(CampaignId(campaign), (first - 1, last), Block::MOST).remove(0)
    }

    fn taken(batch: Option<Batch>) -> (i64, Vec<i32>) {
        let batch = batch.unwrap();
        (batch.campaign.0, batch.first_seqs(usize::MAX).into_iter().map(|seq| seq.0).collect())
    }

    #[test]
    fn blocks_are_cut_into_batches_of_the_campaign_that_came_first() {
        let mut waiting = waiting(&[range(1, 1, 3), range(2, 1, 2), range(1, 4, 6)]);
        assert_eq!(waiting.next_len(), 6);
        assert_eq!(taken(waiting.next_batch(2)), (1, vec![1, 2]));
        assert_eq!(taken(waiting.next_batch(3)), (1, vec![3, 4, 5]));
        assert_eq!(taken(waiting.next_batch(9)), (2, vec![1, 2]));
        assert_eq!(taken(waiting.next_batch(9)), (1, vec![6]));
        assert!(waiting.next_len() == 0 && waiting.next_batch(9).is_none());
    }

    #[test]
    fn a_block_is_acknowledged_when_its_last_recipient_has_left_a_batch() {
        let mut waiting = waiting(&[range(1, 1, 4)]);
        let mut first = waiting.next_batch(2).unwrap();
        let second = waiting.next_batch(2).unwrap();
        assert!(close(first.take(&[Seq(1), Seq(9)]), Acknowledgement::Ack).is_empty());
        assert!(close(second.into_blocks(), Acknowledgement::Ack).is_empty());
        let last = close(first.into_blocks(), Acknowledgement::Ack);
        assert!(matches!(last.as_slice(), [(_, Acknowledgement::Ack)]), "{last:?}");
    }

    #[test]
    fn a_block_is_returned_if_some_of_its_recipients_were_not_claimed() {
        let mut waiting = waiting(&[range(1, 1, 4), range(1, 5, 6)]);
        let batch = waiting.next_batch(3).unwrap();
        assert!(close(batch.into_blocks(), Acknowledgement::Ack).is_empty());
        let returned = close(waiting.into_blocks(), Acknowledgement::Requeue);
        assert!(
            matches!(returned.as_slice(), [(_, Acknowledgement::Requeue), (_, Acknowledgement::Requeue)]),
            "{returned:?}"
        );
    }

    #[test]
    fn a_recipient_that_several_blocks_name_is_claimed_once_and_holds_one_of_them() {
        let mut waiting = waiting(&[range(1, 1, 2), range(1, 2, 2), range(1, 1, 2)]);
        let mut batch = waiting.next_batch(9).unwrap();
        assert_eq!(batch.first_seqs(9), [Seq(1), Seq(2)]);
        let doubled = close(std::mem::take(&mut batch.doubles), Acknowledgement::Ack);
        assert_eq!(doubled.len(), 2);
        assert_eq!(close(batch.into_blocks(), Acknowledgement::Ack).len(), 1);
    }
}
