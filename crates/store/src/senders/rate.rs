//! The rate of a sender: its columns, and the limits of one lease of departure slots.

use std::time::Duration;

use campaign::Rate;

/// How far in advance departure slots are granted. A worker that dies loses at most the slots of this time. If
/// PostgreSQL does not answer for longer than this, slots pass unused.
pub(crate) const MAX_AHEAD: &str = "interval '500 milliseconds'";
/// The same as a duration.
pub(crate) const MOST_AHEAD: Duration = Duration::from_millis(500);

/// The longest time of the rate that one lease contains.
pub(crate) const LONGEST: &str = "interval '250 milliseconds'";

/// The columns of a rate: permits, microseconds per period, burst. All are null when there is no limit.
pub(crate) fn rate_columns(rate: Option<Rate>) -> (Option<i32>, Option<i64>, Option<i32>) {
    let clamp = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    (
        rate.map(|rate| clamp(rate.permits())),
        rate.map(|rate| i64::try_from(rate.per().as_micros()).unwrap_or(i64::MAX)),
        rate.map(|rate| clamp(rate.burst())),
    )
}

/// The rate in three columns, all null when there is none.
pub(crate) fn rate_of(permits: Option<i32>, per_us: Option<i64>, burst: Option<i32>) -> Option<Rate> {
    let permits = u32::try_from(permits?).ok()?;
    let per = Duration::from_micros(u64::try_from(per_us?).ok()?);
    Rate::new(permits, per, u32::try_from(burst?).ok()?)
}
