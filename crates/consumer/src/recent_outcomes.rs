//! The outcomes that this process recorded lately. PostgreSQL may lose their commits, and then they are recorded again
//! (`lost_commits.rs`).
//!
//! Invariant: an outcome is kept before its permit of the recipients in flight is released, so what is not in flight is kept.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use campaign::{CampaignId, SenderId, Seq};
use store::RecordedOutcome;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// How long an outcome is kept: longer than a standby is usually behind.
const KEPT_FOR: Duration = Duration::from_mins(10);
/// The most outcomes, which take about 25 MB.
const MOST: usize = 100_000;

/// An outcome, numbered in the order of the commits.
#[derive(Clone, Debug)]
pub(crate) struct RecentOutcome {
    pub(crate) number: u64,
    pub(crate) sender: SenderId,
    pub(crate) campaign: CampaignId,
    pub(crate) outcome: RecordedOutcome,
}

/// The recent outcomes of all senders of this process.
#[derive(Debug)]
pub(crate) struct RecentOutcomes {
    kept: Mutex<Kept>,
    in_flight: Mutex<Vec<(Weak<Semaphore>, usize)>>,
}

#[derive(Debug)]
struct Kept {
    outcomes: VecDeque<(Instant, RecentOutcome)>,
    /// The number of the next outcome.
    next: u64,
    /// From this time on every outcome is kept.
    since: Instant,
}

impl RecentOutcomes {
    /// None yet.
    pub(crate) fn new(now: Instant) -> Self {
        let kept = Kept { outcomes: VecDeque::new(), next: 1, since: now };
        Self { kept: Mutex::new(kept), in_flight: Mutex::default() }
    }

    /// The permits of the recipients in flight of one sender worker, of this many.
    pub(crate) fn follow(&self, permits: Weak<Semaphore>, most: u16) {
        let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        in_flight.retain(|(permits, _)| permits.strong_count() > 0);
        in_flight.push((permits, most.into()));
    }

    /// Whether no recipient is between claim and record.
    pub(crate) fn is_idle(&self) -> bool {
        let in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        in_flight.iter().all(|(permits, most)| {
            permits.upgrade().is_none_or(|permits| permits.available_permits() >= *most)
        })
    }

    /// Keeps the outcomes after which nobody is sent to again.
    pub(crate) fn keep(
        &self,
        now: Instant,
        sender: SenderId,
        outcomes: impl IntoIterator<Item = (CampaignId, RecordedOutcome)>,
    ) {
        let mut kept = self.lock();
        for (campaign, outcome) in outcomes.into_iter().filter(|(_, outcome)| outcome.is_kept()) {
            let number = kept.next;
            kept.next += 1;
            kept.outcomes.push_back((now, RecentOutcome { number, sender, campaign, outcome }));
        }
        kept.forget_old(now);
    }

    /// The next outcomes after this number.
    pub(crate) fn after(&self, number: u64, at_most: usize) -> Vec<RecentOutcome> {
        let kept = self.lock();
        let from = kept.outcomes.partition_point(|(_, outcome)| outcome.number <= number);
        kept.outcomes.range(from..).take(at_most).map(|(_, outcome)| outcome.clone()).collect()
    }

    /// For how long all outcomes are known.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.lock().since)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn forget_old(&mut self, now: Instant) {
        while let Some((at, _)) = self.outcomes.front()
            && (now.saturating_duration_since(*at) > KEPT_FOR || self.outcomes.len() > MOST)
        {
            self.since = *at;
            self.outcomes.pop_front();
        }
    }
}

/// The outcomes of one statement: of one campaign, each of another recipient.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) of: (SenderId, CampaignId),
    pub(crate) outcomes: Vec<RecordedOutcome>,
}

