//! When a failed delivery is attempted again.

use std::time::Duration;

const SECOND: u64 = 1;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// The pauses after the first, second, … failed attempt, in seconds: the schedule that Standard Webhooks recommends.
const PAUSES: [u64; 7] = [5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR];

/// The pause after this failed attempt, counted from 1; `None`: it was the last one. `jitter` of 0 to 1 makes it 0 to 20 % longer,
/// so that deliveries that failed together are not attempted together.
pub fn pause_after(attempt: i32, jitter: f64) -> Option<Duration> {
    let place = usize::try_from(attempt).ok()?.checked_sub(1)?;
    let pause = Duration::from_secs(*PAUSES.get(place)?);
    Some(pause.mul_f64(1.0 + 0.2 * jitter.clamp(0.0, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_attempts_are_spread_over_31_hours() {
        let pauses: Vec<u64> = (1..8).map(|n| pause_after(n, 0.0).unwrap().as_secs()).collect();
        assert_eq!(pauses, [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400]);
        for attempt in [i32::MIN, -1, 0, 8, i32::MAX] {
            assert_eq!(pause_after(attempt, 0.5), None, "{attempt}");
        }
    }

    #[test]
    fn the_jitter_is_at_most_a_fifth() {
        assert_eq!(pause_after(1, 1.0), Some(Duration::from_secs(6)));
        assert_eq!(pause_after(1, 7.0), Some(Duration::from_secs(6)));
        assert_eq!(pause_after(1, -7.0), Some(Duration::from_secs(5)));
    }
}
