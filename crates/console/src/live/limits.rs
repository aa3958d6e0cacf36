//! The limit of open streams, of the process and of each session.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The most streams of a process.
const MOST: usize = 512;
/// The most streams of a session.
const OF_SESSION: usize = 4;

/// Open streams by session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams(Arc<Mutex<HashMap<i64, usize>>>);

/// An open stream; dropping it ends that.
#[derive(Debug)]
pub(crate) struct Permit {
    streams: Streams,
    session: i64,
}

impl Streams {
    /// Admits a stream of this session, unless too many are open.
    pub(crate) fn admit(&self, session: i64) -> Option<Permit> {
        let mut open = self.lock();
        let all: usize = open.values().sum();
        let own = open.get(&session).copied().unwrap_or(0);
        if all >= MOST || own >= OF_SESSION {
            return None;
        }
        open.insert(session, own + 1);
        Some(Permit { streams: self.clone(), session })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<i64, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.streams.lock();
        if let Some(n) = open.get_mut(&self.session) {
            *n -= 1;
            if *n == 0 {
                open.remove(&self.session);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_4_streams_a_process_512_and_an_ended_stream_is_free_again() {
        let streams = Streams::default();
        let mut own: Vec<Permit> = (0..4).filter_map(|_| streams.admit(1)).collect();
        assert!(own.len() == 4 && streams.admit(1).is_none());
        let others: Vec<Permit> =
            (2..200).flat_map(|session| [session; 4]).filter_map(|session| streams.admit(session)).collect();
        assert!(others.len() == 508 && streams.admit(1_000).is_none());
        own.pop();
        assert!(streams.admit(1_000).is_some());
        drop((own, others));
        assert!(streams.lock().is_empty());
    }
}
