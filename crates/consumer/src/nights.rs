//! Recipients outside the sending hours at their place leave a batch before its claim, so that they use no permits of the rate.
//!
//! Only campaigns on the recipients' clocks look at their batches here. The pipeline looks at each claimed recipient again before
//! its request.

use std::time::Duration;

use campaign::{CampaignId, Seq};
use store::Error;

use crate::batch::Batch;
use crate::campaigns::Campaign;
use crate::open_block::Unclaimed;
use crate::sender_worker::SenderWorker;

/// The reason of recipients that are sent to later because it is their night.
pub(crate) const THEIR_NIGHT: &str = "recipient_hours";

/// Makes the recipients of the batch that are in their night due when it ends, and takes them out of the batch. If PostgreSQL does
/// not answer they stay: the claim waits until it does.
pub(crate) async fn postpone(worker: &SenderWorker, campaign: &Campaign, batch: &mut Batch) {
    if !campaign.schedule.is_of_recipients() {
        return;
    }
    match postponed(worker, campaign, batch).await {
        Ok(seqs) => {
            worker.metrics.count_postponed(THEIR_NIGHT, seqs.len());
            worker.close(batch.take(&seqs), Unclaimed::Stale);
        }
        Err(error) => tracing::warn!(
            error = &error as &dyn std::error::Error, campaign.id = %batch.campaign,
            "cannot look for recipients of campaign {} in their night before the claim: {error}", batch.campaign
        ),
    }
}

async fn postponed(worker: &SenderWorker, campaign: &Campaign, batch: &Batch) -> Result<Vec<Seq>, Error> {
    let pauses = pauses(worker, campaign, (batch.campaign, &batch.first_seqs(usize::MAX))).await?;
    if pauses.is_empty() {
        return Ok(Vec::new());
    }
    worker.store.postpone((worker.sender, batch.campaign), &pauses, THEIR_NIGHT).await
}

/// Those of these recipients that are in their night, with its rest.
async fn pauses(
    worker: &SenderWorker,
    campaign: &Campaign,
    (id, seqs): (CampaignId, &[Seq]),
) -> Result<Vec<(Seq, Duration)>, Error> {
    let (Some(now), numbers) = worker.store.claimable_numbers(id, seqs).await? else {
        return Ok(Vec::new());
    };
    let pause = |(seq, number)| Some((seq, campaign.schedule.pause_for(number, now)?));
    Ok(numbers.into_iter().filter_map(pause).collect())
}
