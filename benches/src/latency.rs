//! The effect of a slow provider: the speed of one worker, whether it keeps a rate, and how the speeds of several
//! workers add up.

use std::time::Duration;

use campaign::{CampaignId, Rate};
use tokio::time::Instant;

use crate::figures::{Figures, PER_SECOND};
use crate::flowcast::Flowcast;
use crate::list;
use crate::output::{line, number};
use crate::services::Services;
use crate::stand::Stand;

const LATENCIES_MS: [u64; 3] = [0, 50, 200];
/// The latency at which workers are added, and their numbers. One worker with default settings would use a small
/// machine fully. These have few requests in flight, to show whether workers hinder each other.
const SCALED_MS: u64 = 50;
const WORKERS: [u32; 4] = [1, 2, 4, 8];
const FEW: [(&str, &str); 2] = [("FLOWCAST_CONSUMER_IN_FLIGHT", "32"), ("FLOWCAST_CONSUMER_BATCH", "16")];
/// The recipients of one such worker; several get more.
const FEW_RECIPIENTS: u32 = 3_000;
/// The most recipients of one measurement: at most five seconds with all permits in use.
const MOST: u32 = 40_000;
/// The rate that one worker must keep at the longest latency.
const RATE: &str = "1000/s,burst=20";
const RATE_FOR: u32 = 10_000;
/// The unit of scaling: 1 is the speed of that many single workers.
const SHARE: &str = "× linear";

/// Measures one worker at each latency, one with a rate, and several.
pub(crate) async fn run(
    measured: (&Services, &Flowcast),
    recipients: u32,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    for latency in LATENCIES_MS {
        let speed = speed(measured, (1, latency), recipients.min(MOST), &[], None).await?;
        add(figures, &format!("1 worker at {latency} ms"), speed);
    }
    if let Some(latency) = LATENCIES_MS.last() {
        let speed = speed(measured, (1, *latency), RATE_FOR, &[], Some(RATE.parse()?)).await?;
        add(figures, &format!("1 worker at {latency} ms and 1,000/s"), speed);
    }
    let mut single = f64::NAN;
    for workers in WORKERS {
        let speed = speed(measured, (workers, SCALED_MS), FEW_RECIPIENTS * workers, &FEW, None).await?;
        let title = format!("workers with 32 requests under way at {SCALED_MS} ms: {workers}");
        add(figures, &title, speed);
        if workers == 1 {
            single = speed;
        }
        figures.add(title, SHARE, speed / single / f64::from(workers));
    }
    Ok(())
}

fn add(figures: &mut Figures, title: &str, speed: f64) {
    figures.add(title, PER_SECOND, speed);
    line(format!("  {title}: {}/s", number(speed)));
}

/// Recipients per second, from the first tenth to the last commit.
async fn speed(
    (services, flowcast): (&Services, &Flowcast),
    (workers, latency_ms): (u32, u64),
    all: u32,
    settings: &[(&'static str, &str)],
    rate: Option<Rate>,
) -> anyhow::Result<f64> {
    let mut stand = Stand::without_roles(services, flowcast).await?;
    let settings = settings.iter().map(|(name, value)| (*name, (*value).to_owned()));
    stand.surroundings.environment.extend(settings);
    let mut stand = stand.with_roles(flowcast, workers).await?;
    stand.ledger.set_latency(Duration::from_millis(latency_ms)).await?;
    stand.store.set_rate(stand.sender, rate).await?;
    let id = imported(&stand, flowcast, all).await?;
    stand.start_campaign(flowcast, id).await?;
    let warm = stand.ledger.wait_for(all / 10, Duration::from_mins(1)).await?;
    let began = Instant::now();
    let committed = stand.wait_until_sent(id, all).await?;
    stand.check(id, all).await?;
    stand.stop().await?;
    Ok(f64::from(all.saturating_sub(warm)) / (committed - began).as_secs_f64())
}

/// A campaign with an imported list.
pub(crate) async fn imported(stand: &Stand, flowcast: &Flowcast, all: u32) -> anyhow::Result<CampaignId> {
    let id = stand.campaign().await?;
    let list = stand.list(list::MEASURED..list::MEASURED + all)?.display().to_string();
    flowcast.run(&["campaign", "import", &id.to_string(), &list], &stand.surroundings, drop).await?;
    Ok(id)
}
