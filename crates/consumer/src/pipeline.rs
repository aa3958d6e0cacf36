//! The way of one batch, from the queue to the provider and into the record.

use std::pin::pin;
use std::time::Duration;

use campaign::{Attempt, CampaignId, Outcome, Policy, Reason, Refusal, StopReason, Window, judge};
use failpoint::Place;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use store::{Claim, ClaimedRow, Recorded, RecordedOutcome};
use tokio::time::{Instant, MissedTickBehavior};
use whatsapp::Outgoing;

use crate::batch::{Batch, Part};
use crate::campaigns::Campaign;
use crate::lane::{Door, Lane, Unclaimed};
use crate::pace::{Departure, Departures};
use crate::recorder::Finished;
use crate::room::Room;

const DEADLINE: Refusal = Refusal::own("deadline", "the campaign's deadline passed before the message left");
const HOURS_OVER: Refusal =
    Refusal::own("hours_over", "the campaign's sending hours ended before the message left");
const THEIR_NIGHT: Refusal =
    Refusal::own("recipient_hours", "it is no time for messages where the recipient is; sent to later");
const HAD_ENOUGH: Refusal = Refusal::own(
    "had_enough",
    "the provider withholds messages to this person for a day after a refusal (Meta 131049); sent to later",
);
const LEASE_ENDED: Refusal = Refusal::own("lease_ended", "the worker stood still too long to send in time");
const MISSED: Refusal =
    Refusal::own("slot_missed", "the worker stood still, and there was no new slot for it");
const STOPPING: Refusal =
    Refusal::own("worker_stopping", "the worker was told to stop before the message left");
const PAIR_LIMIT: Refusal =
    Refusal::own("pair_limit", "somebody wrote to this recipient moments ago; WhatsApp wants a pause");

/// How long a claim's requests are waited for before more of them are let leave.
const PATIENCE: Duration = Duration::from_millis(10);

/// Takes one batch all the way: look up, claim, send, judge, hand over to the recorder, which acknowledges after its
/// commit. It never acknowledges what it sent. Each recipient keeps its place among those under way until then. The first
/// claim has the door already, where its batch was gathered before it; others wait for theirs.
pub(crate) async fn handle(lane: &Lane, mut batch: Batch, mut room: Room, mut door: Option<Door>) {
    let _watching = lane.mirror.watch();
    let campaign = match lane.campaign(batch.campaign).await {
        Ok(campaign) => campaign,
        Err(unclaimed) => return lane.settle(batch.into_receipts(), unclaimed),
    };
    while !batch.tasks.is_empty() {
        let door = match door.take() {
            Some(door) => door,
            None => lane.door().await,
        };
        failpoint::pass(Place::BeforeClaim);
        match lane.claim(&campaign, &mut batch, &mut room, door).await {
            Ok(part) => send(lane, &campaign, (batch.campaign, part), &mut room).await,
            Err(unclaimed) => return lane.settle(batch.into_receipts(), unclaimed),
        }
    }
}

/// Sends to everyone who was claimed, each in its slot, and hands the outcomes over as they come. When the gate closes, those
/// whose request has no place yet are given back at once.
async fn send(lane: &Lane, campaign: &Campaign, (id, part): (CampaignId, Part), room: &mut Room) {
    let Part { claim, mut receipts } = part;
    if let Some(claim) = claim {
        failpoint::pass(Place::AfterClaim);
        let departures = Departures::of(&claim);
        let claimed = Claimed { campaign: id, claim: &claim, departures: &departures };
        let mut finish = async |outcome: RecordedOutcome, room: &mut Room| {
            let receipts = receipts.remove(&outcome.seq).unwrap_or_default();
            let place = room.answered();
            let finished = Finished { campaign: id, outcome, receipts, claim_size: claim.rows.len(), place };
            lane.hand_over(finished).await;
        };
        let mut rows = claim.rows.iter();
        let mut sends = FuturesUnordered::new();
        let mut stopped = pin!(lane.gate.stopped(id, &claim));
        let mut no_answer = tokio::time::interval_at(Instant::now() + PATIENCE, PATIENCE);
        no_answer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // When the worker is told to stop, all recipients to whom nothing was sent are given back at once.
            let at_once = if lane.shutdown.is_cancelled() { usize::MAX } else { room.requests() };
            let next = rows.by_ref().take(at_once.saturating_sub(sends.len()));
            sends.extend(next.map(|row| deliver(lane, campaign, claimed, row)));
            tokio::select! {
                biased;
                Some(outcome) = sends.next() => finish(outcome, room).await,
                (stop, reason) = &mut stopped, if rows.len() > 0 => {
                    for row in rows.by_ref() {
                        let held = Outcome::Held { stop, reason: reason.clone() };
                        finish(not_sent(&claim, row, held), room).await;
                    }
                }
                _ = no_answer.tick(), if rows.len() > 0 => room.widen(),
                else => break,
            }
        }
    }
    room.end();
    // What is left was not due: done, held by another worker, or stale.
    lane.settle(receipts.into_values().flatten(), Unclaimed::Stale);
}

/// A claim, its campaign and its departures.
#[derive(Clone, Copy)]
struct Claimed<'a> {
    campaign: CampaignId,
    claim: &'a Claim,
    departures: &'a Departures,
}

