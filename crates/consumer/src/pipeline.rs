//! The story of one batch: resolve the campaign, postpone recipients in their night, claim the others, send, classify the answers,
//! pass the outcomes to the recorder.

use std::pin::pin;
use std::time::Duration;

use campaign::{
    Attempt, CampaignId, Message, Outcome, Policy, Reason, Refusal, StopReason, Verdict, Window, classify,
};
use failpoint::Place;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use store::{Claim, ClaimedRow, RecordedOutcome, RequestRecord};
use telemetry::Stage;
use tokio::time::{Instant, MissedTickBehavior};
use tracing::{Instrument, Span};
use whatsapp::Outgoing;

use crate::batch::Batch;
use crate::campaigns::Campaign;
use crate::capacity::Permits;
use crate::departures::{Departure, Departures};
use crate::journal::MustStay;
use crate::nights::{self, THEIR_NIGHT};
use crate::open_block::Unclaimed;
use crate::recorder::Finished;
use crate::sender_metrics::MissedSlot;
use crate::sender_worker::{ClaimTurn, SenderWorker};
use crate::spans;

const DEADLINE: Refusal = Refusal::own("deadline");
const HOURS_OVER: Refusal = Refusal::own("hours_over");
const NIGHT: Refusal = Refusal::own(THEIR_NIGHT);
const HAD_ENOUGH: Refusal = Refusal::own("had_enough");
const LEASE_ENDED: Refusal = Refusal::own("lease_ended");
const MISSED: Refusal = Refusal::own("slot_missed");
const STOPPING: Refusal = Refusal::own("worker_stopping");
const PAIR_LIMIT: Refusal = Refusal::own("pair_limit");

/// How long a claim waits for an answer before it adds more requests.
const PATIENCE: Duration = Duration::from_millis(10);

/// Handles one batch: resolves its campaign, claims its recipients, sends, classifies, and passes the outcomes to the recorder.
///
/// `turn` is the claim turn of the first claim, if the caller has it; further claims wait for theirs.
pub(crate) async fn handle(worker: &SenderWorker, batch: Batch, permits: Permits, turn: Option<ClaimTurn>) {
    let span = spans::batch(worker, &batch);
    handle_in_span(worker, batch, permits, turn).instrument(span).await;
}

async fn handle_in_span(
    worker: &SenderWorker,
    mut batch: Batch,
    mut permits: Permits,
    mut turn: Option<ClaimTurn>,
) {
    let _watching = worker.mirror.watch();
    let campaign = match worker.campaign(batch.campaign).await {
        Ok(campaign) => campaign,
        Err(unclaimed) => return worker.close(batch.into_blocks(), unclaimed),
    };
    worker.close(std::mem::take(&mut batch.doubles), Unclaimed::Stale);
    nights::postpone(worker, &campaign, &mut batch).await;
    while !batch.tasks.is_empty() {
        let turn = match turn.take() {
            Some(turn) => turn,
            None => worker.claim_turn().await,
        };
        failpoint::pass(Place::BeforeClaim);
        match worker.claim(&campaign, &mut batch, &mut permits, turn).await {
            Ok(Some(claim)) => send(worker, &campaign, (batch.campaign, &claim), &mut permits).await,
            Ok(None) => permits.release_requests(),
            Err(unclaimed) => return worker.close(batch.into_blocks(), unclaimed),
        }
    }
}

