//! A rate that is raised from 5/s to 200/s and lowered again while a provider answers after one second.

use std::time::Duration;

use campaign::Rate;
use tokio::time::sleep;

use crate::figures::Figures;
use crate::flowcast::Flowcast;
use crate::many::arrivals::{Arrivals, excess, micros, seconds};
use crate::many::fleet::Fleet;
use crate::many::{EXCESS, SECONDS};
use crate::output::{line, number};
use crate::services::Services;

const SLOW: &str = "5/s";
const FAST: &str = "200/s";
const LATENCY: Duration = Duration::from_secs(1);
const EACH: Duration = Duration::from_secs(15);
const RECIPIENTS: u32 = 20_000;
/// The new rate is reached when a second has nine tenths of it.
const REACHED: f64 = 0.9;
const A_SECOND: u64 = 1_000_000;

/// Measures how long it takes until a raised rate is reached, and whether a rate is exceeded.
pub(crate) async fn run(measured: (&Services, &Flowcast), figures: &mut Figures) -> anyhow::Result<()> {
    let mut fleet = Fleet::start(measured, (1, 2)).await?;
    let sender = fleet.add_sender(("changing", SLOW), None).await?;
    let campaign = fleet.import("changing", 1, RECIPIENTS).await?;
    fleet.stand.ledger.set_latency(LATENCY).await?;
    fleet.start_campaign(&campaign).await?;
    let (slow, fast): (Rate, Rate) = (SLOW.parse()?, FAST.parse()?);
    sleep(EACH).await;
    let raised = fleet.stand.ledger.now().await?;
    fleet.stand.store.set_rate(sender, Some(fast)).await?;
    sleep(EACH).await;
    fleet.stand.store.set_rate(sender, Some(slow)).await?;
    let lowered = fleet.stand.ledger.now().await?;
    sleep(EACH).await;
    let arrivals = Arrivals::read(&fleet.stand.ledger).await?.of(&campaign)?;
    let part = |from: u64, until: u64| -> Vec<u64> {
        arrivals.iter().copied().filter(|at| (from..until).contains(at)).collect()
    };
    let (before, between, after) =
        (part(0, raised), part(raised, lowered), part(lowered + micros(LATENCY), u64::MAX));
    let reached = reached_after(&between, raised, fast).map_or(f64::NAN, seconds);
    figures.add("rate 5/s to 200/s: reached after", SECONDS, reached);
    for (what, arrivals, rate) in
        [("5/s", &before, slow), ("200/s", &between, fast), ("5/s again, after one second", &after, slow)]
    {
        figures.add(
            format!("rate 5/s to 200/s to 5/s: {what}, the fullest window"),
            EXCESS,
            excess(arrivals, rate),
        );
    }
    line(format!("    200/s reached after {} s, {} requests", number(reached), between.len()));
    fleet.stand.stop().await
}

/// The time until the first second with nine tenths of the rate begins, in microseconds.
fn reached_after(arrivals: &[u64], raised: u64, rate: Rate) -> Option<u64> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "some hundred requests")]
    let wanted = (rate.per_second() * REACHED) as usize;
    let full = arrivals
        .iter()
        .enumerate()
        .find(|(index, from)| arrivals.partition_point(|at| *at < **from + A_SECOND) - index >= wanted);
    full.map(|(_, from)| from - raised)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_reached_at_the_first_full_second() {
        let rate: Rate = "10/s".parse().unwrap();
        let slow = (0..4).map(|n| n * 500_000);
        let fast = (0..20).map(|n| 2_000_000 + n * 100_000);
        let arrivals: Vec<u64> = slow.chain(fast).map(|at| at + 7_000_000).collect();
        let reached = reached_after(&arrivals, 7_000_000, rate).unwrap();
        assert!((1_500_000..=2_000_000).contains(&reached), "{reached}");
        assert_eq!(reached_after(&arrivals[..4], 7_000_000, rate), None);
    }
}
