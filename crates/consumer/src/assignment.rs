//! For which senders a worker works. Every worker decides this for itself, from the same list of living workers, so there is no leader
//! that could be lost.
//!
//! A sender with a rate needs few workers: each worker more asks PostgreSQL for permits that the others have, and holds blocks that an
//! urgent campaign then waits for. The workers of a sender are those with the highest score, a hash of both ids (rendezvous hashing,
//! Thaler and Ravishankar 1998). If a worker comes or goes, only its own senders move.

use std::collections::HashSet;

use campaign::{Rate, SenderId};
use sha2::{Digest, Sha256};
use store::LiveWorker;
use uuid::Uuid;

/// Requests per second that one worker makes alone for a sender with a rate: with the default of 300 open requests, while the provider
/// answers within three seconds. If a worker has no request left, another one joins it.
const PER_WORKER: f64 = 100.0;

/// The senders for which the worker `me` works. `all` are the living workers, `me` among them; at least `least` workers work for
/// each sender, if there are so many.
pub(crate) fn assigned(
    me: Uuid,
    all: &[LiveWorker],
    senders: impl Iterator<Item = (SenderId, Option<Rate>)>,
    least: usize,
) -> HashSet<SenderId> {
    let is_mine = |(sender, rate): &(SenderId, Option<Rate>)| works_for(me, all, (*sender, *rate), least);
    senders.filter(is_mine).map(|(sender, _)| sender).collect()
}

fn works_for(me: Uuid, all: &[LiveWorker], (sender, rate): (SenderId, Option<Rate>), least: usize) -> bool {
    let may_work = |worker: &&LiveWorker| worker.senders.as_ref().is_none_or(|only| only.contains(&sender));
    let able: Vec<&LiveWorker> = all.iter().filter(may_work).collect();
    let needed = rate.map_or(able.len(), |rate| {
        let full = able.iter().filter(|worker| worker.full_of.contains(&sender)).count();
        (of_rate(rate) + full).max(least)
    });
    let mine = score(me, sender);
    let before =
        able.iter().filter(|worker| worker.worker != me && score(worker.worker, sender) > mine).count();
    able.iter().any(|worker| worker.worker == me) && before < needed
}

/// How many workers a rate needs.
fn of_rate(rate: Rate) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "positive, and bounded")]
    let workers = (rate.per_second() / PER_WORKER).ceil().clamp(1.0, 10_000.0) as usize;
    workers
}

/// The same number in every build, so that workers of different versions agree.
fn score(worker: Uuid, sender: SenderId) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(worker.as_bytes());
    hash.update(sender.0.to_be_bytes());
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const SENDERS: i64 = 200;

    fn workers(n: u128) -> Vec<LiveWorker> {
        let worker = |n| LiveWorker { worker: Uuid::from_u128(n), senders: None, full_of: Vec::new() };
        (1..=n).map(worker).collect()
    }

    /// The workers of each sender, as each worker decides for itself.
    fn of_senders(all: &[LiveWorker], rate: Option<&str>, least: usize) -> BTreeMap<i64, Vec<Uuid>> {
        let rate = rate.map(|rate| rate.parse().unwrap());
        let mut workers: BTreeMap<i64, Vec<Uuid>> =
            (1..=SENDERS).map(|sender| (sender, Vec::new())).collect();
        for LiveWorker { worker, .. } in all {
            let senders = (1..=SENDERS).map(|sender| (SenderId(sender), rate));
            for sender in assigned(*worker, all, senders, least) {
                workers.entry(sender.0).or_default().push(*worker);
            }
        }
        workers
    }

    #[test]
    fn a_low_rate_has_one_worker_and_the_senders_are_spread() {
        let all = workers(8);
        let senders = of_senders(&all, Some("20/s"), 1);
        assert!(senders.values().all(|workers| workers.len() == 1), "{senders:?}");
        for LiveWorker { worker, .. } in &all {
            let n = senders.values().filter(|workers| workers.contains(worker)).count();
            assert!((10..=45).contains(&n), "{worker} works for {n} of {SENDERS} senders");
        }
    }

    #[test]
    fn a_high_rate_has_as_many_workers_as_it_needs_and_no_rate_has_all() {
        let of = |rate, least| {
            of_senders(&workers(8), rate, least).into_values().map(|all| all.len()).max().unwrap()
        };
        assert_eq!(of(Some("100/s"), 1), 1);
        assert_eq!(of(Some("101/s"), 1), 2);
        assert_eq!(of(Some("250/s"), 1), 3);
        assert_eq!(of(Some("5000/s"), 1), 8);
        assert_eq!(of(Some("1/s"), 3), 3);
        assert_eq!(of(Some("1/s"), 30), 8);
        assert_eq!(of(None, 1), 8);
    }

    #[test]
    fn if_a_worker_comes_or_goes_only_its_own_senders_move() {
        let before = of_senders(&workers(7), Some("20/s"), 2);
        let after = of_senders(&workers(8), Some("20/s"), 2);
        let new = Uuid::from_u128(8);
        for (sender, workers) in &before {
            let left = workers.iter().filter(|worker| !after[sender].contains(worker)).count();
            assert_eq!(left, usize::from(after[sender].contains(&new)), "sender {sender}");
        }
    }

    #[test]
    fn a_worker_without_a_free_request_gets_help() {
        let mut all = workers(8);
        let alone = of_senders(&all, Some("20/s"), 1)[&7][0];
        for worker in all.iter_mut().filter(|worker| worker.worker == alone) {
            worker.full_of = vec![SenderId(7)];
        }
        let senders = of_senders(&all, Some("20/s"), 1);
        assert_eq!((senders[&7].len(), senders[&8].len()), (2, 1));
    }

    #[test]
    fn workers_of_other_senders_are_not_counted() {
        let mut all = workers(3);
        all[0].senders = Some(vec![SenderId(1)]);
        all[1].senders = Some(vec![SenderId(2)]);
        let senders = of_senders(&all[..2], Some("20/s"), 1);
        assert_eq!((senders[&1].len(), senders[&2].len(), senders[&3].len()), (1, 1, 0));
        assert_eq!(of_senders(&all, Some("20/s"), 1)[&3], [all[2].worker]);
    }
}
