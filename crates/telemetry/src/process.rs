//! Metrics that every process has: memory, processor time, files, the version, and the age of running steps.

use std::fs;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{SystemTime, UNIX_EPOCH};

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::TimeVal;

use crate::health;
use crate::instrument::{FloatCounters, Gauges, Instrument};
use crate::label::Label;
use crate::steps::{STAGES, oldest};

static BUILD_INFO: Gauges = Gauges::gauges(
    "flowcast_build_info",
    "Always 1; the labels are the version of the program",
    &[Label::bounded("version", "of the program"), Label::bounded("commit", "of the program")],
);
static DRAINING: Gauges =
    Gauges::gauges("flowcast_draining", "1 from the signal to stop until the process ends", &[]);
static OLDEST_STEP: Gauges = Gauges::gauges(
    "flowcast_oldest_step_seconds",
    "Age of the oldest step that has begun and not ended; 0 if there is none. It shows that something hangs",
    &[Label::closed(
        "stage",
        &["claim", "record", "request", "publish", "feed_round", "post_commit", "connect"],
    )],
);
static TASKS: Gauges = Gauges::gauges("flowcast_tasks_alive", "Tasks of the asynchronous runtime", &[]);
static CPU: FloatCounters = FloatCounters::float_counters(
    "process_cpu_seconds",
    "Processor time of the process, user and system",
    &[],
);
static RESIDENT: Gauges = Gauges::gauges("process_resident_memory_bytes", "Resident memory", &[]);
static VIRTUAL: Gauges = Gauges::gauges("process_virtual_memory_bytes", "Virtual memory", &[]);
static OPEN_FDS: Gauges = Gauges::gauges("process_open_fds", "Open file descriptors", &[]);
static MAX_FDS: Gauges =
    Gauges::gauges("process_max_fds", "Most file descriptors that the process may open", &[]);
static THREADS: Gauges = Gauges::gauges("process_threads", "Threads", &[]);
static START_TIME: Gauges =
    Gauges::gauges("process_start_time_seconds", "Start of the process, in Unix time", &[]);

/// The metrics of every process.
pub static INSTRUMENTS: &[&dyn Instrument] = &[
    &BUILD_INFO,
    &DRAINING,
    &OLDEST_STEP,
    &TASKS,
    &CPU,
    &RESIDENT,
    &VIRTUAL,
    &OPEN_FDS,
    &MAX_FDS,
    &THREADS,
    &START_TIME,
];

/// The version of the program.
#[derive(Clone, Copy, Debug)]
pub struct BuildInfo {
    /// The version.
    pub version: &'static str,
    /// The commit, or `unknown`.
    pub commit: &'static str,
}

/// Sets what does not change.
#[expect(
    clippy::disallowed_methods,
    reason = "Prometheus compares the start with its own clock; nothing is decided by it"
)]
pub(crate) fn begin(build: BuildInfo) {
    BUILD_INFO.with(&[build.version, build.commit]).set(1.0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    START_TIME.with(&[]).set(now.as_secs_f64());
}

/// Reads the present values. A value that the system does not give keeps its last one.
pub(crate) fn refresh() {
    DRAINING.with(&[]).set(f64::from(u8::from(health::is_draining())));
    for (stage, name) in STAGES {
        OLDEST_STEP.with(&[name]).set(oldest(stage).as_secs_f64());
    }
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        TASKS.with(&[]).set(float(runtime.metrics().num_alive_tasks() as u64));
    }
    refresh_cpu();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        value.split_whitespace().next()?.parse::<u64>().ok()
    };
    let kib = |name: &str| field(name).map(|kib| float(kib * 1024));
    let files = fs::read_dir("/proc/self/fd").ok().map(|files| float(files.count() as u64));
    let max_files = getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(soft, _)| float(soft));
    let values = [
        (&RESIDENT, kib("VmRSS")),
        (&VIRTUAL, kib("VmSize")),
        (&THREADS, field("Threads").map(float)),
        (&OPEN_FDS, files),
        (&MAX_FDS, max_files),
    ];
    for (gauge, value) in values {
        if let Some(value) = value {
            gauge.with(&[]).set(value);
        }
    }
}

fn refresh_cpu() {
    // Two scrapes at once must not add the same time twice.
    static ADDING: Mutex<()> = Mutex::new(());
    let _adding = ADDING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) {
        let used = seconds(usage.user_time()) + seconds(usage.system_time());
        let cpu = CPU.with(&[]);
        cpu.inc_by((used - cpu.get()).max(0.0));
    }
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of processor time")]
fn seconds(time: TimeVal) -> f64 {
    time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
fn float(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_labels_of_the_stages_are_all_stages() {
        let labels: Vec<_> = STAGES.iter().map(|(_, name)| *name).collect();
        let Some(Label { values: crate::Values::Closed(stages), .. }) = OLDEST_STEP.labels().first() else {
            panic!("the label is closed");
        };
        assert_eq!(*stages, labels);
    }

    #[tokio::test]
    async fn the_values_of_this_process_are_plausible() {
        begin(BuildInfo { version: "1", commit: "abc" });
        refresh();
        let value = |gauge: &Gauges| gauge.with(&[]).get();
        assert!(value(&RESIDENT) > 1e6 && value(&VIRTUAL) >= value(&RESIDENT));
        assert!(value(&OPEN_FDS) >= 3.0 && value(&MAX_FDS) >= value(&OPEN_FDS) && value(&THREADS) >= 1.0);
        let before = CPU.with(&[]).get();
        refresh();
        assert!(CPU.with(&[]).get() >= before);
        assert!(value(&START_TIME) > 1.7e9);
    }
}
