//! One pass of Flowcast with all its promises: undisturbed and timed, or with one `kill -9` of its consumer half-way.
//!
//! The clock runs as for the peers. Their queue is full before the start. So all recipients are published here and the
//! feed's cursor is moved, as a producer does it, before the roles start. A producer runs all the same, to finish the
//! campaign. With [`Contestant::FlowcastFed`] it publishes while the consumer sends, as in production, and its work is
//! part of the figures.

use std::time::Duration;

use anyhow::Context;
use broker::{Publisher, Topology};
use campaign::{Block, CampaignId, Provider};
use secrecy::SecretString;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::contestant::Contestant;
use crate::flowcast::Flowcast;
use crate::latency::imported;
use crate::peer_pass::{Killed, Timed, WARM_UP};
use crate::services::Services;
use crate::stand::{Stand, difference};

/// How long a start may take. The claims of a dead worker are released after the lease, which is a minute.
const STUCK_AFTER: Duration = Duration::from_mins(2);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Sends to `all` recipients, and checks ledger and report.
pub(crate) async fn timed(
    measured: (&Services, &Flowcast),
    contestant: Contestant,
    all: u32,
) -> anyhow::Result<Timed> {
    let (mut stand, id) = started(measured, contestant, all).await?;
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

/// Sends to `all` recipients, kills the consumer after half of them, and starts another one.
pub(crate) async fn killed(
    measured: (&Services, &Flowcast),
    contestant: Contestant,
    all: u32,
) -> anyhow::Result<Killed> {
    let (mut stand, id) = started(measured, contestant, all).await?;
    stand.ledger.wait_for(all / 2, STUCK_AFTER).await?;
    stand.kill_consumer().await?;
    let open = u32::try_from(stand.store.report(id).await?.sending)?;
    stand.add_consumer(measured.1)?;
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

/// A campaign that was just started, and a stand with a producer and a consumer that send it.
async fn started(
    (services, flowcast): (&Services, &Flowcast),
    contestant: Contestant,
    all: u32,
) -> anyhow::Result<(Stand, CampaignId)> {
    let mut stand = Stand::of_provider(services, flowcast, Provider::Meta).await?;
    let id = imported(&stand, flowcast, all).await?;
    stand.start_campaign(flowcast, id).await?;
    match contestant {
        Contestant::FlowcastFed => {}
        Contestant::FlowcastSingly => publish(&stand, id, all, 1).await?,
        _ => publish(&stand, id, all, Block::MOST).await?,
    }
    stand.add_producer(flowcast)?;
    stand.add_consumer(flowcast)?;
    Ok((stand, id))
}

/// Publishes all recipients in blocks of `each`, and moves the feed's cursor past them.
async fn publish(stand: &Stand, id: CampaignId, all: u32, each: usize) -> anyhow::Result<()> {
    let queue = Topology::new(stand.scope.queue_prefix()).sender_queue(stand.sender.0);
    let mut config = broker::Config::new(SecretString::from(stand.scope.amqp_url()));
    stand.scope.queue_prefix().clone_into(&mut config.prefix);
    let stop = CancellationToken::new();
    let (publisher, publishing) = Publisher::start(config, stop.clone());
    publisher.declare(&queue).await?;
    let last = i32::try_from(all)?;
    let blocks = Block::of_range(id, (0, last), each).iter().map(Block::encode).collect();
    publisher.publish(&queue, blocks).await.context("filling the queue")?;
    stop.cancel();
    publishing.await?;
    Ok(stand.store.advance_cursor(id, 0, last).await?)
}
