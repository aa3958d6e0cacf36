//! How much of a rate is used, and by how much it is exceeded, with one to eight workers.
//!
//! The simulator records the arrival times, and every sliding window is checked. A window is too full above rate ×
//! window + burst. `make faults` checks the same with kills and wrong clocks.

use std::fmt;
use std::time::Duration;

use campaign::{Provider, Rate};

use crate::figures::Figures;
use crate::flowcast::Flowcast;
use crate::latency::imported;
use crate::output::{line, number};
use crate::services::Services;
use crate::stand::Stand;

const RATES: [&str; 2] = ["80/s", "1000/s,burst=20"];
const WORKERS: [u32; 4] = [1, 2, 4, 8];
/// How long each rate is measured.
const SECONDS: u32 = 15;
const WINDOWS: [Duration; 3] = [Duration::from_millis(100), Duration::from_secs(1), Duration::from_secs(10)];
/// The units of the two figures.
const USED: &str = "% used";
const EXCESS: &str = "% above";

/// Measures every rate with every number of workers.
pub(crate) async fn run(measured: (&Services, &Flowcast), figures: &mut Figures) -> anyhow::Result<()> {
    for rate in RATES {
        let rate: Rate = rate.parse()?;
        for workers in WORKERS {
            let arrivals = Box::pin(arrivals(measured, workers, rate)).await?;
            let (used, fullest) = (used(&arrivals, rate), fullest(&arrivals, rate));
            let title = format!("{}/s, workers: {workers}", number(rate.per_second()));
            line(format!("  {title}: {used:.2} % used; the fullest window: {fullest}"));
            figures.add(&title, USED, used);
            figures.add(&title, EXCESS, fullest.excess());
        }
    }
    Ok(())
}

/// The arrival time of each request of a campaign, in microseconds, in order.
async fn arrivals(
    (services, flowcast): (&Services, &Flowcast),
    workers: u32,
    rate: Rate,
) -> anyhow::Result<Vec<u64>> {
    let stand = Stand::of_provider(services, flowcast, Provider::Meta).await?;
    let mut stand = stand.with_roles(flowcast, workers).await?;
    stand.store.set_rate(stand.sender, Some(rate)).await?;
    let all = rate.permits_in(Duration::from_secs(SECONDS.into()));
    let id = imported(&stand, flowcast, all).await?;
    stand.start_campaign(flowcast, id).await?;
    stand.wait_until_sent(id, all).await?;
    stand.check(id, all).await?;
    let arrivals = stand.ledger.arrivals().await?;
    stand.stop().await?;
    Ok(arrivals)
}

#[expect(clippy::cast_precision_loss, reason = "some seconds, in microseconds")]
fn used(arrivals: &[u64], rate: Rate) -> f64 {
    let (Some(first), Some(last)) = (arrivals.first(), arrivals.last()) else { return 0.0 };
    let possible = (last - first) as f64 / 1e6 * rate.per_second() + f64::from(rate.burst());
    arrivals.len() as f64 / possible.max(1.0) * 100.0
}

/// The window that exceeds rate × window + burst by the most, or comes nearest to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fullest {
    window: Duration,
    /// Time since the first request.
    at: Duration,
    held: usize,
    allowed: f64,
}

impl Fullest {
    /// The number of its requests as a share of the allowed number.
    #[expect(clippy::cast_precision_loss, reason = "some thousand requests")]
    fn share(&self) -> f64 {
        self.held as f64 / self.allowed
    }

    /// The surplus of requests, in percent of the allowed number; never below 0.
    pub(crate) fn excess(&self) -> f64 {
        (self.share() - 1.0).max(0.0) * 100.0
    }
}

impl fmt::Display for Fullest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { window, at, held, allowed } = self;
        write!(f, "{held} of {allowed} in {window:?}, {:.3} s after the first", at.as_secs_f64())
    }
}

/// The window that exceeds rate × window + burst by the most, over windows of 0.1, 1 and 10 seconds. `arrivals` are in order.
pub(crate) fn fullest(arrivals: &[u64], rate: Rate) -> Fullest {
    let in_window = |window: Duration| {
        let micros = u64::try_from(window.as_micros()).unwrap_or(u64::MAX);
        let held = arrivals.iter().enumerate().map(|(index, from)| {
            (arrivals.partition_point(|at| *at < from.saturating_add(micros)) - index, index)
        });
        let (held, index) = held.max_by_key(|(held, _)| *held).unwrap_or_default();
        let at = arrivals.get(index).map_or(0, |at| at - arrivals[0]);
        let allowed = rate.per_second() * window.as_secs_f64() + f64::from(rate.burst());
        Fullest { window, at: Duration::from_micros(at), held, allowed }
    };
    let [first, others @ ..] = WINDOWS.map(in_window);
    others
        .into_iter()
        .fold(first, |fullest, other| if other.share() > fullest.share() { other } else { fullest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_rate_is_fully_used_and_a_faster_one_exceeds_it() {
        let rate: Rate = "100/s".parse().unwrap();
        let steady: Vec<u64> = (0..3_000).map(|n| n * 10_000).collect();
        assert!(used(&steady, rate) > 99.0);
        assert!(fullest(&steady, rate).excess() < 0.001);
        let fast: Vec<u64> = (0..3_000).map(|n| n * 5_000).collect();
        assert!(fullest(&fast, rate).excess() > 90.0);
        let crowded: Vec<u64> = (0..300).map(|n| n * 10_000).chain((0..15).map(|n| 3_000_000 + n)).collect();
        let fullest = fullest(&crowded, rate);
        assert_eq!((fullest.held, fullest.window), (24, Duration::from_millis(100)));
        assert_eq!(fullest.at, Duration::from_millis(2_910));
    }
}
