//! The way of one batch, from the queue to the provider and into the record.

use std::sync::Arc;
use std::time::Duration;

use campaign::{Attempt, Outcome, Policy, Reason, Refusal, StopReason, Window, judge};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use store::{Claim, ClaimedRow, Recorded, RecordedOutcome};
use tokio::time::Instant;
use whatsapp::Outgoing;

use crate::batch::Batch;
use crate::campaigns::Campaign;
use crate::lane::{Lane, Unclaimed};
use crate::recorder::Finished;

/// Takes one batch all the way: look up, claim, send, judge, hand over to the recorder, which acknowledges after its
/// commit. It never acknowledges what it sent.
pub(crate) async fn handle(lane: &Lane, mut batch: Batch) {
    let campaign = match lane.campaign(batch.campaign).await {
        Ok(campaign) => campaign,
        Err(unclaimed) => return lane.settle(batch, unclaimed),
    };
    let claim = match lane.claim(&batch).await {
        Ok(claim) => claim,
        Err(unclaimed) => return lane.settle(batch, unclaimed),
    };
    let granted = Instant::now();
    let mut sends: FuturesUnordered<_> = claim
        .rows
        .iter()
        .enumerate()
        .map(|(index, row)| {
            deliver(
                lane,
                &campaign,
                Claimed { campaign: batch.campaign, claim: &claim, granted },
                (index, row),
            )
        })
        .collect();
    while let Some(outcome) = sends.next().await {
        let receipts = batch.tasks.remove(&outcome.seq).unwrap_or_default();
        let finished = Finished { campaign: batch.campaign, outcome, receipts, claim_size: claim.rows.len() };
        lane.hand_over(finished).await;
    }
    // What is left was not due: done, held by another worker, or stale.
    lane.settle(batch, Unclaimed::Stale);
}

/// A claim, its campaign, and when it was granted on this process's clock.
#[derive(Clone, Copy)]
struct Claimed<'a> {
    campaign: campaign::CampaignId,
    claim: &'a Claim,
    granted: Instant,
}

/// Sends to one claimed recipient and judges the answer.
async fn deliver(
    lane: &Lane,
    campaign: &Arc<Campaign>,
    claimed: Claimed<'_>,
    (index, row): (usize, &ClaimedRow),
) -> RecordedOutcome {
    let not_sent =
        |outcome| RecordedOutcome { claim: claimed.claim.id, seq: row.seq, outcome, request: None };
    let message = match campaign.message.render(&row.variables, Window::Unheard) {
        Ok(message) => message,
        Err(error) => return not_sent(Outcome::Failed { reason: refused_by_ourselves(&error) }),
    };
    lane.pace.departure(claimed.claim.lease, claimed.granted, index).await;
    if let Some(given_back) = give_back(lane, claimed) {
        return not_sent(given_back);
    }
    let left_at = claimed.granted.elapsed();
    let outgoing = Outgoing {
        to: row.msisdn,
        message: &message,
        reference: lane.references.seal(claimed.campaign, row.seq),
        campaign: claimed.campaign,
        attempt: row.attempt,
    };
    let answer = lane.channel.send(&outgoing).await;
    let attempt = Attempt { number: row.attempt, random: fastrand::f64() };
    let outcome = judge(&campaign.policy, attempt, answer.verdict);
    lane.gate.observe(&outcome, claimed.campaign, claimed.claim).await;
    if let Some(stop) = campaign.note(&outcome) {
        let reason = too_many_refusals(&campaign.policy);
        lane.gate.close((stop, &reason), claimed.campaign, claimed.claim).await;
    }
    let request = Recorded {
        sent_at: claimed.claim.at.checked_add(left_at).unwrap_or(claimed.claim.at),
        latency: answer.latency,
        http_status: answer.http_status,
    };
    RecordedOutcome { claim: claimed.claim.id, seq: row.seq, outcome, request: Some(request) }
}

/// The last look before the first byte leaves: a gate that closed since the claim, or a lease about to end.
fn give_back(lane: &Lane, claimed: Claimed<'_>) -> Option<Outcome> {
    if !claimed.claim.is_probe
        && let Some((stop, reason)) = lane.gate.stop_for(claimed.campaign, claimed.claim)
    {
        return Some(Outcome::Held { stop, reason });
    }
    let too_late = claimed.granted.elapsed() + lane.longest_request() > lane.config.lease;
    too_late.then(|| Outcome::Retry {
        after: Duration::ZERO,
        counted: false,
        reason: Refusal::new("lease_ended", "the worker stood still too long to send in time").into(),
    })
}

fn too_many_refusals(policy: &Policy) -> Reason {
    let text = format!("{} refusals for good in a row; is the message right?", policy.stop_after_refusals);
    Reason { code: StopReason::TooManyRefusals.word().into(), text: text.into() }
}

/// A message that cannot be filled in for this recipient.
fn refused_by_ourselves(error: &campaign::RenderError) -> Reason {
    Reason { code: error.word().into(), text: error.to_string().into() }
}
