//! The metrics of this crate, and whether PostgreSQL answers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, Once, OnceLock, PoisonError};
use std::time::Duration;

use deadpool::managed::Status;
use telemetry::{Counters, Gauges, Histogram, Histograms, Instrument, Label, Rows, replace_together};
use tokio::time::Instant;
use tokio_postgres::error::Error;

use crate::db::sqlstate::{Fault, Kind, kind};

/// PostgreSQL is available if it answered within this time. Every role asks it something each two seconds.
const AVAILABLE_FOR: Duration = Duration::from_secs(10);
/// PostgreSQL counts as read-only for this time after it refused a write.
const READ_ONLY_FOR: Duration = Duration::from_secs(15);
/// Upper bounds for statements and waits, in seconds.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

static POOL: Gauges = Gauges::gauges(
    "flowcast_database_pool",
    "Connections of the pools of this process to PostgreSQL",
    &[Label::closed("state", &["idle", "used"])],
);
static POOL_SIZE_MAX: Gauges = Gauges::gauges(
    "flowcast_database_pool_size_max",
    "Most connections that the pools of this process may open",
    &[],
);
static POOL_WAIT: Histograms = Histograms::histograms(
    "flowcast_database_pool_wait_seconds",
    "Time until a statement got a connection of a pool",
    &[],
    SECONDS,
);
static STATEMENT_SECONDS: Histograms = Histograms::histograms(
    "flowcast_database_statement_seconds",
    "Duration of a frequent statement, with its round trip",
    &[Label::closed(
        "statement",
        &[
            "claim_pending",
            "claim",
            "lease",
            "record_final",
            "record",
            "ingest",
            "take_feeds",
            "read_feeds",
            "take_due",
            "pending_between",
            "advance_cursor",
            "advance_low_water",
            "fold_counters",
            "gate_changes",
            "live_workers",
            "worker_seen",
            "installation",
        ],
    )],
    SECONDS,
);
static ERRORS: Counters = Counters::counters(
    "flowcast_database_errors",
    "Errors of PostgreSQL and of connections to it. `given_back` is normal: another transaction changed the recipients of a claim first",
    &[Label::closed(
        "class",
        &[
            "unavailable",
            "read_only",
            "timeout",
            "denied",
            "schema",
            "serialization",
            "resources",
            "refused",
            "given_back",
        ],
    )],
);
static CONNECTS: Counters = Counters::counters(
    "flowcast_database_connects",
    "Connections to PostgreSQL that were made or failed",
    &[Label::closed("result", &["ok", "failed"])],
);
static READ_ONLY: Gauges = Gauges::gauges(
    "flowcast_database_read_only",
    "1 if PostgreSQL refused a write as read-only (25006) in the last 15 seconds",
    &[],
);
static CLOCK_OFFSET: Gauges = Gauges::gauges(
    "flowcast_clock_offset_seconds",
    "Clock of the database minus clock of this machine; only consumers measure it. Departures do not depend on it",
    &[],
);

/// The metrics of this crate.
pub static INSTRUMENTS: &[&dyn Instrument] =
    &[&POOL, &POOL_SIZE_MAX, &POOL_WAIT, &STATEMENT_SECONDS, &ERRORS, &CONNECTS, &READ_ONLY, &CLOCK_OFFSET];

/// A frequent statement, whose duration is measured.
pub(crate) struct Timed {
    name: &'static str,
    histogram: OnceLock<Histogram>,
}

impl Timed {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, histogram: OnceLock::new() }
    }

    /// Measures the duration of `statement`.
    pub(crate) async fn time<T>(&self, statement: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let result = statement.await;
        let histogram = self.histogram.get_or_init(|| STATEMENT_SECONDS.with(&[self.name]));
        histogram.observe(begun.elapsed().as_secs_f64());
        result
    }
}

/// The statements that are measured.
pub(crate) static CLAIM_PENDING: Timed = Timed::new("claim_pending");
pub(crate) static CLAIM: Timed = Timed::new("claim");
pub(crate) static LEASE: Timed = Timed::new("lease");
pub(crate) static RECORD_FINAL: Timed = Timed::new("record_final");
pub(crate) static RECORD: Timed = Timed::new("record");
pub(crate) static INGEST: Timed = Timed::new("ingest");
pub(crate) static TAKE_FEEDS: Timed = Timed::new("take_feeds");
pub(crate) static READ_FEEDS: Timed = Timed::new("read_feeds");
pub(crate) static TAKE_DUE: Timed = Timed::new("take_due");
pub(crate) static PENDING_BETWEEN: Timed = Timed::new("pending_between");
pub(crate) static ADVANCE_CURSOR: Timed = Timed::new("advance_cursor");
pub(crate) static ADVANCE_LOW_WATER: Timed = Timed::new("advance_low_water");
pub(crate) static FOLD_COUNTERS: Timed = Timed::new("fold_counters");
pub(crate) static GATE_CHANGES: Timed = Timed::new("gate_changes");
pub(crate) static LIVE_WORKERS: Timed = Timed::new("live_workers");
pub(crate) static WORKER_SEEN: Timed = Timed::new("worker_seen");
pub(crate) static INSTALLATION: Timed = Timed::new("installation");

