//! The memory that bodies of posts may take: of posts whose bytes still arrive, and of posts that wait for their commit.
//!
//! **Invariants.**
//! - Memory is taken as bytes arrive. An announced length takes none.
//! - If the memory is full, a post that is not checked yet is evicted: the one with the largest product of the bytes of its share
//!   and its age. A share is what one network (`address::network`) sends to one sender. So slow posts are evicted before fast ones,
//!   and networks that send much before networks that send little.
//! - A post that was checked and waits for its commit is never evicted.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use campaign::SenderId;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What one network sends to one sender.
type Share = (SenderId, IpAddr);

/// The memory of all posts, in bytes.
pub(crate) struct Memory {
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    used: usize,
    next: u64,
    arriving: HashMap<u64, Arriving>,
    /// The bytes of posts that arrive, by share.
    shares: HashMap<Share, usize>,
}

struct Arriving {
    share: Share,
    bytes: usize,
    since: Instant,
    evicted: CancellationToken,
}

/// A post whose bytes arrive. Its memory is free again when this is dropped.
pub(crate) struct Arrival {
    memory: Arc<Memory>,
    id: u64,
    evicted: CancellationToken,
}

/// The memory of a post that was checked. It is free again when this is dropped.
pub(crate) struct Kept {
    memory: Arc<Memory>,
    bytes: usize,
}

