//! The request rate of API keys, per server process.
//!
//! Each key has two token buckets: one for all requests in a minute, and one for writes in a second. Headers as in
//! draft-ietf-httpapi-ratelimit-headers-10.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// Buckets that were not used for so long are full, and forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(2);
/// Forgetting is tried when there are so many keys.
const MANY: usize = 1_000;

/// The buckets of all keys.
pub(crate) struct RateLimits {
    requests: Quota,
    writes: Quota,
    keys: Mutex<HashMap<String, Buckets>>,
}

/// How many requests in which time.
#[derive(Clone, Copy, Debug)]
struct Quota {
    name: &'static str,
    requests: u32,
    window: Duration,
}

struct Buckets {
    requests: Bucket,
    writes: Bucket,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

/// What is left of a quota after a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Left {
    name: &'static str,
    /// Requests that may be made at once.
    remaining: u32,
    /// Seconds until the quota is whole again.
    reset: u64,
    /// Seconds until the next request is admitted; 0 if this one is.
    pub(crate) wait: u64,
}

impl RateLimits {
    pub(crate) fn new(requests_per_minute: u32, writes_per_second: u32) -> Self {
        Self {
            requests: Quota {
                name: "requests",
                requests: requests_per_minute,
                window: Duration::from_mins(1),
            },
            writes: Quota { name: "writes", requests: writes_per_second, window: Duration::from_secs(1) },
            keys: Mutex::default(),
        }
    }

    /// Takes a token for a request of this key. The result is that of the quota that refuses the request, or of the quota for
    /// all requests.
    pub(crate) fn take(&self, key: &str, is_write: bool, now: Instant) -> Left {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= MANY && !keys.contains_key(key) {
            keys.retain(|_, buckets| now.duration_since(buckets.requests.at) < FORGOTTEN_AFTER);
        }
        let buckets = keys.entry(key.to_owned()).or_insert_with(|| Buckets {
            requests: Bucket { tokens: f64::from(self.requests.requests), at: now },
            writes: Bucket { tokens: f64::from(self.writes.requests), at: now },
        });
        buckets.requests.fill(self.requests, now);
        buckets.writes.fill(self.writes, now);
        if is_write && buckets.writes.tokens < 1.0 {
            return buckets.writes.left(self.writes);
        }
        if buckets.requests.tokens < 1.0 {
            return buckets.requests.left(self.requests);
        }
        buckets.requests.tokens -= 1.0;
        if is_write {
            buckets.writes.tokens -= 1.0;
        }
        Left { wait: 0, ..buckets.requests.left(self.requests) }
    }

    /// Adds the headers about the quotas.
    pub(crate) fn add_headers(&self, left: Left, headers: &mut HeaderMap) {
        let policy =
            |quota: Quota| format!("\"{}\";q={};w={}", quota.name, quota.requests, quota.window.as_secs());
        let policies = format!("{}, {}", policy(self.requests), policy(self.writes));
        let state = format!("\"{}\";r={};t={}", left.name, left.remaining, left.reset);
        for (name, value) in [(POLICY, policies), (LIMIT, state)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }
}

impl Quota {
    fn per_second(self) -> f64 {
        f64::from(self.requests) / self.window.as_secs_f64()
    }
}

impl Bucket {
    fn fill(&mut self, quota: Quota, now: Instant) {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + since * quota.per_second()).min(f64::from(quota.requests));
        self.at = now;
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small, not negative")]
    fn left(self, quota: Quota) -> Left {
        let seconds = |tokens: f64| (tokens.max(0.0) / quota.per_second()).ceil() as u64;
        Left {
            name: quota.name,
            remaining: self.tokens as u32,
            reset: seconds(f64::from(quota.requests) - self.tokens),
            wait: seconds(1.0 - self.tokens).max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_refused_above_its_rate_and_admitted_again_later() {
        let (limits, now) = (RateLimits::new(60, 5), Instant::now());
        let taken = |key: &str, is_write, at| limits.take(key, is_write, at).wait;
        assert_eq!((0..60).map(|_| taken("a", false, now)).sum::<u64>(), 0);
        assert_eq!(taken("a", false, now), 1);
        assert_eq!(taken("b", false, now), 0, "another key has its own rate");
        assert_eq!(taken("a", false, now + Duration::from_secs(1)), 0);
        assert_eq!(taken("a", false, now + Duration::from_secs(1)), 1);
    }

    #[test]
    fn writes_have_a_rate_of_their_own() {
        let (limits, now) = (RateLimits::new(600, 5), Instant::now());
        assert_eq!((0..5).map(|_| limits.take("a", true, now).wait).sum::<u64>(), 0);
        let refused = limits.take("a", true, now);
        assert_eq!((refused.name, refused.wait, refused.remaining), ("writes", 1, 0));
        assert_eq!(limits.take("a", false, now).wait, 0, "reading is still admitted");
        let mut headers = HeaderMap::new();
        limits.add_headers(refused, &mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"requests\";q=600;w=60, \"writes\";q=5;w=1");
        assert_eq!(headers["ratelimit"], "\"writes\";r=0;t=1");
    }
}
