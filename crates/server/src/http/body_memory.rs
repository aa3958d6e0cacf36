//! The memory for bodies of webhook requests: bodies that are being received, and bodies that wait for their commit.
//!
//! **Invariants.**
//! - Memory is reserved as bytes arrive. An announced length reserves none.
//! - If the memory is used up, a body that is not authenticated yet is evicted: the one with the largest product of the bytes of
//!   its share and its age. A share is what one network (`client_address::network`) sends to one sender. Slow bodies are
//!   therefore evicted before fast ones, and networks that send much before networks that send little.
//! - A body that was authenticated and waits for its commit is never evicted.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use campaign::SenderId;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The bodies that one network sends to one sender.
type Share = (SenderId, IpAddr);

/// The memory of all bodies, in bytes.
pub(crate) struct BodyMemory {
    max_bytes: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    used: usize,
    next: u64,
    arriving: HashMap<u64, Arriving>,
    /// The bytes of bodies that are being received, by share.
    shares: HashMap<Share, usize>,
}

struct Arriving {
    share: Share,
    bytes: usize,
    since: Instant,
    evicted: CancellationToken,
}

/// A body that is being received. Dropping this value frees the memory.
pub(crate) struct ArrivingBody {
    memory: Arc<BodyMemory>,
    id: u64,
    evicted: CancellationToken,
}

/// The memory of an authenticated body. Dropping this value frees the memory.
pub(crate) struct AuthenticatedBody {
    memory: Arc<BodyMemory>,
    bytes: usize,
}

/// The memory for bodies is used up; the provider repeats the request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OutOfMemory;

impl BodyMemory {
    /// `max_bytes` for all bodies together.
    pub(crate) fn new(max_bytes: usize) -> Arc<Self> {
        Arc::new(Self { max_bytes, state: Mutex::default() })
    }

    /// Begins a body to this sender from this network.
    pub(crate) fn begin(self: &Arc<Self>, sender: SenderId, network: IpAddr, now: Instant) -> ArrivingBody {
        let (share, evicted) = ((sender, network), CancellationToken::new());
        let mut state = self.lock();
        let id = state.next;
        state.next += 1;
        state.arriving.insert(id, Arriving { share, bytes: 0, since: now, evicted: evicted.clone() });
        ArrivingBody { memory: Arc::clone(self), id, evicted }
    }

