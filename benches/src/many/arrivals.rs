//! The arrivals of requests, by the campaign of their recipient, and the check of a rate.

use std::collections::HashMap;
use std::time::Duration;

use campaign::Rate;

use crate::ledger::Ledger;
use crate::limiter::fullest;
use crate::list;
use crate::many::fleet::Running;

/// The arrival times of all requests so far, by number, in microseconds since the simulator's start.
pub(crate) struct Arrivals(HashMap<u64, Vec<u64>>);

impl Arrivals {
    /// Reads the ledger.
    pub(crate) async fn read(ledger: &Ledger) -> anyhow::Result<Self> {
        let mut by_number: HashMap<u64, Vec<u64>> = HashMap::new();
        for (number, at) in ledger.arrivals_of_numbers().await? {
            by_number.entry(number).or_default().push(at);
        }
        Ok(Self(by_number))
    }

    /// The arrivals of a campaign, in order. An error if a recipient was sent to twice.
    pub(crate) fn of(&self, campaign: &Running) -> anyhow::Result<Vec<u64>> {
        let mut found = Vec::new();
        for row in campaign.rows.clone() {
            match self.0.get(&list::number(row)).map(Vec::as_slice) {
                None => {}
                Some([at]) => found.push(*at),
                Some(times) => {
                    anyhow::bail!("row {row} of campaign {} was sent to {} times", campaign.id, times.len())
                }
            }
        }
        found.sort_unstable();
        Ok(found)
    }
}

/// How much of the rate the arrivals in `from..until` (microseconds) use, in percent.
#[expect(clippy::cast_precision_loss, reason = "some thousand requests in some minutes")]
pub(crate) fn used(arrivals: &[u64], (from, until): (u64, u64), rate: Rate) -> f64 {
    let held = arrivals.iter().filter(|at| (from..until).contains(*at)).count();
    held as f64 / ((until - from) as f64 / 1e6 * rate.per_second()) * 100.0
}

/// By how much the fullest window exceeds rate × window + burst, in percent.
pub(crate) fn excess(arrivals: &[u64], rate: Rate) -> f64 {
    fullest(arrivals, rate).excess()
}

/// Microseconds of a duration.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Seconds of microseconds.
#[expect(clippy::cast_precision_loss, reason = "some minutes")]
pub(crate) fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}