/// Sends to all claimed recipients, each in its slot, and passes the outcomes to the recorder as they arrive. When the gate
/// closes, recipients without a permit for a request are given back at once.
async fn send(
    worker: &SenderWorker,
    campaign: &Campaign,
    (id, claim): (CampaignId, &Claim),
    permits: &mut Permits,
) {
    failpoint::pass(Place::AfterClaim);
    let (departures, span) = (Departures::of(claim), Span::current());
    let claimed = Claimed { campaign: id, claim, departures: &departures };
    let finish = async |outcome: RecordedOutcome, permits: &mut Permits| {
        let permit = permits.release_answered();
        let (claim_size, span) = (claim.rows.len(), span.clone());
        let finished = Finished { campaign: id, outcome, claim_size, permit, span };
        worker.pass_to_recorder(finished).await;
    };
    let mut rows = claim.rows.iter();
    let mut sends = FuturesUnordered::new();
    let mut stopped = pin!(worker.gate.stopped(id, claim));
    let mut no_answer = tokio::time::interval_at(Instant::now() + PATIENCE, PATIENCE);
    no_answer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // On shutdown, all recipients to whom nothing was sent are given back at once.
        let at_once = if worker.shutdown.is_cancelled() { usize::MAX } else { permits.requests() };
        let next = rows.by_ref().take(at_once.saturating_sub(sends.len()));
        sends.extend(next.map(|row| deliver(worker, campaign, claimed, row)));
        tokio::select! {
            biased;
            Some(outcome) = sends.next() => finish(outcome, permits).await,
            (stop, reason) = &mut stopped, if rows.len() > 0 => {
                for row in rows.by_ref() {
                    let held = Outcome::Held { stop, reason: reason.clone() };
                    finish(not_sent(claim, row, held), permits).await;
                }
            }
            _ = no_answer.tick(), if rows.len() > 0 => permits.add_requests(),
            else => break,
        }
    }
    permits.release_requests();
}

/// A claim, its campaign and its departures.
#[derive(Clone, Copy)]
struct Claimed<'a> {
    campaign: CampaignId,
    claim: &'a Claim,
    departures: &'a Departures,
}

/// Sends to one claimed recipient and classifies the answer.
async fn deliver(
    worker: &SenderWorker,
    campaign: &Campaign,
    claimed: Claimed<'_>,
    row: &ClaimedRow,
) -> RecordedOutcome {
    let not_sent = |outcome| not_sent(claimed.claim, row, outcome);
    if worker.shutdown.is_cancelled() {
        return not_sent(given_back(Duration::ZERO, STOPPING));
    }
    let message = match campaign.message.render(&row.variables, row.window) {
        Ok(message) => message,
        Err(error) => return not_sent(Outcome::Failed { reason: cannot_be_rendered(&error) }),
    };
    if let Some(pause) = campaign.schedule.pause_for(row.msisdn, now(claimed.claim)) {
        return not_sent(given_back(pause, NIGHT));
    }
    // A message in an open service window is not marketing.
    if let (Some(pause), Window::Unheard | Window::Closed) = (row.quiet_for, row.window) {
        return not_sent(given_back(pause, HAD_ENOUGH));
    }
    if let Some(pause) = worker.pacer.pair_pause(row.msisdn) {
        return not_sent(given_back(pause, PAIR_LIMIT));
    }
    if let Some(why) = wait_for_departure(worker, claimed).await {
        return not_sent(given_back(Duration::ZERO, why));
    }
    let held_back = hold_back(worker, claimed).or_else(|| note_departure(worker, claimed.claim, row));
    if let Some(held_back) = held_back {
        return not_sent(held_back);
    }
    let sent_at = now(claimed.claim);
    let outgoing = Outgoing {
        to: row.msisdn,
        message: &message,
        reference: worker.references.seal(claimed.campaign, row.seq),
        campaign: claimed.campaign,
        attempt: row.attempt,
    };
    let span = spans::request(worker.metrics.provider(), claimed.campaign, row.seq);
    let step = telemetry::step(Stage::Request);
    let answer = worker.channel.current().send(&outgoing).instrument(span.clone()).await;
    drop(step);
    failpoint::pass(Place::AfterAnswer);
    if answer.is_held {
        worker.metrics.count_held();
    }
    let attempt = Attempt {
        number: row.attempt,
        random: fastrand::f64(),
        time_left: time_left(claimed.claim),
        is_probe: claimed.claim.is_probe,
        has_fallback: matches!(message, Message::Flow(_)) && campaign.message.has_template(),
    };
    let window_closed = matches!(answer.verdict, Verdict::WindowClosed { .. });
    let outcome = classify(&campaign.policy, attempt, answer.verdict);
    spans::note_answer(&span, worker, answer.http_status, &outcome);
    worker.gate.observe(&outcome, answer.http_status.is_some(), claimed.campaign, claimed.claim).await;
    if let Some(stop) = campaign.note(&outcome) {
        let reason = too_many_refusals(&campaign.policy);
        worker.gate.close((stop, &reason), claimed.campaign, claimed.claim).await;
    }
    let (latency, http_status, wa_id) = (answer.latency, answer.http_status, answer.wa_id);
    let request = RequestRecord { sent_at, latency, http_status, wa_id, window_closed };
    RecordedOutcome { claim: claimed.claim.id, seq: row.seq, outcome, request: Some(request) }
}

