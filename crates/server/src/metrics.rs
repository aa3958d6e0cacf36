//! The metrics of this crate.

use store::Ingest;
use telemetry::{Counter, Counters, Gauges, Histograms, Instrument, Label, SENDER};

const EVENTS: &[&str] = &["status", "answer", "message", "consent", "notice"];

static REQUESTS: Counters = Counters::counters(
    "flowcast_webhook_requests",
    "Webhook requests of the provider that were committed",
    &[SENDER],
);
static EVENTS_TOTAL: Counters = Counters::counters(
    "flowcast_webhook_events",
    "Events in committed webhook requests. A `status` is a delivery receipt, an `answer` a completed flow",
    &[SENDER, Label::closed("kind", EVENTS)],
);
static REFUSED: Counters = Counters::counters(
    "flowcast_webhook_requests_refused",
    "Webhook requests that were not accepted",
    &[
        SENDER,
        Label::closed(
            "kind",
            &[
                "bad_source",
                "bad_password",
                "bad_token",
                "bad_signature",
                "no_secret",
                "overload",
                "not_committed",
                "not_json",
                "wrong_shape",
                "unknown_encoding",
                "wrong_encoding",
                "too_large",
                "too_slow",
                "broken_off",
                "other",
            ],
        ),
    ],
);
static COMMIT_SECONDS: Histograms = Histograms::histograms(
    "flowcast_webhook_commit_seconds",
    "Duration of a commit of webhook requests",
    &[],
    &[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0],
);
/// Webhook requests that wait for their commit.
pub(crate) static WAITING: Gauges = Gauges::gauges(
    "flowcast_webhook_requests_waiting",
    "Webhook requests in the queue before the commit",
    &[],
);
/// Bytes of bodies in memory.
pub(crate) static BYTES: Gauges = Gauges::gauges(
    "flowcast_webhook_memory_bytes",
    "Bytes of bodies that are being received or wait for their commit",
    &[],
);
static STORED_AGAIN: Counters = Counters::counters(
    "flowcast_webhook_rows_stored_again",
    "Rows of committed webhook requests that are stored again, because PostgreSQL failed over or a backup was restored",
    &[],
);
static UPLOADS: Counters = Counters::counters(
    "flowcast_uploads",
    "Uploaded lists; `refused` for a fault of the list or of the request, `failed` for a fault of this server",
    &[Label::closed("result", &["imported", "refused", "failed"])],
);

/// The metrics of this crate.
pub static INSTRUMENTS: &[&dyn Instrument] =
    &[&REQUESTS, &EVENTS_TOTAL, &REFUSED, &COMMIT_SECONDS, &WAITING, &BYTES, &STORED_AGAIN, &UPLOADS];

/// The series of one sender.
pub(crate) struct SenderMetrics {
    requests: Counter,
    events: Vec<Counter>,
}

/// The numbers of events of one request, in the order of [`EVENTS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventCounts([usize; 5]);

impl EventCounts {
    /// Counts the events.
    pub(crate) fn of(rows: &Ingest) -> Self {
        Self([
            rows.receipts.len(),
            rows.answers.len(),
            rows.inbounds.len(),
            rows.consents.len(),
            rows.notices.len(),
        ])
    }
}

impl SenderMetrics {
    /// Creates the series, so that they begin with 0.
    pub(crate) fn new(sender: &str) -> Self {
        let events = EVENTS.iter().map(|kind| EVENTS_TOTAL.with(&[sender, kind])).collect();
        Self { requests: REQUESTS.with(&[sender]), events }
    }

    /// Counts a committed request.
    pub(crate) fn count_committed(&self, events: EventCounts) {
        self.requests.inc();
        for (counter, n) in self.events.iter().zip(events.0) {
            counter.inc_by(n as u64);
        }
    }
}

/// Counts a webhook request that was not accepted.
pub(crate) fn count_refused(sender: &str, kind: &str) {
    REFUSED.with(&[sender, kind]).inc();
}

/// Counts a commit that took this many seconds.
pub(crate) fn count_commit(took: f64) {
    COMMIT_SECONDS.with(&[]).observe(took);
}

/// Counts rows that are stored again.
pub(crate) fn count_stored_again(rows: usize) {
    STORED_AGAIN.with(&[]).inc_by(rows as u64);
}

/// Counts an upload by the status of its answer.
pub(crate) fn count_upload(status: u16) {
    let result = match status {
        200..=299 => "imported",
        400..=499 => "refused",
        _ => "failed",
    };
    UPLOADS.with(&[result]).inc();
}
