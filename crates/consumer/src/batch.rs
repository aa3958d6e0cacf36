//! Deliveries of a queue, read and grouped by campaign.

use std::collections::BTreeMap;

use broker::{Delivery, DeliveryTag};
use campaign::{CampaignId, SendTask, Seq};
use store::Claim;

/// Recipients of one campaign that may be due, each with the delivery tags of its messages.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The campaign.
    pub(crate) campaign: CampaignId,
    /// Each recipient once, in order; a queue may deliver the same recipient twice.
    pub(crate) tasks: BTreeMap<Seq, Vec<DeliveryTag>>,
}

/// The recipients of one claim request: the claim, and the messages of the claimed and the stale recipients.
#[derive(Debug)]
pub(crate) struct Part {
    /// The claim, if any recipient was claimed.
    pub(crate) claim: Option<Claim>,
    /// The messages of the claimed recipients and of those that were not due.
    pub(crate) tags: BTreeMap<Seq, Vec<DeliveryTag>>,
}

/// Deliveries, read and grouped.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    /// One batch for each campaign.
    pub(crate) batches: Vec<Batch>,
    /// Messages that are no task, and why.
    pub(crate) poison: Vec<(DeliveryTag, campaign::TaskError)>,
}

/// Reads deliveries and groups them by campaign.
pub(crate) fn sort(deliveries: impl Iterator<Item = Delivery>) -> Sorted {
    let mut sorted = Sorted::default();
    let mut campaigns: BTreeMap<CampaignId, BTreeMap<Seq, Vec<DeliveryTag>>> = BTreeMap::new();
    for delivery in deliveries {
        match SendTask::decode(&delivery.body) {
            Ok(SendTask { campaign, seq }) => {
                campaigns.entry(campaign).or_default().entry(seq).or_default().push(delivery.tag);
            }
            Err(error) => sorted.poison.push((delivery.tag, error)),
        }
    }
    sorted.batches = campaigns.into_iter().map(|(campaign, tasks)| Batch { campaign, tasks }).collect();
    sorted
}

impl Batch {
    /// The sequence numbers of the first recipients, at most `at_most`, in order.
    pub(crate) fn first_seqs(&self, at_most: usize) -> Vec<Seq> {
        self.tasks.keys().take(at_most).copied().collect()
    }

    /// Takes out the recipients of a claim, and those that were asked for and are not due. If the claim may have left out
    /// due recipients, these stay.
    pub(crate) fn part(&mut self, claim: Claim, asked: &[Seq]) -> Part {
        let mut tags: BTreeMap<Seq, Vec<DeliveryTag>> = BTreeMap::new();
        let mut take = |seq: Seq| self.tasks.remove(&seq).map(|these| tags.insert(seq, these));
        for row in &claim.rows {
            take(row.seq);
        }
        if !claim.may_be_cut {
            asked.iter().copied().for_each(|seq| drop(take(seq)));
        }
        Part { claim: Some(claim), tags }
    }

    /// Takes out recipients that are not due.
    pub(crate) fn stale_part(&mut self, asked: &[Seq]) -> Part {
        let tags = asked.iter().filter_map(|seq| Some((*seq, self.tasks.remove(seq)?))).collect();
        Part { claim: None, tags }
    }

    /// The messages of all recipients.
    pub(crate) fn into_tags(self) -> impl Iterator<Item = DeliveryTag> {
        self.tasks.into_values().flatten()
    }
}
