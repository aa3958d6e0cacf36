//! Deliveries of a queue, read and grouped by campaign.

use std::collections::BTreeMap;

use broker::{Delivery, Receipt};
use campaign::{CampaignId, SendTask, Seq};
use store::Claim;

/// Recipients of one campaign that may be due, each with the messages that said so.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The campaign.
    pub(crate) campaign: CampaignId,
    /// Each recipient once, in order; a queue may bring the same one twice.
    pub(crate) tasks: BTreeMap<Seq, Vec<Receipt>>,
}

/// Recipients of a batch that were asked for together: those claimed, and the messages of everyone.
#[derive(Debug)]
pub(crate) struct Part {
    /// What was claimed, if anything was.
    pub(crate) claim: Option<Claim>,
    /// The messages of those claimed and of those that were not due.
    pub(crate) receipts: BTreeMap<Seq, Vec<Receipt>>,
}

/// What a handful of deliveries turned out to be.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    /// The batches, a campaign each.
    pub(crate) batches: Vec<Batch>,
    /// Messages that are no tasks, and why.
    pub(crate) poison: Vec<(Receipt, campaign::TaskError)>,
}

/// Reads deliveries and groups them by campaign.
pub(crate) fn sort(deliveries: impl Iterator<Item = Delivery>) -> Sorted {
    let mut sorted = Sorted::default();
    let mut campaigns: BTreeMap<CampaignId, BTreeMap<Seq, Vec<Receipt>>> = BTreeMap::new();
    for delivery in deliveries {
        match SendTask::decode(&delivery.body) {
            Ok(SendTask { campaign, seq }) => {
                campaigns.entry(campaign).or_default().entry(seq).or_default().push(delivery.receipt);
            }
            Err(error) => sorted.poison.push((delivery.receipt, error)),
        }
    }
    sorted.batches = campaigns.into_iter().map(|(campaign, tasks)| Batch { campaign, tasks }).collect();
    sorted
}

impl Batch {
    /// The first recipients' places, at most so many, in order.
    pub(crate) fn first_seqs(&self, at_most: usize) -> Vec<Seq> {
        self.tasks.keys().take(at_most).copied().collect()
    }

    /// Takes the recipients of a claim out, with those that were asked for and are not due. Where a claim may have left
    /// out some that are due, they stay.
    pub(crate) fn part(&mut self, claim: Claim, asked: &[Seq]) -> Part {
        let mut receipts: BTreeMap<Seq, Vec<Receipt>> = BTreeMap::new();
        let mut take = |seq: Seq| self.tasks.remove(&seq).map(|these| receipts.insert(seq, these));
        for row in &claim.rows {
            take(row.seq);
        }
        if !claim.may_be_cut {
            asked.iter().copied().for_each(|seq| drop(take(seq)));
        }
        Part { claim: Some(claim), receipts }
    }

    /// Takes recipients out that are not due.
    pub(crate) fn stale_part(&mut self, asked: &[Seq]) -> Part {
        let receipts = asked.iter().filter_map(|seq| Some((*seq, self.tasks.remove(seq)?))).collect();
        Part { claim: None, receipts }
    }

    /// The messages of everyone.
    pub(crate) fn into_receipts(self) -> impl Iterator<Item = Receipt> {
        self.tasks.into_values().flatten()
    }
}
