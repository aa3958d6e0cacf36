//! Steps that have begun and not ended. The age of the oldest one shows that something hangs, which no counter shows.
//!
//! A step costs two or three atomic operations. Each stage has a fixed number of slots. If all slots near the next one are in use,
//! the step is not tracked: then the tracked steps are old enough to show a hang.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The kinds of steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A claim statement.
    Claim,
    /// A commit of outcomes.
    Record,
    /// A request to a provider.
    Request,
    /// A batch of queue messages, until all are confirmed.
    Publish,
    /// A round over all feeds of a producer.
    FeedRound,
    /// A commit of webhook requests.
    PostCommit,
    /// A connection to PostgreSQL or RabbitMQ that is being made.
    Connect,
}

/// All stages, with their labels.
pub const STAGES: [(Stage, &str); 7] = [
    (Stage::Claim, "claim"),
    (Stage::Record, "record"),
    (Stage::Request, "request"),
    (Stage::Publish, "publish"),
    (Stage::FeedRound, "feed_round"),
    (Stage::PostCommit, "post_commit"),
    (Stage::Connect, "connect"),
];

/// Slots of one stage.
const SLOTS: usize = 512;
/// Slots that are tried for one step.
const TRIES: usize = 4;
/// A slot that is not in use.
const FREE: u64 = 0;

struct Slots {
    /// When the step of a slot began, in microseconds since [`START`].
    begun: [AtomicU64; SLOTS],
    next: AtomicUsize,
}

impl Slots {
    const fn new() -> Self {
        Self { begun: [const { AtomicU64::new(FREE) }; SLOTS], next: AtomicUsize::new(0) }
    }

    fn begin(&'static self, now: u64) -> Step {
        let slot = (0..TRIES).find_map(|_| {
            let slot = self.begun.get(self.next.fetch_add(1, Ordering::Relaxed) % SLOTS)?;
            slot.compare_exchange(FREE, now, Ordering::Relaxed, Ordering::Relaxed).ok()?;
            Some(slot)
        });
        Step { slot }
    }

    fn oldest(&self) -> Option<u64> {
        let begun = self.begun.iter().map(|slot| slot.load(Ordering::Relaxed));
        begun.filter(|begun| *begun != FREE).min()
    }
}

static BEGUN: [Slots; STAGES.len()] = [const { Slots::new() }; STAGES.len()];
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn now() -> u64 {
    u64::try_from(START.elapsed().as_micros()).unwrap_or(u64::MAX).max(FREE + 1)
}

fn slots(stage: Stage) -> &'static Slots {
    #[expect(clippy::indexing_slicing, reason = "one element for each stage; the test below has all of them")]
    &BEGUN[stage as usize]
}

/// A step that has begun; it ends when this value is dropped.
#[derive(Debug)]
#[must_use = "the step ends when this value is dropped"]
pub struct Step {
    slot: Option<&'static AtomicU64>,
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            slot.store(FREE, Ordering::Relaxed);
        }
    }
}

/// Begins a step.
pub fn step(stage: Stage) -> Step {
    slots(stage).begin(now())
}

/// The age of the oldest step of a stage; zero if there is none.
pub fn oldest(stage: Stage) -> Duration {
    let oldest = slots(stage).oldest();
    oldest.map_or(Duration::ZERO, |begun| Duration::from_micros(now().saturating_sub(begun)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_step_counts_until_it_ends_whatever_the_order_of_the_ends() {
        static SOME: Slots = Slots::new();
        let (first, second, third) = (SOME.begin(5), SOME.begin(7), SOME.begin(9));
        drop(second);
        assert_eq!(SOME.oldest(), Some(5));
        drop(first);
        assert_eq!(SOME.oldest(), Some(9));
        drop(third);
        assert_eq!(SOME.oldest(), None);
    }

    #[test]
    fn a_step_beyond_the_slots_is_not_tracked_and_hides_no_older_one() {
        static FEW: Slots = Slots::new();
        let all: Vec<Step> = (1..=SLOTS as u64).map(|at| FEW.begin(at)).collect();
        let more = FEW.begin(9_999);
        assert!(more.slot.is_none());
        drop(more);
        assert_eq!(FEW.oldest(), Some(1));
        drop(all);
        assert_eq!(FEW.oldest(), None);
    }

    #[test]
    fn each_stage_has_slots_of_its_own() {
        for (stage, _) in STAGES {
            let one = step(stage);
            let running = STAGES.iter().filter(|(other, _)| slots(*other).oldest().is_some()).count();
            assert_eq!(running, 1, "{stage:?}");
            drop(one);
            assert_eq!(oldest(stage), Duration::ZERO);
        }
    }
}