/// Divides outcomes so that two outcomes of a recipient stay in their order.
pub(crate) fn groups(outcomes: Vec<RecentOutcome>) -> Vec<Group> {
    let mut groups: Vec<(Group, HashSet<Seq>)> = Vec::new();
    let mut last: HashMap<(SenderId, CampaignId), usize> = HashMap::new();
    for RecentOutcome { sender, campaign, outcome, .. } in outcomes {
        let of = (sender, campaign);
        let open = last.get(&of).and_then(|place| groups.get_mut(*place));
        if let Some((group, seqs)) = open.filter(|(_, seqs)| !seqs.contains(&outcome.seq)) {
            seqs.insert(outcome.seq);
            group.outcomes.push(outcome);
        } else {
            last.insert(of, groups.len());
            let seqs = HashSet::from([outcome.seq]);
            groups.push((Group { of, outcomes: vec![outcome] }, seqs));
        }
    }
    groups.into_iter().map(|(group, _)| group).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use campaign::{ClaimId, Outcome, Reason};
    use jiff::Timestamp;
    use store::RequestRecord;

    use super::*;

    fn outcome(claim: i64, seq: i32, outcome: Outcome) -> RecordedOutcome {
        let request = RequestRecord {
            sent_at: Timestamp::UNIX_EPOCH,
            latency: Duration::ZERO,
            http_status: Some(200),
            wa_id: None,
            window_closed: false,
        };
        RecordedOutcome { claim: ClaimId(claim), seq: Seq(seq), outcome, request: Some(request) }
    }

    fn accepted(claim: i64, seq: i32) -> RecordedOutcome {
        outcome(claim, seq, Outcome::Accepted { provider_message_id: "id".into() })
    }

    fn keep(recent: &RecentOutcomes, now: Instant, campaign: i64, outcomes: Vec<RecordedOutcome>) {
        recent.keep(now, SenderId(1), outcomes.into_iter().map(|outcome| (CampaignId(campaign), outcome)));
    }

    fn seqs(recent: &RecentOutcomes, after: u64) -> Vec<i32> {
        recent.after(after, 10).iter().map(|recent| recent.outcome.seq.0).collect()
    }

    #[test]
    fn outcomes_are_kept_for_ten_minutes_and_only_those_that_end() {
        let begun = Instant::now();
        let recent = RecentOutcomes::new(begun);
        let reason = Reason { code: "test".into(), text: "test".into() };
        let retry = Outcome::Retry { after: Duration::ZERO, counted: true, reason: reason.clone() };
        let not_rendered = RecordedOutcome { request: None, ..outcome(1, 9, Outcome::Failed { reason }) };
        keep(&recent, begun, 1, vec![accepted(1, 1), outcome(1, 2, retry), not_rendered]);
        let later = begun + Duration::from_mins(6);
        keep(&recent, later, 1, vec![accepted(2, 3)]);
        assert_eq!((seqs(&recent, 0), seqs(&recent, 1)), (vec![1, 3], vec![3]));
        assert_eq!(recent.age(later), Duration::from_mins(6));
        keep(&recent, begun + Duration::from_mins(11), 1, vec![]);
        assert_eq!(seqs(&recent, 0), [3]);
        assert_eq!(recent.age(begun + Duration::from_mins(11)), Duration::from_mins(11));
        keep(&recent, later + Duration::from_mins(11), 1, vec![]);
        assert_eq!(
            (seqs(&recent, 0), recent.age(later + Duration::from_mins(11))),
            (vec![], Duration::from_mins(11))
        );
    }

    #[test]
    fn the_number_of_outcomes_is_limited_and_what_is_missing_is_known() {
        let begun = Instant::now();
        let recent = RecentOutcomes::new(begun);
        let many = (1..=i32::try_from(MOST).unwrap() + 5).map(|seq| accepted(1, seq)).collect();
        let later = begun + Duration::from_secs(5);
        keep(&recent, later, 1, many);
        assert_eq!(recent.lock().outcomes.len(), MOST);
        assert_eq!(seqs(&recent, 0).first(), Some(&6));
        assert_eq!(recent.age(later), Duration::ZERO);
    }

    #[test]
    fn two_outcomes_of_a_recipient_are_in_two_groups_in_their_order() {
        let recent = RecentOutcomes::new(Instant::now());
        for (campaign, claim, seq) in [(1, 1, 1), (1, 1, 2), (2, 2, 1), (1, 3, 1), (1, 3, 3), (2, 4, 2)] {
            keep(&recent, Instant::now(), campaign, vec![accepted(claim, seq)]);
        }
        let divided: Vec<(i64, Vec<(i64, i32)>)> = groups(recent.after(0, 10))
            .iter()
            .map(|group| {
                let outcomes = group.outcomes.iter().map(|outcome| (outcome.claim.0, outcome.seq.0));
                (group.of.1.0, outcomes.collect())
            })
            .collect();
        assert_eq!(
            divided,
            [(1, vec![(1, 1), (1, 2)]), (2, vec![(2, 1), (4, 2)]), (1, vec![(3, 1), (3, 3)])]
        );
    }

    #[test]
    fn a_worker_is_idle_if_no_recipient_of_any_sender_is_in_flight() {
        let recent = RecentOutcomes::new(Instant::now());
        assert!(recent.is_idle());
        let (one, other) = (Arc::new(Semaphore::new(2)), Arc::new(Semaphore::new(1)));
        recent.follow(Arc::downgrade(&one), 2);
        recent.follow(Arc::downgrade(&other), 1);
        assert!(recent.is_idle());
        let permit = Arc::clone(&other).try_acquire_owned().unwrap();
        assert!(!recent.is_idle());
        drop((permit, one));
        assert!(recent.is_idle());
    }
}
