//! How much of a rate is used, and by how much it is ever exceeded, with one to eight workers.
//!
//! The arrivals are stamped by the simulator as they come in; every sliding window is looked at. What comes too early in a
//! window is above rate × window + burst; `make faults` asks the same with kills and clocks that are wrong.

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
/// How long each is measured.
const SECONDS: u32 = 15;
const WINDOWS: [Duration; 3] = [Duration::from_millis(100), Duration::from_secs(1), Duration::from_secs(10)];
/// The units of both.
const USED: &str = "% used";
const EXCESS: &str = "% above";

/// Measures every rate with every number of workers.
pub(crate) async fn run(measured: (&Services, &Flowcast), figures: &mut Figures) -> anyhow::Result<()> {
    for rate in RATES {
        let rate: Rate = rate.parse()?;
        for workers in WORKERS {
            let arrivals = Box::pin(arrivals(measured, workers, rate)).await?;
            let (used, excess) = (used(&arrivals, rate), excess(&arrivals, rate));
            let title = format!("{}/s, workers: {workers}", number(rate.per_second()));
            line(format!("  {title}: {used:.2} % used, {excess:.2} % above in the fullest window"));
            figures.add(&title, USED, used);
            figures.add(&title, EXCESS, excess);
        }
    }
    Ok(())
}

/// When each request of a campaign arrived, in microseconds, in order.
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

/// The most that any window holds above rate × window + burst, in hundredths of that; none is 0.
#[expect(clippy::cast_precision_loss, reason = "some seconds, in microseconds")]
fn excess(arrivals: &[u64], rate: Rate) -> f64 {
    let in_window = |window: Duration| {
        let micros = u64::try_from(window.as_micros()).unwrap_or(u64::MAX);
        let held = arrivals
            .iter()
            .enumerate()
            .map(|(index, from)| arrivals.partition_point(|at| *at < from.saturating_add(micros)) - index);
        let allowed = rate.per_second() * window.as_secs_f64() + f64::from(rate.burst());
        (held.max().unwrap_or(0) as f64 / allowed - 1.0).max(0.0) * 100.0
    };
    WINDOWS.into_iter().map(in_window).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_rate_is_used_and_not_exceeded_and_one_too_fast_is() {
        let rate: Rate = "100/s".parse().unwrap();
        let steady: Vec<u64> = (0..3_000).map(|n| n * 10_000).collect();
        assert!(used(&steady, rate) > 99.0);
        assert!(excess(&steady, rate) < 0.001);
        let fast: Vec<u64> = (0..3_000).map(|n| n * 5_000).collect();
        assert!(excess(&fast, rate) > 90.0);
    }
}
