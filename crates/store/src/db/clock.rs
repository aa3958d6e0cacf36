//! The offset between the database clock and the clock of this process. The wall clock of the process is not used.
//!
//! Every answer to a claim contains the time at which the database wrote the answer. The answer arrives after an unknown and
//! varying delay. The smallest delay of the last seconds gives the best estimate of the offset. Without the estimate, a worker
//! with slow answers would use each departure slot late, and overlap the slots of the next worker.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

/// How long a measurement is valid: clocks drift by about 50 µs per second.
const BELIEVED: Duration = Duration::from_secs(5);

/// One moment on both clocks; the local one is never too early, only too late.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    local: Instant,
    database: Timestamp,
}

impl Anchor {
    /// The local time of this moment of the database.
    fn local_of(self, database: Timestamp) -> Instant {
        let micros = database.as_microsecond() - self.database.as_microsecond();
        let distance = Duration::from_micros(micros.unsigned_abs());
        if micros >= 0 {
            self.local + distance
        } else {
            self.local.checked_sub(distance).unwrap_or(self.local)
        }
    }

    fn is_later_than(self, other: Self) -> bool {
        self.local > other.local_of(self.database)
    }
}

/// The offset between the database clock and the clock of this process.
#[derive(Debug, Default)]
pub(crate) struct DatabaseClock {
    /// The best measurement of the last complete span, and the best of the current span.
    settled: Option<Anchor>,
    gathering: Option<(Instant, Anchor)>,
}

impl DatabaseClock {
    /// The local time of `database`, the time in an answer that was requested at `asked` and arrived at `answered`.
    pub(crate) fn align(&mut self, asked: Instant, database: Timestamp, answered: Instant) -> Instant {
        let measured = Anchor { local: answered, database };
        match self.gathering {
            Some((since, best)) if answered.saturating_duration_since(since) < BELIEVED => {
                let better = if best.is_later_than(measured) { measured } else { best };
                self.gathering = Some((since, better));
            }
            Some((_, best)) => {
                self.settled = Some(best);
                self.gathering = Some((answered, measured));
            }
            None => self.gathering = Some((answered, measured)),
        }
        let anchors = self.settled.into_iter().chain(self.gathering.map(|(_, best)| best));
        let earliest = anchors.map(|anchor| anchor.local_of(database)).min().unwrap_or(answered);
        if earliest < asked {
            // A clock was set, so earlier measurements are wrong.
            *self = Self { settled: None, gathering: Some((answered, measured)) };
            return answered;
        }
        earliest.min(answered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks at local `at_ms`, when the database's clock says the same; it writes its answer `there` later, and the answer
    /// comes `back` after that. How far the aligned moment is from the true one, in milliseconds.
    fn error_ms(clock: &mut DatabaseClock, start: Instant, (at_ms, there, back): (u64, u64, u64)) -> u64 {
        let ms = Duration::from_millis;
        let asked = start + ms(at_ms);
        let written = Timestamp::UNIX_EPOCH + ms(at_ms + there);
        let aligned = clock.align(asked, written, asked + ms(there + back));
        u64::try_from((aligned - (asked + ms(there))).as_millis()).unwrap()
    }

    #[test]
    fn the_shortest_delay_says_how_the_clocks_stand() {
        let (mut clock, start) = (DatabaseClock::default(), Instant::now());
        let errors = [(0, 1, 9), (100, 0, 4), (200, 0, 2), (300, 3, 40), (400, 0, 7)]
            .map(|answer| error_ms(&mut clock, start, answer));
        assert_eq!(errors, [9, 4, 2, 2, 2]);
    }

    #[test]
    fn an_old_measurement_is_forgotten() {
        let (mut clock, start) = (DatabaseClock::default(), Instant::now());
        let errors = [(0, 0, 1), (4_000, 0, 9), (5_100, 0, 9), (9_000, 0, 8), (10_200, 0, 9)]
            .map(|answer| error_ms(&mut clock, start, answer));
        assert_eq!(errors, [1, 1, 1, 1, 8]);
    }

    #[test]
    fn a_clock_that_was_set_is_measured_anew() {
        let (mut clock, start) = (DatabaseClock::default(), Instant::now());
        let ms = Duration::from_millis;
        assert_eq!(error_ms(&mut clock, start, (0, 0, 1)), 1);
        // The database's clock is put back by a minute: its answer seems to be from before the question.
        let asked = start + ms(60_100);
        let aligned = clock.align(asked, Timestamp::UNIX_EPOCH + ms(100), asked + ms(3));
        assert_eq!(aligned, asked + ms(3));
        // And forward again.
        let aligned = clock.align(asked + ms(10), Timestamp::UNIX_EPOCH + ms(90_000), asked + ms(12));
        assert_eq!(aligned, asked + ms(12));
    }
}
