//! The limit of open streams, of the process and of each key.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The part of the streams that one key may have.
const SHARE: usize = 4;

/// Open streams by key.
#[derive(Clone)]
pub(crate) struct Streams {
    most: usize,
    open: Arc<Mutex<HashMap<String, usize>>>,
}

/// An open stream; dropping it ends that.
pub(crate) struct Permit {
    streams: Streams,
    key: String,
}

impl Streams {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, open: Arc::default() }
    }

    /// Admits a stream of this key, unless too many are open.
    pub(crate) fn admit(&self, key: &str) -> Option<Permit> {
        let mut open = self.lock();
        let all: usize = open.values().sum();
        let of_key = open.get(key).copied().unwrap_or(0);
        if all >= self.most || of_key >= self.most.div_ceil(SHARE) {
            return None;
        }
        open.insert(key.to_owned(), of_key + 1);
        Some(Permit { streams: self.clone(), key: key.to_owned() })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.streams.lock();
        if let Some(n) = open.get_mut(&self.key) {
            *n -= 1;
            if *n == 0 {
                open.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_at_most_a_quarter_of_the_streams_and_an_ended_stream_is_free_again() {
        let streams = Streams::new(8);
        let mut of_a: Vec<Permit> = (0..2).filter_map(|_| streams.admit("a")).collect();
        assert!(of_a.len() == 2 && streams.admit("a").is_none());
        let others: Vec<Permit> =
            ["b", "b", "c", "c", "d", "d"].iter().filter_map(|key| streams.admit(key)).collect();
        assert!(others.len() == 6 && streams.admit("e").is_none());
        of_a.pop();
        assert!(streams.admit("e").is_some());
        drop((of_a, others));
        assert!(streams.lock().is_empty());
    }
}
