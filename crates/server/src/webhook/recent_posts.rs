//! The rows of the webhook requests that were answered 200 lately. PostgreSQL may lose their commits, and the providers do not repeat them,
//! so they are stored again (`background/lost_posts.rs`).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use store::Ingest;
use tokio::time::Instant;

/// How long rows are kept: longer than a standby is usually behind.
const KEPT_FOR: Duration = Duration::from_mins(10);
/// The most bytes.
const MOST: usize = 32 * 1024 * 1024;
/// The memory of a row without its body, about.
const ROW: usize = 400;

/// The rows of recent commits.
#[derive(Debug, Default)]
pub(crate) struct RecentPosts(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    commits: VecDeque<Commit>,
    /// How many commits were kept so far.
    last: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Commit {
    at: Instant,
    number: u64,
    bytes: usize,
    rows: Arc<Ingest>,
}

impl RecentPosts {
    /// Keeps the rows of a commit. Counts are left out, because storing them again would count twice what was not lost.
    pub(crate) fn keep(&self, now: Instant, mut rows: Ingest) {
        rows.counts.clear();
        if rows.is_empty() {
            return;
        }
        let bytes = rows.len() * ROW + rows.bodies.iter().map(|body| body.body.len()).sum::<usize>();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.last += 1;
        kept.bytes += bytes;
        let number = kept.last;
        kept.commits.push_back(Commit { at: now, number, bytes, rows: Arc::new(rows) });
        kept.forget_old(now);
    }

    /// The next commit after this number, with its own number.
    pub(crate) fn after(&self, number: u64) -> Option<(u64, Arc<Ingest>)> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = kept.commits.partition_point(|commit| commit.number <= number);
        kept.commits.get(place).map(|commit| (commit.number, Arc::clone(&commit.rows)))
    }
}

impl Kept {
    fn forget_old(&mut self, now: Instant) {
        while let Some(Commit { at, bytes, .. }) = self.commits.front()
            && (now.saturating_duration_since(*at) > KEPT_FOR || self.bytes > MOST)
        {
            self.bytes -= bytes;
            self.commits.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use campaign::SenderId;
    use store::RawBody;
    use uuid::Uuid;

    use super::*;

    fn post(length: usize) -> Ingest {
        let body = Bytes::from(vec![b'x'; length]);
        Ingest {
            bodies: vec![RawBody { sender: SenderId(1), digest: Uuid::nil(), body }],
            ..Ingest::default()
        }
    }

    fn numbers(posts: &RecentPosts) -> Vec<u64> {
        std::iter::successors(posts.after(0), |(number, _)| posts.after(*number))
            .map(|(number, _)| number)
            .collect()
    }

    #[test]
    fn posts_are_kept_for_ten_minutes_without_their_counts() {
        let (posts, begun) = (RecentPosts::default(), Instant::now());
        let counts = [((SenderId(1), "unknown"), 1)].into();
        posts.keep(begun, Ingest { counts, ..Ingest::default() });
        assert_eq!(numbers(&posts), [0; 0]);
        posts.keep(begun, post(1));
        posts.keep(begun + Duration::from_mins(9), post(1));
        assert_eq!(numbers(&posts), [1, 2]);
        posts.keep(begun + Duration::from_mins(11), post(1));
        assert_eq!(numbers(&posts), [2, 3]);
    }

    #[test]
    fn the_memory_of_posts_is_limited() {
        let (posts, now) = (RecentPosts::default(), Instant::now());
        for _ in 0..5 {
            posts.keep(now, post(MOST / 4));
        }
        assert_eq!(numbers(&posts), [3, 4, 5]);
    }
}
