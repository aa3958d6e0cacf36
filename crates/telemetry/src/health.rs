//! The health of this process: alive, started, ready, draining. All answers come from memory.
//!
//! - **Alive**: the runtime executes tasks. It does not depend on PostgreSQL or RabbitMQ, because a restart mends neither.
//! - **Ready**: all parts that have to be ready are ready. From the signal to stop on, the process is not ready.
//! - **Started**: all parts were ready once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

/// The runtime is alive if it executed a task within this time.
const ALIVE_FOR: Duration = Duration::from_secs(10);

/// When a part has to be ready for the process to be ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Once. Later trouble shows in the part; the process stays ready, because nothing is routed to it.
    Once,
    /// Always.
    Always,
    /// Never: the part is only shown.
    Never,
}

/// The state of a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Whether it is ready now.
    pub is_ready: bool,
    /// What is shown.
    pub shown: Value,
}

impl Part {
    /// A part whose state is one word.
    pub fn word(is_ready: bool, word: &str) -> Self {
        Self { is_ready, shown: word.into() }
    }
}

type Probe = Box<dyn Fn() -> Part + Send>;

/// A part with its name and its need.
struct Known {
    name: &'static str,
    need: Need,
    probe: Probe,
}

#[derive(Default)]
struct Health {
    role: &'static str,
    parts: Vec<Known>,
    /// Whether all parts are known.
    is_complete: bool,
    /// Parts that were ready once.
    seen_ready: BTreeSet<&'static str>,
}

static HEALTH: LazyLock<Mutex<Health>> = LazyLock::new(Mutex::default);
static DRAINING: AtomicBool = AtomicBool::new(false);
/// The last tick, in milliseconds since [`START`].
static TICK: AtomicU64 = AtomicU64::new(0);
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Whether a request is answered 200, and with what.
pub type Answer = (bool, Value);

fn with<T>(use_it: impl FnOnce(&mut Health) -> T) -> T {
    use_it(&mut HEALTH.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Begins with the name of the role. The process is `starting` until [`all_parts_known`].
pub fn begin(role: &'static str) {
    tick();
    with(|health| health.role = role);
}

/// Adds a part. `probe` must not wait.
pub fn add(name: &'static str, need: Need, probe: impl Fn() -> Part + Send + 'static) {
    with(|health| health.parts.push(Known { name, need, probe: Box::new(probe) }));
}

/// No more parts come: the process is ready when its parts are.
pub fn all_parts_known() {
    with(|health| health.is_complete = true);
}

/// The process was told to stop.
pub fn drain() {
    DRAINING.store(true, Ordering::Relaxed);
}

/// Whether the process was told to stop.
pub fn is_draining() -> bool {
    DRAINING.load(Ordering::Relaxed)
}

/// Notes that the runtime executes tasks; to be called about once a second.
pub(crate) fn tick() {
    TICK.store(elapsed(), Ordering::Relaxed);
}

fn elapsed() -> u64 {
    u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Whether the process is alive.
pub(crate) fn alive() -> Answer {
    let idle = Duration::from_millis(elapsed().saturating_sub(TICK.load(Ordering::Relaxed)));
    let is_alive = idle < ALIVE_FOR;
    let role = with(|health| health.role);
    (is_alive, json!({ "status": if is_alive { "alive" } else { "hangs" }, "role": role }))
}

/// Whether the process is ready, with its parts.
pub(crate) fn ready() -> Answer {
    with(|health| health.ready(is_draining()))
}

/// Whether all parts were ready once.
pub(crate) fn started() -> Answer {
    with(|health| {
        let (_, answer) = health.ready(false);
        let is_started = health.is_started();
        let status = if is_started { "started" } else { "starting" };
        (is_started, json!({ "status": status, "role": health.role, "parts": answer["parts"] }))
    })
}

impl Health {
    fn is_started(&self) -> bool {
        let was_ready = |part: &Known| part.need == Need::Never || self.seen_ready.contains(part.name);
        self.is_complete && self.parts.iter().all(was_ready)
    }

    fn ready(&mut self, is_draining: bool) -> Answer {
        let mut shown = Map::new();
        let mut is_ready = true;
        for Known { name, need, probe } in &self.parts {
            let part = probe();
            if part.is_ready {
                self.seen_ready.insert(name);
            }
            is_ready &= match need {
                Need::Always => part.is_ready,
                Need::Once => self.seen_ready.contains(name),
                Need::Never => true,
            };
            shown.insert((*name).to_owned(), part.shown);
        }
        let is_started = self.is_started();
        let status = match () {
            () if is_draining => "draining",
            () if !is_started => "starting",
            () if !is_ready => "not_ready",
            () => "ready",
        };
        (status == "ready", json!({ "status": status, "role": self.role, "parts": shown }))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn health(need: Need, is_up: &Arc<AtomicBool>) -> Health {
        let is_up = Arc::clone(is_up);
        let probe = Box::new(move || {
            let is_ready = is_up.load(Ordering::Relaxed);
            Part::word(is_ready, if is_ready { "up" } else { "down" })
        });
        let parts = vec![Known { name: "broker", need, probe }];
        Health { role: "consumer", parts, is_complete: true, ..Health::default() }
    }

    fn status(answer: &Answer) -> (bool, &str, &str) {
        (answer.0, answer.1["status"].as_str().unwrap(), answer.1["parts"]["broker"].as_str().unwrap())
    }

    #[test]
    fn a_part_that_is_needed_once_makes_the_process_ready_for_good_and_shows_its_state() {
        let is_up = Arc::new(AtomicBool::new(false));
        let mut health = health(Need::Once, &is_up);
        assert_eq!(status(&health.ready(false)), (false, "starting", "down"));
        is_up.store(true, Ordering::Relaxed);
        assert_eq!(status(&health.ready(false)), (true, "ready", "up"));
        is_up.store(false, Ordering::Relaxed);
        assert_eq!(status(&health.ready(false)), (true, "ready", "down"));
    }

    #[test]
    fn a_part_that_is_needed_always_makes_the_process_unready_when_it_fails() {
        let is_up = Arc::new(AtomicBool::new(true));
        let mut health = health(Need::Always, &is_up);
        assert_eq!(status(&health.ready(false)), (true, "ready", "up"));
        is_up.store(false, Ordering::Relaxed);
        assert_eq!(status(&health.ready(false)), (false, "not_ready", "down"));
        assert!(health.is_started());
    }

    #[test]
    fn a_process_that_drains_or_does_not_know_its_parts_yet_is_not_ready() {
        let is_up = Arc::new(AtomicBool::new(true));
        let mut health = health(Need::Once, &is_up);
        assert_eq!(status(&health.ready(true)), (false, "draining", "up"));
        health.is_complete = false;
        assert_eq!(status(&health.ready(false)), (false, "starting", "up"));
    }
}
