//! Sliding windows: how many arrivals fall into one, and the check of a rate limit against every window.
//!
//! Invariant: a window is half open, `[t, t + width)`. [`SlidingWindow`] never admits more requests than its limit in any such
//! window.

use std::collections::VecDeque;

use crate::RateLimit;

/// The largest number of arrivals in any window of `window_us` microseconds. `arrivals` must be in ascending order.
///
/// A window is half open: if `window_us` is 1,000,000, the arrivals at 0 and at 1,000,000 lie in different windows.
pub fn max_in_window(arrivals: &[u64], window_us: u64) -> usize {
    let mut first = 0;
    let mut most = 0;
    for (index, &arrival) in arrivals.iter().enumerate() {
        while arrivals.get(first).is_some_and(|&start| first < index && arrival - start >= window_us) {
            first += 1;
        }
        most = most.max(index + 1 - first);
    }
    most
}

/// A rate limit with the arrivals it admitted lately.
#[derive(Debug)]
pub(crate) struct SlidingWindow {
    limit: usize,
    window_us: u64,
    admitted: VecDeque<u64>,
}

impl SlidingWindow {
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self {
            limit: usize::try_from(limit.requests).unwrap_or(usize::MAX),
            window_us: u64::try_from(limit.per.as_micros()).unwrap_or(u64::MAX),
            admitted: VecDeque::new(),
        }
    }

    /// Admits or refuses a request that arrived at `at_us`; a refused request does not count. Requests that arrived together may
    /// be decided in any order, so `at_us` may be a little earlier than arrivals that were already admitted.
    pub(crate) fn admit(&mut self, at_us: u64) -> bool {
        let position = self.admitted.partition_point(|&earlier| earlier <= at_us);
        self.admitted.insert(position, at_us);
        let first = position.saturating_sub(self.limit);
        let fits = (first..=position).all(|index| match self.admitted.get(index + self.limit) {
            Some(&last) => last - self.admitted[index] >= self.window_us,
            None => true,
        });
        if !fits {
            self.admitted.remove(position);
        }
        let newest = self.admitted.back().copied().unwrap_or(0);
        while self.admitted.front().is_some_and(|&oldest| newest - oldest > self.window_us.saturating_mul(2))
        {
            self.admitted.pop_front();
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_the_fullest_window() {
        let table: [(&[u64], u64, usize); 7] = [
            (&[], 1_000, 0),
            (&[5], 1_000, 1),
            (&[0, 1_000], 1_000, 1),
            (&[0, 999], 1_000, 2),
            (&[0, 0, 0], 1, 3),
            (&[0, 400, 800, 1_100, 1_200, 5_000], 1_000, 4),
            (&[0, 10, 20], 0, 1),
        ];
        for (arrivals, window_us, most) in table {
            assert_eq!(max_in_window(arrivals, window_us), most, "{arrivals:?} in {window_us}");
        }
    }

    #[test]
    fn the_window_admits_exactly_its_limit_in_every_window() {
        let mut window = SlidingWindow::new("20/s".parse().unwrap());
        let admitted: Vec<u64> = (0..5_000_000).step_by(1_237).filter(|&now| window.admit(now)).collect();
        assert_eq!(max_in_window(&admitted, 1_000_000), 20);
        assert!(admitted.len() >= 99, "only {} of 100 permits were given", admitted.len());
    }

    #[test]
    fn the_window_allows_arrivals_that_are_slightly_out_of_order() {
        let mut window = SlidingWindow::new(RateLimit::per_second(2));
        assert!(window.admit(500_000) && window.admit(1_400_000));
        assert!(!window.admit(1_000_000), "the third within a second");
        assert!(window.admit(400_000), "a second before the latest");
        assert!(!window.admit(450_000), "the third within a tenth of a second");
    }

    #[test]
    fn the_window_is_half_open() {
        let mut window = SlidingWindow::new(RateLimit::per_second(1));
        assert!(window.admit(0));
        assert!(!window.admit(999_999));
        assert!(window.admit(1_000_000));
    }
}
