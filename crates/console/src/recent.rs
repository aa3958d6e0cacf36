//! People who were here a short time ago, so that a page can show its last numbers while PostgreSQL does not answer.
//!
//! **Invariant.** A remembered person only reads what this process has in memory. Every action asks PostgreSQL.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::viewer::Viewer;

/// A person is remembered for this time after a request.
const KEPT: Duration = Duration::from_mins(5);
/// The most people who are remembered.
const MOST: usize = 1_024;

type People = HashMap<[u8; 32], (Instant, Viewer)>;

/// The people by the hash of their token. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Recent(Arc<Mutex<People>>);

impl Recent {
    /// Remembers the person of a token.
    pub(crate) fn note(&self, token: &str, viewer: &Viewer, now: Instant) {
        let mut people = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if people.len() >= MOST {
            people.retain(|_, (at, _)| now.duration_since(*at) < KEPT);
        }
        if people.len() < MOST {
            people.insert(hash(token), (now, viewer.clone()));
        }
    }

    /// Forgets a session that is not valid any more.
    pub(crate) fn forget(&self, token: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&hash(token));
    }

    /// The person of a token, if it was valid a short time ago.
    pub(crate) fn find(&self, token: &str, now: Instant) -> Option<Viewer> {
        let people = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = people.get(&hash(token)).filter(|(at, _)| now.duration_since(*at) < KEPT);
        found.map(|(_, viewer)| viewer.clone())
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::viewer::tests::viewer;

    #[test]
    fn a_person_is_remembered_for_five_minutes_and_not_after_the_session_has_ended() {
        let (recent, now) = (Recent::default(), Instant::now());
        recent.note("token", &viewer(), now);
        assert!(recent.find("token", now).is_some() && recent.find("other", now).is_none());
        assert!(recent.find("token", now + KEPT).is_none());
        recent.forget("token");
        assert!(recent.find("token", now).is_none());
    }
}
