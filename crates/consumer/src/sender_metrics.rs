//! The handles of the series of one sender worker, so that counting costs a few atomic operations.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, Once, PoisonError, Weak};
use std::time::Duration;

use broker::Acknowledgement;
use campaign::{Outcome, Provider, own_codes};
use store::{ClaimAnswer, ClaimRefusal, RecordedOutcome};
use telemetry::{Counter, Gauge, Histogram, Rows, replace_together};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::metrics::{
    ACKNOWLEDGEMENTS, CLAIM_RECIPIENTS, CLAIM_RESULTS, CLAIM_SECONDS, DELIVERIES, DROPPED, HELD, IN_FLIGHT,
    IN_FLIGHT_LIMIT, LATE, OTHER, OUTCOMES, RECORD_SECONDS, REFUSALS, REFUSED, REQUEST_SECONDS, REQUESTS,
    RETURNED, SLOT_WAIT, SLOTS_MISSED, WAITING,
};

/// The most codes of refusals with series of their own for one sender.
const MOST_CODES: usize = 16;

/// Why a departure had no slot.
#[derive(Clone, Copy, Debug)]
pub(crate) enum MissedSlot {
    /// The slot passed while the process did not run.
    Stall,
    /// There was no slot before the sender was stopped or the worker was told to stop.
    NoSlot,
    /// The lease of the claim was about to end.
    LeaseEnded,
}

/// The series of one sender.
pub(crate) struct SenderMetrics {
    sender: String,
    provider: Provider,
    outcomes: Vec<Counter>,
    request_seconds: Histogram,
    refusals: Mutex<HashMap<String, Counter>>,
    claims: Vec<Histogram>,
    claim_recipients: Histogram,
    record_seconds: Histogram,
    slot_wait: Histogram,
    deliveries: Vec<Counter>,
    pub(crate) late: Counter,
    pub(crate) refused: Counter,
    pub(crate) dropped: Counter,
    pub(crate) waiting: Gauge,
    /// The permits of requests, while the sender worker runs.
    requests: Mutex<Weak<Semaphore>>,
}

impl SenderMetrics {
    /// Creates the series, so that they begin with 0.
    pub(crate) fn new(sender: &str, provider: Provider) -> Self {
        Self {
            sender: sender.to_owned(),
            provider,
            outcomes: OUTCOMES.iter().map(|outcome| REQUESTS.with(&[sender, outcome])).collect(),
            request_seconds: REQUEST_SECONDS.with(&[provider.word()]),
            refusals: Mutex::default(),
            claims: CLAIM_RESULTS.iter().map(|result| CLAIM_SECONDS.with(&[result])).collect(),
            claim_recipients: CLAIM_RECIPIENTS.with(&[]),
            record_seconds: RECORD_SECONDS.with(&[]),
            slot_wait: SLOT_WAIT.with(&[]),
            deliveries: ACKNOWLEDGEMENTS.iter().map(|kind| DELIVERIES.with(&[sender, kind])).collect(),
            late: LATE.with(&[sender]),
            refused: REFUSED.with(&[sender]),
            dropped: DROPPED.with(&[sender]),
            waiting: WAITING.with(&[sender]),
            requests: Mutex::default(),
        }
    }

    /// Shows the permits of this sender that are in use.
    pub(crate) fn follow(&self, limits: [(Weak<Semaphore>, u16); 2]) {
        let [_, (requests, _)] = &limits;
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone_from(requests);
        follow(&self.sender, limits);
    }

    /// Whether all permits of requests are in use.
    pub(crate) fn is_full(&self) -> bool {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
        requests.is_some_and(|requests| requests.available_permits() == 0)
    }

    /// Counts an outcome: a request, or a recipient for whom no request was made.
    pub(crate) fn count_outcome(&self, recorded: &RecordedOutcome) {
        let Some(request) = &recorded.request else {
            RETURNED.with(&[&self.sender, reason_without_request(&recorded.outcome)]).inc();
            return;
        };
        let place = match &recorded.outcome {
            Outcome::Accepted { .. } => 0,
            Outcome::Retry { .. } | Outcome::FallBack { .. } => 1,
            Outcome::Throttled { .. } => 2,
            Outcome::Failed { .. } => 3,
            Outcome::Unknown { .. } => 4,
            Outcome::Held { .. } => 5,
        };
        count(&self.outcomes, place, 1);
        self.request_seconds.observe(request.latency.as_secs_f64());
        if let Some(reason) = recorded.outcome.reason() {
            self.count_refusal(&reason.code);
        }
    }