    /// The bytes in use.
    pub(crate) fn used(&self) -> usize {
        self.lock().used
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ArrivingBody {
    /// Reserves memory for `bytes` more. If necessary, other bodies are evicted, or this one.
    pub(crate) fn reserve(&self, bytes: usize, now: Instant) -> Result<(), OutOfMemory> {
        let mut state = self.memory.lock();
        state.make_space(bytes, self.memory.max_bytes, Some(self.id), now)?;
        let Some(arriving) = state.arriving.get_mut(&self.id) else { return Err(OutOfMemory) };
        arriving.bytes += bytes;
        let share = arriving.share;
        *state.shares.entry(share).or_default() += bytes;
        state.used += bytes;
        Ok(())
    }

    /// Returns when this body is evicted.
    pub(crate) async fn evicted(&self) {
        self.evicted.cancelled().await;
    }

    /// Marks the body as authenticated: it is not evicted any more.
    pub(crate) fn into_authenticated(self) -> Result<AuthenticatedBody, OutOfMemory> {
        let mut state = self.memory.lock();
        let bytes = state.arriving.get(&self.id).ok_or(OutOfMemory)?.bytes;
        state.end(self.id);
        state.used += bytes;
        drop(state);
        Ok(AuthenticatedBody { memory: Arc::clone(&self.memory), bytes })
    }
}

impl AuthenticatedBody {
    /// Reserves memory for `bytes` more, as a body grows while it is decoded. If necessary, bodies that are not authenticated are
    /// evicted.
    pub(crate) fn reserve(&mut self, bytes: usize, now: Instant) -> Result<(), OutOfMemory> {
        let mut state = self.memory.lock();
        state.make_space(bytes, self.memory.max_bytes, None, now)?;
        state.used += bytes;
        self.bytes += bytes;
        Ok(())
    }

    /// Frees `bytes` of the memory.
    pub(crate) fn release(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.memory.lock().used -= bytes;
        self.bytes -= bytes;
    }
}

impl State {
    /// Evicts bodies until there is memory for `bytes` more. If `reserving` itself is the first to evict, it gets no memory.
    fn make_space(
        &mut self,
        bytes: usize,
        max_bytes: usize,
        reserving: Option<u64>,
        now: Instant,
    ) -> Result<(), OutOfMemory> {
        while self.used.saturating_add(bytes) > max_bytes {
            match self.first_to_evict(now) {
                Some(id) if Some(id) != reserving => self.end(id),
                _ => {
                    if let Some(reserving) = reserving {
                        self.end(reserving);
                    }
                    return Err(OutOfMemory);
                }
            }
        }
        Ok(())
    }

    fn first_to_evict(&self, now: Instant) -> Option<u64> {
        let weight = |arriving: &Arriving| {
            let share = self.shares.get(&arriving.share).copied().unwrap_or(0);
            // Of two bodies with the same weight, the older one is evicted.
            (
                share as u128 * now.duration_since(arriving.since).as_micros(),
                std::cmp::Reverse(arriving.since),
            )
        };
        let holding = self.arriving.iter().filter(|(_, arriving)| arriving.bytes > 0);
        holding.max_by_key(|(_, arriving)| weight(arriving)).map(|(id, _)| *id)
    }

    /// Ends a body that is being received, and frees its memory.
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

impl Drop for ArrivingBody {
    fn drop(&mut self) {
        self.memory.lock().end(self.id);
    }
}

impl Drop for AuthenticatedBody {
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

    fn used(memory: &BodyMemory) -> usize {
        memory.lock().used
    }

    #[test]
    fn slow_bodies_from_any_number_of_networks_are_evicted_for_a_fast_body() {
        for networks in [1, 8, 64] {
            let (memory, began) = (BodyMemory::new(64 * MIB), Instant::now());
            let slow: Vec<ArrivingBody> =
                (0..64).map(|n| memory.begin(SenderId(1), from(n % networks), began)).collect();
            for arrival in &slow {
                arrival.reserve(MIB, began).unwrap();
            }
            let now = began + Duration::from_secs(5);
            let fast = memory.begin(SenderId(2), from(99), now);
            let same = memory.begin(SenderId(1), from(0), now);
            for n in 0..20 {
                let now = now + Duration::from_millis(n);
                fast.reserve(100_000, now).unwrap();
                same.reserve(100_000, now).unwrap();
            }
            let kept = [fast.into_authenticated().unwrap(), same.into_authenticated().unwrap()];
            assert_eq!(slow.iter().filter(|arrival| arrival.evicted.is_cancelled()).count(), 4);
            drop((kept, slow));
            assert_eq!(used(&memory), 0);
        }
    }

    #[test]
    fn a_silent_body_takes_no_memory_and_an_authenticated_body_is_never_evicted() {
        let (memory, now) = (BodyMemory::new(10), Instant::now());
        let silent: Vec<ArrivingBody> = (0..100).map(|n| memory.begin(SenderId(1), from(n), now)).collect();
        let arrival = memory.begin(SenderId(1), from(1), now);
        arrival.reserve(8, now).unwrap();
        let kept = arrival.into_authenticated().unwrap();
        let later = now + Duration::from_secs(9);
        let next = memory.begin(SenderId(1), from(2), later);
        assert_eq!(next.reserve(3, later), Err(OutOfMemory));
        assert_eq!(next.reserve(1, later), Err(OutOfMemory), "it was evicted itself");
        drop(kept);
        // A body that grows while it is decoded evicts bodies that are not authenticated.
        let arrival = memory.begin(SenderId(1), from(1), now);
        arrival.reserve(2, now).unwrap();
        let mut kept = arrival.into_authenticated().unwrap();
        let next = memory.begin(SenderId(1), from(2), later);
        next.reserve(8, later).unwrap();
        kept.reserve(5, later).unwrap();
        assert!(next.evicted.is_cancelled() && used(&memory) == 7);
        assert_eq!(kept.reserve(4, later), Err(OutOfMemory));
        kept.release(2);
        assert_eq!(used(&memory), 5);
        drop(kept);
        let next = memory.begin(SenderId(1), from(2), later);
        next.reserve(10, later).unwrap();
        drop((next, silent));
        assert_eq!(used(&memory), 0);
    }
}