/// Counts a wait for a connection of a pool.
pub(crate) fn count_pool_wait(begun: Instant) {
    static WAIT: LazyLock<Histogram> = LazyLock::new(|| POOL_WAIT.with(&[]));
    WAIT.observe(begun.elapsed().as_secs_f64());
}

/// Counts an attempt to connect.
pub(crate) fn count_connect(is_ok: bool) {
    CONNECTS.with(&[if is_ok { "ok" } else { "failed" }]).inc();
}

/// Notes the difference between the clocks.
pub(crate) fn note_clock_offset(seconds: f64) {
    CLOCK_OFFSET.with(&[]).set(seconds);
}

static START: LazyLock<Instant> = LazyLock::new(Instant::now);
/// When PostgreSQL last answered, and last refused a write as read-only, in milliseconds since [`START`] and one more; 0: never.
static ANSWERED: AtomicU64 = AtomicU64::new(0);
static REFUSED_WRITE: AtomicU64 = AtomicU64::new(0);

fn note(at: &AtomicU64) {
    let now = u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1;
    at.store(now, Ordering::Relaxed);
}

fn is_within(at: &AtomicU64, time: Duration) -> bool {
    let at = at.load(Ordering::Relaxed);
    at > 0 && START.elapsed().saturating_sub(Duration::from_millis(at - 1)) < time
}

/// Whether PostgreSQL answers this process, as a word: `ok`, `read_only` or `unavailable`.
pub fn postgres_state() -> &'static str {
    match () {
        () if is_within(&REFUSED_WRITE, READ_ONLY_FOR) => "read_only",
        () if is_within(&ANSWERED, AVAILABLE_FOR) => "ok",
        () => "unavailable",
    }
}

/// Notes the result of a statement.
pub(crate) fn note_result<T>(result: &Result<T, Error>) {
    match result {
        Ok(_) => note(&ANSWERED),
        Err(error) => {
            let class = class(error);
            if class != "unavailable" {
                note(&ANSWERED);
            }
            if class == "read_only" {
                note(&REFUSED_WRITE);
            }
            count_error(class);
        }
    }
}

/// Counts an error.
pub(crate) fn count_error(class: &'static str) {
    ERRORS.with(&[class]).inc();
}

/// The class of an error.
pub(crate) fn class(error: &Error) -> &'static str {
    let Some(found) = error.as_db_error() else { return "unavailable" };
    of_fault(Fault::of(found))
}

fn of_fault(fault: Fault<'_>) -> &'static str {
    match fault.code {
        "25006" => "read_only",
        // `give_back_claim` raises it.
        "FC001" => "given_back",
        "57014" | "55P03" => "timeout",
        code if code.starts_with("40") => "serialization",
        code if code.starts_with("53") => "resources",
        _ => match kind(fault) {
            Kind::Schema => "schema",
            Kind::Denied => "denied",
            Kind::Data | Kind::Statement => "refused",
            Kind::Trouble => "unavailable",
        },
    }
}

type PoolStatus = Box<dyn Fn() -> Option<Status> + Send>;

/// The pools of this process.
static POOLS: Mutex<Vec<PoolStatus>> = Mutex::new(Vec::new());

/// Shows the connections of a pool while `status` gives it.
pub(crate) fn follow(status: impl Fn() -> Option<Status> + Send + 'static) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| telemetry::on_scrape(refresh));
    POOLS.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(status));
}

#[expect(clippy::cast_precision_loss, reason = "numbers of connections are small")]
fn refresh() {
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut idle, mut used, mut most) = (0, 0, 0);
    pools.retain(|status| {
        let Some(status) = status() else { return false };
        idle += status.available;
        used += status.size.saturating_sub(status.available);
        most += status.max_size;
        true
    });
    let pool: Rows<'_> = vec![(vec!["idle"], idle as f64), (vec!["used"], used as f64)];
    replace_together(&[(&POOL, pool), (&POOL_SIZE_MAX, vec![(Vec::new(), most as f64)])]);
    READ_ONLY.with(&[]).set(f64::from(u8::from(is_within(&REFUSED_WRITE, READ_ONLY_FOR))));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_classified_by_what_an_operator_does_about_them() {
        let class = |code| of_fault(Fault { code, ..Fault::default() });
        let codes = ["25006", "FC001", "57014", "40P01", "53300", "42P01", "42501", "23505", "57P01"];
        let classes = [
            "read_only",
            "given_back",
            "timeout",
            "serialization",
            "resources",
            "schema",
            "denied",
            "refused",
            "unavailable",
        ];
        assert_eq!(codes.map(class), classes);
    }
}