    /// Counts recipients that left a batch before their claim, for this reason.
    pub(crate) fn count_postponed(&self, reason: &str, recipients: usize) {
        RETURNED.with(&[&self.sender, reason]).inc_by(u64::try_from(recipients).unwrap_or(0));
    }

    fn count_refusal(&self, code: &str) {
        let mut known = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = known.get(code) {
            counter.inc();
            return;
        }
        let label = if known.len() < MOST_CODES && is_documented(self.provider, code) { code } else { OTHER };
        let counter = REFUSALS.with(&[&self.sender, label]);
        counter.inc();
        if label == code {
            known.insert(code.to_owned(), counter);
        }
    }

    /// The provider of the sender.
    pub(crate) fn provider(&self) -> Provider {
        self.provider
    }

    /// A code that the provider documents, or `other`.
    pub(crate) fn code_label<'a>(&self, code: &'a str) -> &'a str {
        if is_documented(self.provider, code) { code } else { OTHER }
    }

    /// Counts a claim that began at `begun`.
    pub(crate) fn count_claim(&self, begun: Instant, answer: &Result<ClaimAnswer, store::Error>) {
        let place = match answer {
            Ok(ClaimAnswer::Granted(claim)) => {
                let recipients = u32::try_from(claim.rows.len()).unwrap_or(u32::MAX);
                self.claim_recipients.observe(f64::from(recipients));
                0
            }
            Ok(ClaimAnswer::Refused(ClaimRefusal::Wait(_))) => 1,
            Ok(ClaimAnswer::Refused(ClaimRefusal::Held)) => 2,
            Ok(ClaimAnswer::Refused(ClaimRefusal::NothingDue)) => 3,
            Ok(ClaimAnswer::Refused(ClaimRefusal::TooMany(_))) => 4,
            Err(_) => 5,
        };
        if let Some(histogram) = self.claims.get(place) {
            histogram.observe(begun.elapsed().as_secs_f64());
        }
    }

    /// Counts a commit of outcomes that took this long.
    pub(crate) fn count_record(&self, took: Duration) {
        self.record_seconds.observe(took.as_secs_f64());
    }

    /// Counts a wait for a departure.
    pub(crate) fn count_slot_wait(&self, waited: Duration) {
        self.slot_wait.observe(waited.as_secs_f64());
    }

    /// Counts an accepted message that the provider holds back.
    pub(crate) fn count_held(&self) {
        HELD.with(&[&self.sender]).inc();
    }

    /// Counts a departure without a slot.
    pub(crate) fn count_missed_slot(&self, missed: MissedSlot) {
        let reason = match missed {
            MissedSlot::Stall => "stall",
            MissedSlot::NoSlot => "no_slot",
            MissedSlot::LeaseEnded => "lease_ended",
        };
        SLOTS_MISSED.with(&[&self.sender, reason]).inc();
    }

    /// Counts an acknowledged delivery.
    pub(crate) fn count_delivery(&self, acknowledgement: Acknowledgement) {
        let place = match acknowledgement {
            Acknowledgement::Ack => 0,
            Acknowledgement::Requeue => 1,
            Acknowledgement::DeadLetter => 2,
        };
        count(&self.deliveries, place, 1);
    }
}

fn count(counters: &[Counter], place: usize, n: usize) {
    if let Some(counter) = counters.get(place) {
        counter.inc_by(n as u64);
    }
}

fn reason_without_request(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Held { .. } => "stopped",
        Outcome::Failed { .. } => "not_rendered",
        Outcome::Retry { reason, .. } | Outcome::Throttled { reason, .. } | Outcome::Unknown { reason } => {
            &reason.code
        }
        Outcome::Accepted { .. } | Outcome::FallBack { .. } => OTHER,
    }
}

/// Whether the code is in the provider's table or is one of Flowcast. An undocumented code may be anything, so it is no label.
fn is_documented(provider: Provider, code: &str) -> bool {
    whatsapp::error_map(provider).iter().any(|rule| rule.code().is_some_and(|known| known == code))
        || own_codes().any(|(known, _)| known == code)
}

/// The limits of one sender worker.
struct Limits {
    sender: String,
    claimed: (Weak<Semaphore>, u16),
    requested: (Weak<Semaphore>, u16),
}

static LIMITS: LazyLock<Mutex<Vec<Limits>>> = LazyLock::new(Mutex::default);

/// Shows the permits of a sender that are in use, until its semaphores are gone.
fn follow(sender: &str, [claimed, requested]: [(Weak<Semaphore>, u16); 2]) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| telemetry::on_scrape(refresh));
    let limits = Limits { sender: sender.to_owned(), claimed, requested };
    LIMITS.lock().unwrap_or_else(PoisonError::into_inner).push(limits);
}