/// Sends to one claimed recipient and judges the answer.
async fn deliver(
    lane: &Lane,
    campaign: &Campaign,
    claimed: Claimed<'_>,
    row: &ClaimedRow,
) -> RecordedOutcome {
    let not_sent = |outcome| not_sent(claimed.claim, row, outcome);
    if lane.shutdown.is_cancelled() {
        return not_sent(given_back(Duration::ZERO, STOPPING));
    }
    let message = match campaign.message.render(&row.variables, row.window) {
        Ok(message) => message,
        Err(error) => return not_sent(Outcome::Failed { reason: refused_by_ourselves(&error) }),
    };
    if let Some(pause) = campaign.schedule.pause_for(row.msisdn, now(claimed.claim)) {
        return not_sent(given_back(pause, THEIR_NIGHT));
    }
    // An answer within the open window is no marketing.
    if let (Some(pause), Window::Unheard | Window::Closed) = (row.quiet_for, row.window) {
        return not_sent(given_back(pause, HAD_ENOUGH));
    }
    if let Some(pause) = lane.pace.pair_pause(row.msisdn) {
        return not_sent(given_back(pause, PAIR_LIMIT));
    }
    match tokio::time::timeout_at(lane.leave_by(claimed.claim), depart(lane, claimed)).await {
        Ok(Departure::Now) => {}
        Ok(Departure::Missed) => return not_sent(given_back(Duration::ZERO, MISSED)),
        Err(_) => return not_sent(given_back(Duration::ZERO, LEASE_ENDED)),
    }
    if let Some(held_back) = hold_back(lane, claimed) {
        return not_sent(held_back);
    }
    let sent_at = now(claimed.claim);
    let outgoing = Outgoing {
        to: row.msisdn,
        message: &message,
        reference: lane.references.seal(claimed.campaign, row.seq),
        campaign: claimed.campaign,
        attempt: row.attempt,
    };
    let answer = lane.channel.send(&outgoing).await;
    failpoint::pass(Place::AfterAnswer);
    let attempt = Attempt {
        number: row.attempt,
        random: fastrand::f64(),
        time_left: time_left(claimed.claim),
        is_probe: claimed.claim.is_probe,
    };
    let outcome = judge(&campaign.policy, attempt, answer.verdict);
    lane.gate.observe(&outcome, answer.http_status.is_some(), claimed.campaign, claimed.claim).await;
    if let Some(stop) = campaign.note(&outcome) {
        let reason = too_many_refusals(&campaign.policy);
        lane.gate.close((stop, &reason), claimed.campaign, claimed.claim).await;
    }
    let (latency, http_status, wa_id) = (answer.latency, answer.http_status, answer.wa_id);
    let request = Recorded { sent_at, latency, http_status, wa_id };
    RecordedOutcome { claim: claimed.claim.id, seq: row.seq, outcome, request: Some(request) }
}

/// Waits for the slot of the next request, and for a mirror of the gates that is fresh when the slot comes.
async fn depart(lane: &Lane, claimed: Claimed<'_>) -> Departure {
    loop {
        let ready = Instant::now();
        lane.mirror.fresh(ready).await;
        let departure = claimed.departures.next(lane, claimed.campaign).await;
        if departure == Departure::Missed || lane.mirror.is_fresh(ready) {
            return departure;
        }
    }
}

/// The last look before the first byte leaves: a gate that closed since the claim, a deadline or sending hours that are
/// over, or a lease about to end.
fn hold_back(lane: &Lane, claimed: Claimed<'_>) -> Option<Outcome> {
    if let Some((stop, reason)) = lane.gate.stop_for(claimed.campaign, claimed.claim) {
        return Some(Outcome::Held { stop, reason });
    }
    let is_over = |left: Option<Duration>| left.is_some_and(|left| left.is_zero());
    if is_over(time_left(claimed.claim)) {
        return Some(given_back(Duration::ZERO, DEADLINE));
    }
    if is_over(left(claimed.claim, claimed.claim.open_for)) {
        return Some(given_back(Duration::ZERO, HOURS_OVER));
    }
    (Instant::now() > lane.leave_by(claimed.claim)).then(|| given_back(Duration::ZERO, LEASE_ENDED))
}

/// Until the campaign's deadline, by this process's clock.
fn time_left(claim: &Claim) -> Option<Duration> {
    left(claim, claim.time_left)
}

/// What is left of a time that the claim was granted with.
fn left(claim: &Claim, time: Option<Duration>) -> Option<Duration> {
    time.map(|time| time.saturating_sub(claim.slots.at.elapsed()))
}

/// The database's time, by this process's clock.
fn now(claim: &Claim) -> Timestamp {
    claim.at.checked_add(claim.slots.at.elapsed()).unwrap_or(claim.at)
}

/// What became of a recipient for whom no request was made.
fn not_sent(claim: &Claim, row: &ClaimedRow, outcome: Outcome) -> RecordedOutcome {
    RecordedOutcome { claim: claim.id, seq: row.seq, outcome, request: None }
}

/// Not sent, not counted, and due again after a pause.
fn given_back(after: Duration, why: Refusal) -> Outcome {
    Outcome::Retry { after, counted: false, reason: why.into() }
}

fn too_many_refusals(policy: &Policy) -> Reason {
    let text = format!("{} refusals for good in a row; is the message right?", policy.stop_after_refusals);
    Reason { code: StopReason::TooManyRefusals.word().into(), text: text.into() }
}

/// A message that cannot be filled in for this recipient.
fn refused_by_ourselves(error: &campaign::RenderError) -> Reason {
    Reason { code: error.word().into(), text: error.to_string().into() }
}
