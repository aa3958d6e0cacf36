//! The growing pause between two attempts to reach RabbitMQ; the only file that uses the crate `backoff`.
//!
//! `backoff` is unmaintained (RUSTSEC-2025-0012), so none of its types leaves this file. Invariant: the pauses never
//! end, and each is between [`SHORTEST`] and [`LONGEST`].

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff as _;

/// The shortest pause; the first one is close to it.
pub(crate) const SHORTEST: Duration = Duration::from_millis(200);
/// The longest pause, and the least lifetime of a connection after which the pauses start from the shortest again.
pub(crate) const LONGEST: Duration = Duration::from_secs(15);

/// Exponentially growing pauses with jitter, without an end.
pub(crate) struct Backoff(ExponentialBackoff);

impl Backoff {
    pub(crate) fn new() -> Self {
        let mut pauses = ExponentialBackoff {
            initial_interval: SHORTEST * 3 / 2,
            multiplier: 2.0,
            randomization_factor: 0.33,
            max_interval: LONGEST * 3 / 4,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        pauses.reset();
        Self(pauses)
    }

    /// The next pause.
    pub(crate) fn next(&mut self) -> Duration {
        self.0.next_backoff().unwrap_or(LONGEST).clamp(SHORTEST, LONGEST)
    }

    /// Starts from the shortest pause again if the connection that just ended had lived long enough.
    ///
    /// A connection that is lost at once, over and over, must not be rebuilt in a hot loop.
    pub(crate) fn connection_lived(&mut self, lived: Duration) {
        if lived >= LONGEST {
            self.0.reset();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_with_jitter_and_never_end() {
        let mut backoff = Backoff::new();
        let pauses: Vec<Duration> = (0..200).map(|_| backoff.next()).collect();
        assert!(pauses.iter().all(|pause| (SHORTEST..=LONGEST).contains(pause)), "{pauses:?}");
        assert!(pauses[0] <= SHORTEST * 2, "the first pause is short: {:?}", pauses[0]);
        assert!(pauses[10..].iter().all(|pause| *pause > LONGEST / 4), "later ones are long");
        assert!(pauses[10..].windows(2).any(|pair| pair[0] != pair[1]), "with jitter");
    }

    #[test]
    fn only_a_connection_that_lived_makes_the_pauses_short_again() {
        let mut backoff = Backoff::new();
        for _ in 0..20 {
            backoff.next();
        }
        backoff.connection_lived(LONGEST / 2);
        assert!(backoff.next() > SHORTEST * 4);
        backoff.connection_lived(LONGEST);
        assert!(backoff.next() <= SHORTEST * 2);
    }
}
