//! The pause before another attempt if the provider has no schedule of its own.

use std::time::Duration;

/// Exponential backoff with jitter over the upper half. After attempt 1 the pause is between half of `base` and `base`.
/// After attempt 2 it is up to twice that, and so on up to `cap`. `random` is in `0.0..1.0`.
pub fn backoff(base: Duration, cap: Duration, attempt: u16, random: f64) -> Duration {
    let doublings = u32::from(attempt.saturating_sub(1)).min(20);
    let longest = base.saturating_mul(1 << doublings).min(cap);
    longest.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_pause_is_never_longer_than_the_cap_nor_shorter_than_half_the_base(
            base in 1..10_000u64, cap in 10_000..1_000_000u64, attempt: u16, random in 0.0..1.0f64,
        ) {
            let (base, cap) = (Duration::from_millis(base), Duration::from_millis(cap));
            let pause = backoff(base, cap, attempt, random);
            prop_assert!(pause >= base / 2 && pause <= cap);
        }
    }

    #[test]
    fn pauses_double_until_the_cap() {
        let pauses: Vec<u64> = (1..=6)
            .map(|attempt| backoff(Duration::from_secs(30), Duration::from_mins(5), attempt, 1.0).as_secs())
            .collect();
        assert_eq!(pauses, [30, 60, 120, 240, 300, 300]);
    }
}