/// There is no memory for this post now; the provider posts it again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Memory {
    /// `most` bytes for all posts together.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, state: Mutex::default() })
    }

    /// A post to this sender, from this network, that begins to arrive.
    pub(crate) fn arrival(self: &Arc<Self>, sender: SenderId, network: IpAddr, now: Instant) -> Arrival {
        let (share, evicted) = ((sender, network), CancellationToken::new());
        let mut state = self.lock();
        let id = state.next;
        state.next += 1;
        state.arriving.insert(id, Arriving { share, bytes: 0, since: now, evicted: evicted.clone() });
        Arrival { memory: Arc::clone(self), id, evicted }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Arrival {
    /// Takes memory for `bytes` more. Other posts are evicted for it, or this one is.
    pub(crate) fn take(&self, bytes: usize, now: Instant) -> Result<(), Full> {
        let mut state = self.memory.lock();
        state.make_space(bytes, self.memory.most, Some(self.id), now)?;
        let Some(arriving) = state.arriving.get_mut(&self.id) else { return Err(Full) };
        arriving.bytes += bytes;
        let share = arriving.share;
        *state.shares.entry(share).or_default() += bytes;
        state.used += bytes;
        Ok(())
    }

    /// Returns when this post is evicted.
    pub(crate) async fn evicted(&self) {
        self.evicted.cancelled().await;
    }

    /// The post was checked: its memory is kept until it is committed.
    pub(crate) fn keep(self) -> Result<Kept, Full> {
        let mut state = self.memory.lock();
        let bytes = state.arriving.get(&self.id).ok_or(Full)?.bytes;
        state.end(self.id);
        state.used += bytes;
        drop(state);
        Ok(Kept { memory: Arc::clone(&self.memory), bytes })
    }
}

impl Kept {
    /// Takes memory for `bytes` more, as a body grows while it is decoded. Posts that are not checked are evicted for it.
    pub(crate) fn take(&mut self, bytes: usize, now: Instant) -> Result<(), Full> {
        let mut state = self.memory.lock();
        state.make_space(bytes, self.memory.most, None, now)?;
        state.used += bytes;
        self.bytes += bytes;
        Ok(())
    }

    /// Gives `bytes` back, of a body that was decoded.
    pub(crate) fn give_back(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.memory.lock().used -= bytes;
        self.bytes -= bytes;
    }
}

impl State {
    /// Evicts posts until there is space for `bytes` more; if `taker` is the first to evict, there is none for it.
    fn make_space(
        &mut self,
        bytes: usize,
        most: usize,
        taker: Option<u64>,
        now: Instant,
    ) -> Result<(), Full> {
        while self.used.saturating_add(bytes) > most {
            match self.first_to_evict(now) {
                Some(id) if Some(id) != taker => self.end(id),
                _ => {
                    if let Some(taker) = taker {
                        self.end(taker);
                    }
                    return Err(Full);
                }
            }
        }
        Ok(())
    }

    fn first_to_evict(&self, now: Instant) -> Option<u64> {
        let weight = |arriving: &Arriving| {
            let share = self.shares.get(&arriving.share).copied().unwrap_or(0);
            // Of two posts with the same weight the older one is evicted.
            (
                share as u128 * now.duration_since(arriving.since).as_micros(),
                std::cmp::Reverse(arriving.since),
            )
        };
        let holding = self.arriving.iter().filter(|(_, arriving)| arriving.bytes > 0);
        holding.max_by_key(|(_, arriving)| weight(arriving)).map(|(id, _)| *id)
    }

    /// Ends an arrival and frees its memory.
    fn end(&mut self, id: u64) {
        let Some(Arriving { share, bytes, evicted, .. }) = self.arriving.remove(&id) else { return };
        evicted.cancel();
        self.used -= bytes;
        if let Some(left) = self.shares.get_mut(&share) {
            *left -= bytes;
            if *left == 0 {
                self.shares.remove(&share);
            }
        }
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        self.memory.lock().end(self.id);
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.memory.lock().used -= self.bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const MIB: usize = 1024 * 1024;

    fn from(n: u8) -> IpAddr {
        IpAddr::from([203, 0, 113, n])
    }

    fn used(memory: &Memory) -> usize {
        memory.lock().used
    }

    #[test]
    fn slow_posts_of_any_number_of_networks_are_evicted_for_a_post_that_arrives_at_once() {
        for networks in [1, 8, 64] {
            let (memory, began) = (Memory::new(64 * MIB), Instant::now());
            let slow: Vec<Arrival> =
                (0..64).map(|n| memory.arrival(SenderId(1), from(n % networks), began)).collect();
            for arrival in &slow {
                arrival.take(MIB, began).unwrap();
            }
            let now = began + Duration::from_secs(5);
            let fast = memory.arrival(SenderId(2), from(99), now);
            let same = memory.arrival(SenderId(1), from(0), now);
            for n in 0..20 {
                let now = now + Duration::from_millis(n);
                fast.take(100_000, now).unwrap();
                same.take(100_000, now).unwrap();
            }
            let kept = [fast.keep().unwrap(), same.keep().unwrap()];
            assert_eq!(slow.iter().filter(|arrival| arrival.evicted.is_cancelled()).count(), 4);
            drop((kept, slow));
            assert_eq!(used(&memory), 0);
        }
    }

    #[test]
    fn a_post_that_sends_nothing_takes_no_memory_and_a_checked_post_is_never_evicted() {
        let (memory, now) = (Memory::new(10), Instant::now());
        let silent: Vec<Arrival> = (0..100).map(|n| memory.arrival(SenderId(1), from(n), now)).collect();
        let arrival = memory.arrival(SenderId(1), from(1), now);
        arrival.take(8, now).unwrap();
        let kept = arrival.keep().unwrap();
        let later = now + Duration::from_secs(9);
        let next = memory.arrival(SenderId(1), from(2), later);
        assert_eq!(next.take(3, later), Err(Full));
        assert_eq!(next.take(1, later), Err(Full), "it was evicted itself");
        drop(kept);
        // A body that grows while it is decoded takes the memory of posts that are not checked.
        let arrival = memory.arrival(SenderId(1), from(1), now);
        arrival.take(2, now).unwrap();
        let mut kept = arrival.keep().unwrap();
        let next = memory.arrival(SenderId(1), from(2), later);
        next.take(8, later).unwrap();
        kept.take(5, later).unwrap();
        assert!(next.evicted.is_cancelled() && used(&memory) == 7);
        assert_eq!(kept.take(4, later), Err(Full));
        kept.give_back(2);
        assert_eq!(used(&memory), 5);
        drop(kept);
        let next = memory.arrival(SenderId(1), from(2), later);
        next.take(10, later).unwrap();
        drop((next, silent));
        assert_eq!(used(&memory), 0);
    }
}
