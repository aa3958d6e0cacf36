//! One pass of Flowcast itself, with all its promises: undisturbed and timed, or with one `kill -9` of its consumer half-way.
//!
//! The clock runs as it does for the peers. The rows are there; the messages are published by the producer as they are used,
//! because that is a promise too, so its CPU time is told beside the consumer's.

use std::time::Duration;

use campaign::{CampaignId, Provider};
use tokio::time::{Instant, sleep};

use crate::flowcast::Flowcast;
use crate::list;
use crate::peer_pass::{Killed, Timed, WARM_UP};
use crate::services::Services;
use crate::stand::{Stand, difference};

/// What a start may take; a claim of a dead worker is given up after the lease, a minute.
const STUCK_AFTER: Duration = Duration::from_mins(2);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Sends to `all` recipients, and checks ledger and report.
pub(crate) async fn timed((services, flowcast): (&Services, &Flowcast), all: u32) -> anyhow::Result<Timed> {
    let (mut stand, id) = started((services, flowcast), all).await?;
    let warm = stand.ledger.wait_for(all / WARM_UP, STUCK_AFTER).await?;
    let (before, began) = (stand.cpu()?, Instant::now());
    let committed = stand.wait_until_sent(id, all).await?;
    let after = stand.cpu()?;
    stand.check(id, all).await?;
    stand.stop().await?;
    let jobs = all.saturating_sub(warm);
    let per_second = f64::from(jobs) / (committed - began).as_secs_f64();
    Ok(Timed { per_second, cpu: difference(&before, &after), jobs })
}

/// Sends to `all` recipients, kills the consumer when half of them are sent to, and starts another.
pub(crate) async fn killed((services, flowcast): (&Services, &Flowcast), all: u32) -> anyhow::Result<Killed> {
    let (mut stand, id) = started((services, flowcast), all).await?;
    stand.ledger.wait_for(all / 2, STUCK_AFTER).await?;
    stand.kill_consumer().await?;
    let open = u32::try_from(stand.store.report(id).await?.sending)?;
    stand.add_consumer(flowcast)?;
    let began = Instant::now();
    let report = loop {
        let report = stand.store.report(id).await?;
        let settled = report.accepted + report.unknown == i64::from(all);
        if settled || began.elapsed() > STUCK_AFTER {
            break report;
        }
        sleep(LOOK_EVERY).await;
    };
    let ledger = stand.ledger.summary().await?;
    stand.stop().await?;
    let (accepted, unknown) = (u32::try_from(report.accepted)?, u32::try_from(report.unknown)?);
    Ok(Killed {
        lost: all.saturating_sub(accepted + unknown),
        doubled: ledger.accepted.saturating_sub(ledger.distinct_recipients),
        unknown,
        open,
    })
}

/// A campaign that was just started, on a stand with one consumer.
async fn started(
    (services, flowcast): (&Services, &Flowcast),
    all: u32,
) -> anyhow::Result<(Stand, CampaignId)> {
    let stand = Stand::of_provider(services, flowcast, Provider::Meta).await?;
    let stand = stand.with_roles(flowcast, 1).await?;
    let id = stand.campaign().await?;
    let list = stand.list(list::MEASURED..list::MEASURED + all)?.display().to_string();
    flowcast.run(&["campaign", "import", &id.to_string(), &list], &stand.surroundings, drop).await?;
    stand.start_campaign(flowcast, id).await?;
    Ok((stand, id))
}