fn refresh() {
    let mut all = LIMITS.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|limits| limits.claimed.0.strong_count() > 0);
    let (mut used, mut most): (Rows<'_>, Rows<'_>) = (Vec::new(), Vec::new());
    for Limits { sender, claimed, requested } in all.iter() {
        for (stage, (permits, limit)) in [("claimed", claimed), ("requested", requested)] {
            let free = permits.upgrade().map_or(0, |permits| permits.available_permits());
            let in_use = u16::try_from(usize::from(*limit).saturating_sub(free)).unwrap_or(u16::MAX);
            used.push((vec![sender, stage], f64::from(in_use)));
            most.push((vec![sender, stage], f64::from(*limit)));
        }
    }
    replace_together(&[(&IN_FLIGHT, used), (&IN_FLIGHT_LIMIT, most)]);
}

#[cfg(test)]
mod tests {
    use campaign::{ClaimId, Reason, Seq};
    use jiff::Timestamp;
    use store::RequestRecord;
    use telemetry::{BuildInfo, Config, Exporter};

    use super::*;

    /// docs/METRICS.md promises at most this many series for one process, and for each sender of it.
    const FIXED: usize = 500;
    const OF_SENDER: usize = 45;

    fn failed(code: &str) -> RecordedOutcome {
        let reason = Reason { code: code.to_owned().into(), text: "test".into() };
        let request = RequestRecord {
            sent_at: Timestamp::UNIX_EPOCH,
            latency: Duration::from_millis(100),
            http_status: Some(400),
            wa_id: None,
            window_closed: false,
        };
        RecordedOutcome {
            claim: ClaimId(1),
            seq: Seq(1),
            outcome: Outcome::Failed { reason },
            request: Some(request),
        }
    }

    fn returned(code: &str) -> RecordedOutcome {
        let reason = Reason { code: code.to_owned().into(), text: "test".into() };
        let outcome = Outcome::Retry { after: Duration::ZERO, counted: false, reason };
        RecordedOutcome { outcome, request: None, ..failed(code) }
    }

    #[test]
    fn the_number_of_series_is_bounded_with_more_than_200_senders_and_codes_that_a_provider_made_up() {
        let build = BuildInfo { version: "test", commit: "test" };
        let metrics = [store::INSTRUMENTS, broker::INSTRUMENTS, crate::metrics::INSTRUMENTS];
        let exporter = Exporter::new("consumer", build, &Config::default(), &metrics, &[]);
        let permits = std::sync::Arc::new(Semaphore::new(10));
        for n in 0..250 {
            let sender = SenderMetrics::new(&format!("sender-{n}"), Provider::Meta);
            sender.follow([
                (std::sync::Arc::downgrade(&permits), 10),
                (std::sync::Arc::downgrade(&permits), 10),
            ]);
            for code in 0..64 {
                sender.count_outcome(&failed(&format!("made-up-{code}")));
                sender.count_outcome(&returned(&format!("made-up-{code}")));
            }
            // All that a sender can have: documented codes, reasons, missed slots.
            let codes = whatsapp::error_map(Provider::Meta).iter().filter_map(whatsapp::Rule::code);
            codes.for_each(|code| sender.count_outcome(&failed(&code)));
            for reason in
                ["slot_missed", "lease_ended", "worker_stopping", "deadline", "hours_over", "pair_limit"]
            {
                sender.count_outcome(&returned(reason));
            }
            for missed in [MissedSlot::Stall, MissedSlot::NoSlot, MissedSlot::LeaseEnded] {
                sender.count_missed_slot(missed);
            }
        }
        let (_, text) = exporter.render("").unwrap();
        let series = text.lines().filter(|line| !line.starts_with('#')).count();
        let of_one = text.lines().filter(|line| line.contains("\"sender-0\"")).count();
        let of_none =
            text.lines().filter(|line| !line.contains("sender=\"") && !line.starts_with('#')).count();
        println!("{series} series, {of_one} of one sender, {of_none} of no sender");
        assert!(series <= FIXED + 201 * OF_SENDER, "{series}");
        assert!(of_one <= OF_SENDER && of_none <= FIXED, "{of_one} {of_none}");
        assert!(!text.contains("made-up"), "a code that is not documented is a label");
        assert!(text.contains("sender=\"_other\"") && !text.contains("sender-200"));
        let other = "flowcast_requests_total{role=\"consumer\",sender=\"_other\",outcome=\"failed\"} ";
        let folded = text.lines().find_map(|line| line.strip_prefix(other)).unwrap();
        assert!(
            folded.parse::<u64>().unwrap() >= 50 * 64,
            "the senders beyond the limit are counted together: {folded}"
        );
    }
}