/// Waits until the request may leave; otherwise returns the reason why it does not leave.
async fn wait_for_departure(worker: &SenderWorker, claimed: Claimed<'_>) -> Option<Refusal> {
    let ready = Instant::now();
    match tokio::time::timeout_at(worker.leave_by(claimed.claim), depart(worker, claimed)).await {
        Ok(Departure::Now) => {
            worker.metrics.count_slot_wait(ready.elapsed());
            None
        }
        Ok(Departure::Missed) => {
            worker.metrics.count_missed_slot(MissedSlot::NoSlot);
            Some(MISSED)
        }
        Err(_) => {
            worker.metrics.count_missed_slot(MissedSlot::LeaseEnded);
            Some(LEASE_ENDED)
        }
    }
}

/// Waits for the slot of the next request, and for a gate mirror that is fresh when the slot comes.
async fn depart(worker: &SenderWorker, claimed: Claimed<'_>) -> Departure {
    loop {
        let ready = Instant::now();
        worker.mirror.fresh(ready).await;
        let departure = claimed.departures.next(worker, claimed.campaign).await;
        if departure == Departure::Missed || worker.mirror.is_fresh(ready) {
            return departure;
        }
    }
}

/// The last check before the first byte leaves: the gate closed since the claim, the deadline or the sending hours are over, or
/// the lease is about to end.
fn hold_back(worker: &SenderWorker, claimed: Claimed<'_>) -> Option<Outcome> {
    if let Some((stop, reason)) = worker.gate.stop_for(claimed.campaign, claimed.claim) {
        return Some(Outcome::Held { stop, reason });
    }
    let is_over = |left: Option<Duration>| left.is_some_and(|left| left.is_zero());
    if is_over(time_left(claimed.claim)) {
        return Some(given_back(Duration::ZERO, DEADLINE));
    }
    if is_over(left(claimed.claim, claimed.claim.open_for)) {
        return Some(given_back(Duration::ZERO, HOURS_OVER));
    }
    (Instant::now() > worker.leave_by(claimed.claim)).then(|| given_back(Duration::ZERO, LEASE_ENDED))
}

/// Writes the departure to the journal, the last step before the first byte leaves. If that fails and the journal cannot be invalidated
/// either, nothing leaves, and the sender worker is started again without it.
fn note_departure(worker: &SenderWorker, claim: &Claim, row: &ClaimedRow) -> Option<Outcome> {
    worker.journal.depart(claim.id, row.seq).err().map(|MustStay| {
        worker.shutdown.cancel();
        given_back(Duration::ZERO, STOPPING)
    })
}

/// Time until the campaign's deadline, by this process's clock.
fn time_left(claim: &Claim) -> Option<Duration> {
    left(claim, claim.time_left)
}

/// The rest of a duration that began with the claim.
fn left(claim: &Claim, time: Option<Duration>) -> Option<Duration> {
    time.map(|time| time.saturating_sub(claim.slots.at.elapsed()))
}

/// The database's time, by this process's clock.
fn now(claim: &Claim) -> Timestamp {
    claim.at.checked_add(claim.slots.at.elapsed()).unwrap_or(claim.at)
}

/// The outcome of a recipient for whom no request was made.
fn not_sent(claim: &Claim, row: &ClaimedRow, outcome: Outcome) -> RecordedOutcome {
    RecordedOutcome { claim: claim.id, seq: row.seq, outcome, request: None }
}

/// Not sent, not counted as an attempt, and due again after a pause.
fn given_back(after: Duration, why: Refusal) -> Outcome {
    Outcome::Retry { after, counted: false, reason: why.into() }
}

fn too_many_refusals(policy: &Policy) -> Reason {
    let text = format!(
        "{} permanent refusals in a row; check the message and its template",
        policy.stop_after_refusals
    );
    Reason { code: StopReason::TooManyRefusals.word().into(), text: text.into() }
}

/// The reason of a recipient whose variables do not fit the message.
fn cannot_be_rendered(error: &campaign::RenderError) -> Reason {
    Reason { code: error.word().into(), text: error.to_string().into() }
}
