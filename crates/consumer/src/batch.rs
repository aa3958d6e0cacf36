//! Deliveries of a queue, read and grouped by campaign.

use std::collections::BTreeMap;

use broker::{Delivery, Receipt};
use campaign::{CampaignId, SendTask, Seq};

/// Recipients of one campaign that may be due, each with the messages that said so.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The campaign.
    pub(crate) campaign: CampaignId,
    /// Each recipient once, in order; a queue may bring the same one twice.
    pub(crate) tasks: BTreeMap<Seq, Vec<Receipt>>,
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
    /// The recipients' places, in order.
    pub(crate) fn seqs(&self) -> Vec<Seq> {
        self.tasks.keys().copied().collect()
    }

    /// The messages of everyone.
    pub(crate) fn into_receipts(self) -> impl Iterator<Item = Receipt> {
        self.tasks.into_values().flatten()
    }
}
