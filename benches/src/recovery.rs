//! How long the full rate takes to come back after a `kill -9` of the worker, of RabbitMQ, and of Postgres, each started again
//! at once.
//!
//! One worker sends at a rate. Back is the moment after the stall from which on three seconds hold nine tenths of the rate each.

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
/// What every second has to hold for the rate to be back.
const FULL: usize = 900;
/// For how many seconds it has to hold.
const HOLDS: u64 = 3;
/// Sent before the kill, and how long it is watched after it.
const BEFORE: u32 = 5_000;
const WATCHED: Duration = Duration::from_secs(40);
const ALL: u32 = 60_000;
const STEP: usize = 10_000;
/// The unit of how long it takes.
const SECONDS: &str = "s";

/// Who is killed.
#[derive(Clone, Copy)]
enum Victim {
    Worker,
    RabbitMq,
    Postgres,
}

/// Kills one after the other, each on a stand of its own.
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
    anyhow::ensure!(summary.accepted == summary.distinct_recipients, "somebody was sent to twice");
    let watched = u64::try_from(WATCHED.as_micros())?;
    Ok(back_after(&arrivals, killed_us, killed_us + watched))
}

/// Seconds from the kill to the first moment, after the stall it made, from which on the seconds are full; with no stall none.
#[expect(clippy::cast_precision_loss, reason = "some seconds, in microseconds")]
fn back_after(arrivals: &[u64], killed_us: u64, until_us: u64) -> f64 {
    let is_full = |from: u64| {
        let first = arrivals.partition_point(|at| *at < from);
        arrivals.partition_point(|at| *at < from + A_SECOND) - first >= FULL
    };
    // Of a second that is not over yet nobody can say that it is not full.
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
    fn the_rate_is_back_where_the_seconds_after_the_stall_are_full() {
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
