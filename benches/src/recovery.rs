//! How long the full rate takes to return after a `kill -9` of the worker, of RabbitMQ, and of PostgreSQL, each
//! restarted at once.
//!
//! One worker sends at a rate. The rate is back when, after the stall, three consecutive seconds reach nine tenths of
//! it.

use std::time::Duration;

use campaign::Provider;
use tokio::time::sleep;

use crate::figures::Figures;
use crate::flowcast::Flowcast;
use crate::latency::imported;
use crate::output::{line, number};
use crate::services::Services;
use crate::stand::Stand;

const RATE: &str = "1000/s,burst=20";
const A_SECOND: u64 = 1_000_000;
/// The least requests of a second at the full rate.
const FULL: usize = 900;
/// For how many seconds the rate must be full.
const HOLDS: u64 = 3;
/// Requests sent before the kill, and how long requests are observed after it.
const BEFORE: u32 = 5_000;
const WATCHED: Duration = Duration::from_secs(40);
const ALL: u32 = 60_000;
const STEP: usize = 10_000;
/// The unit of the figures.
const SECONDS: &str = "s";

/// The killed process.
#[derive(Clone, Copy)]
enum Victim {
    Worker,
    RabbitMq,
    Postgres,
}

/// Kills one after the other, each on its own stand.
pub(crate) async fn run(measured: (&Services, &Flowcast), figures: &mut Figures) -> anyhow::Result<()> {
    for (victim, name) in
        [(Victim::Worker, "the worker"), (Victim::RabbitMq, "RabbitMQ"), (Victim::Postgres, "Postgres")]
    {
        let seconds = Box::pin(kill(measured, victim)).await?;
        let title = format!("full rate back after kill -9 of {name}");
        line(format!("  {title}: {} s", number(seconds)));
        figures.add(title, SECONDS, seconds);
    }
    Ok(())
}

async fn kill((services, flowcast): (&Services, &Flowcast), victim: Victim) -> anyhow::Result<f64> {
    let stand = Stand::of_provider(services, flowcast, Provider::Meta).await?;
    let mut stand = stand.with_roles(flowcast, 1).await?;
    stand.store.set_rate(stand.sender, Some(RATE.parse()?)).await?;
    let id = imported(&stand, flowcast, ALL).await?;
    stand.start_campaign(flowcast, id).await?;
    stand.ledger.wait_for(BEFORE, Duration::from_mins(1)).await?;
    let killed_us = stand.ledger.summary().await?.last_arrival_us.unwrap_or_default();
    match victim {
        Victim::Worker => {
            stand.kill_consumer().await?;
            stand.add_consumer(flowcast)?;
        }
        Victim::RabbitMq => services.restart_rabbitmq().await?,
        Victim::Postgres => services.restart_postgres().await?,
    }
    sleep(WATCHED).await;
    let summary = stand.ledger.summary().await?;
    let arrivals = stand.ledger.arrivals().await?;
    stand.stop().await?;
    anyhow::ensure!(summary.accepted == summary.distinct_recipients, "a recipient was sent to twice");
    let watched = u64::try_from(WATCHED.as_micros())?;
    Ok(back_after(&arrivals, killed_us, killed_us + watched))
}

/// Seconds from the kill to the first moment after its stall from which on the seconds are full; 0 without a stall.
#[expect(clippy::cast_precision_loss, reason = "some seconds, in microseconds")]
fn back_after(arrivals: &[u64], killed_us: u64, until_us: u64) -> f64 {
    let is_full = |from: u64| {
        let first = arrivals.partition_point(|at| *at < from);
        arrivals.partition_point(|at| *at < from + A_SECOND) - first >= FULL
    };
    // A second that is not over yet cannot be judged.
    let mut moments = (killed_us..until_us.saturating_sub(A_SECOND)).step_by(STEP);
    if moments.find(|from| !is_full(*from)).is_none() {
        return 0.0;
    }
    let back = moments.find(|from| (0..HOLDS).all(|second| is_full(from + second * A_SECOND)));
    (back.unwrap_or(until_us) - killed_us) as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_back_when_the_seconds_after_the_stall_are_full() {
        let steady = |from: u64, to: u64| (from..to).step_by(1_000);
        let gap: Vec<u64> = steady(0, 10 * A_SECOND).chain(steady(13 * A_SECOND, 50 * A_SECOND)).collect();
        let seconds = back_after(&gap, 10 * A_SECOND, 40 * A_SECOND);
        assert!((2.8..3.0).contains(&seconds), "{seconds}");
        let none: Vec<u64> = steady(0, 50 * A_SECOND).collect();
        assert!(back_after(&none, 10 * A_SECOND, 40 * A_SECOND) < 0.001);
        let until_the_end: Vec<u64> = none.iter().copied().filter(|at| *at < 40 * A_SECOND).collect();
        assert!(back_after(&until_the_end, 10 * A_SECOND, 40 * A_SECOND) < 0.001);
    }
}
