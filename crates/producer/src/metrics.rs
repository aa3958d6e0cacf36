//! The metrics of this crate.

use broker::Error;
use telemetry::{Counter, Counters, Gauges, Histogram, Histograms, Instrument, Label, SENDER};

/// The words for maintenance jobs. `job` itself is a label of Prometheus.
const TASK: Label = Label::closed(
    "task",
    &[
        "check_database",
        "expire_claims",
        "end_lost_claims",
        "expire_campaigns",
        "finish_cancellations",
        "open_hours",
        "end_stragglers",
        "resolve_by_receipts",
        "fall_back",
        "resolve_by_rule",
        "fold_counters",
        "open_capped_senders",
        "rotate_volumes",
        "remove_old_rows",
    ],
);
const PUBLISH_RESULTS: &[&str] = &["confirmed", "nacked", "returned", "unanswered"];
const SECONDS: &[f64] = &[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

static PUBLISHED: Counters = Counters::counters(
    "flowcast_published",
    "Queue messages that were published, by the answer of RabbitMQ",
    &[SENDER, Label::closed("result", PUBLISH_RESULTS)],
);
static PUBLISH_SECONDS: Histograms = Histograms::histograms(
    "flowcast_publish_seconds",
    "Time until RabbitMQ confirmed all messages of a batch",
    &[],
    SECONDS,
);
static ROUND_AT: Gauges = Gauges::gauges(
    "flowcast_feed_round_timestamp_seconds",
    "End of the last round over all feeds that succeeded, in Unix time; 0 before the first",
    &[],
);
static ROUND_SECONDS: Histograms =
    Histograms::histograms("flowcast_feed_round_seconds", "Duration of a round over all feeds", &[], SECONDS);
static FEEDS: Gauges = Gauges::gauges("flowcast_feeds", "Senders that this producer feeds", &[]);
static FEED_FAILURES: Counters =
    Counters::counters("flowcast_feed_failures", "Rounds of the feed of a sender that failed", &[SENDER]);
static REWINDS: Counters =
    Counters::counters("flowcast_rewinds", "Feeds that were set back because messages were lost", &[SENDER]);
static CLAIMS_EXPIRED: Counters = Counters::counters(
    "flowcast_claims_expired",
    "Recipients that became unknown because their worker died",
    &[SENDER],
);
static DEAD_LETTERS: Counters = Counters::counters(
    "flowcast_dead_letters",
    "Dead-lettered messages that were stored",
    &[Label::closed("reason", &["rejected", "delivery_limit", "expired", "maxlen", "other"])],
);
static MAINTENANCE_SECONDS: Histograms = Histograms::histograms(
    "flowcast_maintenance_seconds",
    "Duration of a maintenance job",
    &[TASK],
    &[0.005, 0.025, 0.1, 0.5, 2.5, 10.0],
);
static MAINTENANCE_FAILURES: Counters =
    Counters::counters("flowcast_maintenance_failures", "Runs of a maintenance job that failed", &[TASK]);

/// The metrics of this crate.
pub static INSTRUMENTS: &[&dyn Instrument] = &[
    &PUBLISHED,
    &PUBLISH_SECONDS,
    &ROUND_AT,
    &ROUND_SECONDS,
    &FEEDS,
    &FEED_FAILURES,
    &REWINDS,
    &CLAIMS_EXPIRED,
    &DEAD_LETTERS,
    &MAINTENANCE_SECONDS,
    &MAINTENANCE_FAILURES,
];

/// The series of the feed of one sender.
pub(crate) struct FeedMetrics {
    published: Vec<Counter>,
    publish_seconds: Histogram,
    pub(crate) failures: Counter,
    pub(crate) rewinds: Counter,
}

impl FeedMetrics {
    /// Creates the series, so that they begin with 0.
    pub(crate) fn new(sender: &str) -> Self {
        CLAIMS_EXPIRED.with(&[sender]);
        Self {
            published: PUBLISH_RESULTS.iter().map(|result| PUBLISHED.with(&[sender, result])).collect(),
            publish_seconds: PUBLISH_SECONDS.with(&[]),
            failures: FEED_FAILURES.with(&[sender]),
            rewinds: REWINDS.with(&[sender]),
        }
    }

    /// Counts messages by the answer of RabbitMQ.
    pub(crate) fn count_published(&self, messages: usize, took: f64, result: &Result<(), Error>) {
        self.publish_seconds.observe(took);
        let counts = match result {
            Ok(()) => [messages, 0, 0, 0],
            Err(Error::Unconfirmed { confirmed, nacked, returned, unanswered, .. }) => {
                [*confirmed, *nacked, *returned, *unanswered]
            }
            Err(_) => [0, 0, 0, messages],
        };
        for (counter, n) in self.published.iter().zip(counts) {
            counter.inc_by(n as u64);
        }
    }
}

/// Notes the end of a round that succeeded.
pub(crate) fn note_round(took: f64, feeds: usize) {
    ROUND_SECONDS.with(&[]).observe(took);
    ROUND_AT.with(&[]).set(jiff::Timestamp::now().as_duration().as_secs_f64());
    FEEDS.with(&[]).set(f64::from(u32::try_from(feeds).unwrap_or(u32::MAX)));
}

/// Counts recipients of dead workers.
pub(crate) fn count_expired_claims(sender: &str, recipients: u64) {
    CLAIMS_EXPIRED.with(&[sender]).inc_by(recipients);
}

/// Counts a dead letter.
pub(crate) fn count_dead_letter(reason: &str) {
    DEAD_LETTERS.with(&[reason]).inc();
}

/// Counts a run of a maintenance job.
pub(crate) fn count_maintenance(task: &str, took: f64, is_ok: bool) {
    MAINTENANCE_SECONDS.with(&[task]).observe(took);
    if !is_ok {
        MAINTENANCE_FAILURES.with(&[task]).inc();
    }
}
