//! A small urgent campaign beside a campaign of a million, at a rate that both share.

use std::time::Duration;

use tokio::time::sleep;

use crate::figures::Figures;
use crate::flowcast::Flowcast;
use crate::many::SECONDS;
use crate::many::arrivals::{Arrivals, seconds};
use crate::many::fleet::Fleet;
use crate::output::{line, number};
use crate::services::Services;

const RATE: &str = "20/s";
const LARGE: u32 = 1_000_000;
const URGENT: u32 = 20;
/// The greatest weight of a campaign.
const WEIGHT: u16 = 100;
/// How long the large campaign is alone, and the limit of the urgent one.
const ALONE: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_mins(2);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Measures the first and the last request of the urgent campaign, after its start.
pub(crate) async fn run(
    measured: (&Services, &Flowcast),
    workers: u32,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let mut fleet = Fleet::start(measured, (1, workers)).await?;
    fleet.add_sender(("shared", RATE), None).await?;
    let large = fleet.import("shared", 1, LARGE).await?;
    let urgent = fleet.import("shared", WEIGHT, URGENT).await?;
    fleet.start_campaign(&large).await?;
    sleep(ALONE).await;
    fleet.start_campaign(&urgent).await?;
    // The start is committed a moment before the command ends, so the figures leave out some hundredths of a second.
    let started = fleet.stand.ledger.now().await?;
    let began = tokio::time::Instant::now();
    let arrivals = loop {
        let arrivals = Arrivals::read(&fleet.stand.ledger).await?.of(&urgent)?;
        if arrivals.len() == usize::try_from(URGENT)? {
            break arrivals;
        }
        anyhow::ensure!(began.elapsed() < LIMIT, "{} of {URGENT} urgent requests arrived", arrivals.len());
        sleep(LOOK_EVERY).await;
    };
    let [first, last] = [arrivals.first(), arrivals.last()]
        .map(|at| at.map_or(f64::NAN, |at| seconds(at.saturating_sub(started))));
    for (what, value) in [("first", first), ("last", last)] {
        figures.add(format!("urgent, workers: {workers}: {what} request"), SECONDS, value);
    }
    line(format!("    workers: {workers}: first after {} s, last after {} s", number(first), number(last)));
    fleet.stand.stop().await
}
